"""Checks of matplotlib for `femristor doctor`. In: nothing. Out: one `Check` with the folder of its fonts."""

from pathlib import Path

from femristor.core.environment import Check, probe, run_check

REMEDY = "run 'make setup' to install the tested version, or make the named folder writable (MPLCONFIGDIR sets another)"


def checks() -> list[Check]:
    """Check that matplotlib can keep its list of fonts.

    Returns:
        One `Check`.
    """
    return [run_check("matplotlib", _matplotlib, remedy=REMEDY)]


def _matplotlib() -> str:
    import matplotlib

    folder = Path(matplotlib.get_cachedir())
    probe(folder)
    return f"{matplotlib.__version__}, fonts kept in {folder}"
