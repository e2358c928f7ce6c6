"""Forming voltages of an array from a stated spread of one physical parameter: the activation energy of a bond.

In: DeviceCard with [forming]. Out: FormingArray, ours and the published numbers side by side; nothing is tuned to them.
"""

from dataclasses import replace

import numpy as np

from femristor.core.constants import EV
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.core.rng import generator
from femristor.device.card import DeviceCard
from femristor.fem.forming.process import FormingCell, FormingPlan
from femristor.fem.results.forming import FormingArray

PAPER_MEAN_V, PAPER_SIGMA_V = 3.2, 0.075
"""Forming voltages of 32 cells (Falcone et al., arXiv 2502.04524)."""
NODES = 5
"""Activation energies solved for an array; forming voltages between them lie on a parabola."""
NODE_PEAK = 1.4
"""Peak of the sweep of a node over that of the plan, so that late devices can be told from early ones."""


def forming_array(
    card: DeviceCard,
    *,
    devices: int = 32,
    seed: int = 0,
    spread_J: float | None = None,
    plan: FormingPlan | None = None,
    nodes: int = NODES,
    cell: FormingCell | None = None,
    progress=None,
) -> FormingArray:
    """Forming voltages of an array whose devices differ in activation energy.

    Fields are solved for a few energies over the range of the devices; the devices lie on a parabola through them.

    Args:
        card: device card.
        devices: how many.
        seed: seed of the spread.
        spread_J: standard deviation of the activation energy; the card's stated one by default.
        plan: the sweeps.
        nodes: energies solved, 3 or more.
        cell: a cell that is there already.
        progress: where devices are shown.

    Returns:
        FormingArray.

    Raises:
        InputError: fewer than two devices, or no device forms.
        ConvergenceError: fields or steps fail.
    """
    if devices < 2 or nodes < 3:
        raise InputError(
            f"{devices} devices from {nodes} solved ones have no spread; give 2 or more from 3 or more."
        )
    plan, cell = plan or FormingPlan(), cell or FormingCell(card)
    spread = card.forming.activation_spread_J if spread_J is None else spread_J
    energies = card.forming.activation_J + spread * generator(seed).standard_normal(devices)
    far = replace(plan, peak_V=NODE_PEAK * plan.peak_V)
    middle, width = 0.5 * (energies.max() + energies.min()), np.ptp(energies)
    solved = np.linspace(energies.min(), energies.max(), nodes if spread > 0 else 1)
    found = []
    with (progress or NullProgress()).task("forming", solved.size) as task:
        for energy in solved:
            found.append(cell.run(far, activation_J=float(energy), until_formed=True))
            task.advance(1, f"{found[-1].form_V:.3f} V")

    def between(name: str) -> np.ndarray:
        values = [getattr(entry, name) for entry in found]
        fit = np.polyfit((solved - middle) / (width or 1.0), values, min(2, solved.size - 1))
        return np.polyval(fit, (energies - middle) / (width or 1.0))

    volts, formed = between("form_V"), between("formed_S")
    late = between("form_applied_V") > plan.peak_V
    volts[late], formed[late] = np.nan, cell.pristine_S()
    good = np.isfinite(volts)
    if good.sum() < 2:
        raise InputError("Fewer than two devices formed; raise the peak of the forming sweep.")
    slope = float(np.polyfit(energies[good] / EV, volts[good], 1)[0]) / EV if spread > 0 else 0.0
    return FormingArray(
        activation_J=energies,
        form_V=volts,
        formed_S=formed,
        mean_V=float(volts[good].mean()),
        sigma_V=float(volts[good].std(ddof=1)),
        yielded=float(good.mean()),
        spread_J=float(spread),
        slope_V_per_J=slope,
        paper_mean_V=PAPER_MEAN_V,
        paper_sigma_V=PAPER_SIGMA_V,
        seed=seed,
        provenance=Provenance.create("fem.forming", card=card, seed=seed),
    )
