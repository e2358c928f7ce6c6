"""The array in the demo: forming, cycling, pulses, program-verify with pulses, wires; IBM's law with random hops."""

from collections.abc import Callable
from dataclasses import dataclass

from femristor.array.results.cycling import ArrayCycling
from femristor.array.results.forming import ArrayForming
from femristor.array.results.open_loop import OpenLoopArray
from femristor.array.results.remedies import RemedyTable
from femristor.array.results.verify import ProgramVerify
from femristor.compact.results.stochastic import MEASURED_CLUSTER
from femristor.core.messages import Progress
from femristor.core.provenance import Provenance
from femristor.device import DeviceCard
from femristor.report.bundle import ResultBundle
from femristor.report.demo.settings import DemoSettings
from femristor.report.stages import StageBook

ACCEPTANCES = (0.02, 0.002)


@dataclass(frozen=True)
class CellsPart:
    """Results of the array.

    Attributes:
        forming: forming sweeps.
        cycling: slow cycles, single hops.
        pulses: open-loop pulses, single hops.
        programs: program-verify at each of ACCEPTANCES, clusters of MEASURED_CLUSTER.
        remedies: exact wires and what helps.
    """

    forming: ArrayForming
    cycling: ArrayCycling
    pulses: OpenLoopArray
    programs: tuple[ProgramVerify, ...]
    remedies: RemedyTable


def run_cells_part(
    card: DeviceCard,
    settings: DemoSettings,
    *,
    book: StageBook,
    progress: Progress,
    say: Callable[[str], None],
) -> CellsPart:
    """Form, cycle, pulse and program an array, and read it through its wires.

    Args:
        card: the card that the run starts from (its statistics are what was measured on the array).
        settings: size of the stages.
        book: keeps results between runs.
        progress: where long work is shown.
        say: where one line a stage goes.

    Returns:
        CellsPart.
    """
    key = {"card": card.hash, **settings.part("array", "cycles", "pulses")}
    sweeps = book.get("array_sweeps", key, lambda: _sweeps(card, settings, progress))
    forming, cycling, pulses = sweeps.items
    say(
        f"cells: V_form {forming.mean_V:.2f} V, {forming.sigma_V * 1e3:.0f} mV; LRS/HRS {cycling.ratio:.3g} in "
        f"{cycling.cycles} cycles"
    )
    key = {"card": card.hash, **settings.part("program_cells")}
    programs = book.get("array_programs", key, lambda: _programs(card, settings, progress))
    say(
        "cells: pulses to "
        + ", ".join(f"{100 * run.acceptance:g} % {run.mean_pulses:.1f}" for run in programs.items)
    )
    key = {"card": card.hash, **settings.part("wire_sizes")}
    remedies = book.get("wires", key, lambda: _wires(card, settings, progress))
    plain = remedies.rmse[remedies.remedies.index("none")]
    say(
        "wires: RMSE "
        + ", ".join(f"{rmse:.3f} at {size}" for rmse, size in zip(plain, remedies.size, strict=True))
    )
    return CellsPart(forming, cycling, pulses, tuple(programs.items), remedies)


def _parts(card: DeviceCard):
    """IBM's law, its switching volume and the transistor of the reference."""
    from femristor.compact.ibm import IbmModel
    from femristor.compact.noise.stochastic import switching_volume_m3
    from femristor.device.load_line import channel_load
    from femristor.device.selector import reference_selector

    law = IbmModel(card)
    return law, switching_volume_m3(law), channel_load(card, reference_selector(card).channel)


def _sweeps(card: DeviceCard, settings: DemoSettings, progress: Progress) -> ResultBundle:
    from femristor.array.cell.hop_cells import HopArray, fitted_spread
    from femristor.array.experiments.cycling import cycle_array
    from femristor.array.experiments.forming import form_array
    from femristor.array.experiments.open_loop import pulse_array
    from femristor.compact.noise.stochastic import HopNoise
    from femristor.device.pulse_scheme import PulseScheme
    from femristor.report.demo.forming_family import family_for

    size = dict(zip(("rows", "cols"), settings.array, strict=True))
    law, volume, load = _parts(card)
    cells = HopArray(law, HopNoise(volume), load, fitted_spread(card, law, load), settings.seed)
    family = family_for(card, progress=progress)
    made = (
        form_array(card, family, seed=settings.seed, progress=progress, **size),
        cycle_array(card, cells, cycles=settings.cycles, progress=progress, **size),
        pulse_array(
            card, cells, PulseScheme.of_card(card), pulses=settings.pulses, progress=progress, **size
        ),
    )
    return ResultBundle(made, Provenance.create("report.array_sweeps", card=card, seed=settings.seed))


def _programs(card: DeviceCard, settings: DemoSettings, progress: Progress) -> ResultBundle:
    import numpy as np

    from femristor.array.mapping import ConductanceWindow
    from femristor.array.programming.plan import VerifyPlan
    from femristor.array.programming.verify import Verify, program_array
    from femristor.compact.noise.programming import programming_schemes
    from femristor.compact.noise.stochastic import HopNoise, NoisyCells

    law, volume, load = _parts(card)
    cells = NoisyCells(law, HopNoise(volume, MEASURED_CLUSTER), load)
    plan = VerifyPlan(tuple(programming_schemes(cells, card)))
    levels = ConductanceWindow.of(card.statistics).levels_S(card.statistics.levels).numpy()
    targets = np.tile(levels[:, None], (1, settings.program_cells))
    runs = tuple(
        program_array(cells, card, targets, plan, Verify(acceptance), seed=settings.seed, progress=progress)
        for acceptance in ACCEPTANCES
    )
    return ResultBundle(runs, Provenance.create("report.array_programs", card=card, seed=settings.seed))


def _wires(card: DeviceCard, settings: DemoSettings, progress: Progress) -> RemedyTable:
    from femristor.array.wires.remedies_table import remedies_table
    from femristor.array.wires.solver import transfer_matrix

    return remedies_table(
        card,
        transfer_matrix,
        sizes=settings.wire_sizes,
        largest_limit=0,
        seed=settings.seed,
        progress=progress,
    )
