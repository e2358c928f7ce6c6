"""What a device goes through before it is switched: forming, the rest of the positive sweep, the negative sweep.

The jump of forming is `forming.FormingCell`. From then on the oxide is short-circuited by its filament and the voltage
falls on the conductive metal oxide, whose vacancies move: first under the rest of the positive sweep at the forming gate,
then under the negative sweep at the reset gate. They start from one density everywhere, as deposited.
In: DeviceCard with [forming] and [vacancies]. Out: FormingHistory. Docs: docs/theory/forming.md.
"""

import numpy as np

from femristor.core.curves import Waveform
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.device.card import DeviceCard
from femristor.device.load_line import selector_load
from femristor.fem.forming.process import FormingCell, FormingPlan
from femristor.fem.results.forming import FormingHistory, FormingResult
from femristor.fem.results.switching import SwitchingState
from femristor.fem.switching.cell import SwitchingCell

TURN_ON_S = 1e-3
"""In which the voltage of the jump is put on the formed cell; nothing moves before most of it is there."""


def history_steps(
    card: DeviceCard,
    *,
    plan: FormingPlan | None = None,
    resolution: float = 0.7,
    forming_cell: FormingCell | None = None,
    cells: tuple[SwitchingCell, SwitchingCell] | None = None,
    progress=None,
) -> FormingHistory:
    """Forming and both sweeps after it, with the conductance on the way.

    Args:
        card: device card with [forming] and [vacancies].
        plan: the sweeps; the defaults if None.
        resolution: divides every edge length of cells that are made here.
        forming_cell: a forming cell that is there already.
        cells: two cells with moving vacancies on one mesh, with the loads of the forming gate and of switching.
        progress: where the work is shown.

    Returns:
        FormingHistory.

    Raises:
        InputError: the device does not form, or the card misses a section.
        ConvergenceError: fields, steps or vacancies fail.
    """
    plan = plan or FormingPlan()
    show = progress or NullProgress()
    formed = (forming_cell or FormingCell(card, resolution=resolution)).run(plan)
    if cells is None:
        gates = (card.selector.gate_forming_V, card.selector.gate_set_V)
        cells = tuple(
            SwitchingCell(card, load=selector_load(card, gate_set_V=gate), resolution=resolution)
            for gate in gates
        )
    if cells[0].problem.unknowns != cells[1].problem.unknowns:
        raise InputError("The two cells of a forming history need one mesh; give them the same resolution.")
    gathering, switching = cells
    gathering.start(card.vacancies.surround_density_m3)
    positive = gathering.run(rest_of_sweep(formed, plan), progress=show)
    switching.restore(gathering.state())
    wave = Waveform.triangle((plan.negative_V,), plan.rate_V_per_s)
    wave = Waveform(wave.time_s, wave.voltage_V, "negative sweep after forming")
    negative = switching.run(wave, progress=show)
    return FormingHistory(
        formed,
        positive,
        negative,
        switching.state(),
        as_deposited_S=positive.start_S,
        gathered_S=positive.end_S,
        after_S=negative.end_S,
        provenance=Provenance.create("fem.forming_history", card=card),
    )


def history(card: DeviceCard, **options) -> tuple[FormingResult, SwitchingState]:
    """The forming sweep, and the state that `SwitchingCell.restore` continues from.

    Args:
        card: device card with [forming] and [vacancies].
        options: as in `history_steps`.

    Returns:
        FormingResult and SwitchingState.

    Raises:
        InputError: as in `history_steps`.
        ConvergenceError: as in `history_steps`.
    """
    steps = history_steps(card, **options)
    return steps.formed, steps.state


def rest_of_sweep(formed: FormingResult, plan: FormingPlan) -> Waveform:
    """The positive sweep from the jump on: its voltage put on, on to the peak, back to 0 V."""
    jump, rate = formed.form_applied_V, plan.rate_V_per_s
    corners = [(0.0, 0.0), (TURN_ON_S, jump)]
    if plan.peak_V > jump:
        corners.append((corners[-1][0] + (plan.peak_V - jump) / rate, plan.peak_V))
    corners.append((corners[-1][0] + corners[-1][1] / rate, 0.0))
    time, volt = np.array(corners).T
    return Waveform(time, volt, "forming sweep after the jump")
