"""Reference curves that come with the package (see femristor/data/reference/LICENSES.md)."""

from importlib import resources
from pathlib import Path

from femristor.core.curves import IVCurve
from femristor.core.io.ivfile import read_iv_csv

FILES = {"lrs": "read_iv_lrs_3.77e25.csv", "hrs": "read_iv_hrs_7e24.csv"}


def reference_path(state: str) -> Path:
    """File of the read I-V of a state, "lrs" or "hrs"."""
    return Path(str(resources.files("femristor"))) / "data" / "reference" / FILES[state]


def reference_curve(state: str) -> IVCurve:
    """Read I-V of IBM's compact model in ngspice, -0.2 to 0.2 V, 293 K.

    Args:
        state: "lrs" or "hrs".

    Returns:
        IVCurve labelled with the state.
    """
    (curve,) = read_iv_csv(reference_path(state), label=state)
    return IVCurve(
        curve.voltage_V,
        curve.current_A,
        curve.ambient_K,
        state,
        f"IBM CMO/HfOx compact model in ngspice, {FILES[state]}",
    )
