"""First half of the demo: card and curves to fits, fields, compact table, loop and pulses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from femristor.compact.results.table import CompactTable, PulseSteps, PulseTrace, SweepResult
from femristor.core.curves import Waveform
from femristor.core.io.files import atomic_write
from femristor.core.messages import Progress
from femristor.core.provenance import Provenance
from femristor.device import DeviceCard, load_card
from femristor.device.card.io import replaced_card_text
from femristor.fem.results.fields import FieldMap, FieldSolution
from femristor.report.bundle import ResultBundle
from femristor.report.demo.settings import DemoSettings
from femristor.report.stages import StageBook
from femristor.transport.result import FormingFit, HoppingFit

SYNTHETIC = (
    "The forming curve is synthetic (11 nm filament, another mesh, 1 % noise): there is no public forming curve "
    "of this device."
)
ON_LINES = (
    "Hopping distance and barrier follow the published lines in the density; fitted are the densities in the dome and "
    "around it."
)
LOOP_PEAKS_V = (1.3, -1.3)


@dataclass(frozen=True)
class DeviceHalf:
    """Results of the first half, in the order of the chain.

    Attributes:
        forming: filament radius and sigma_CMO.
        hopping: parameters of LRS and HRS.
        card: the fitted card, also written as fitted.toml.
        solutions: I-V and fields of LRS and HRS of the fitted card.
        maps: field maps of LRS and HRS.
        table: the compact table.
        loop: switching loop with the selector.
        train: open-loop pulse response.
        steps: single-pulse steps over the conductance.
    """

    forming: FormingFit
    hopping: HoppingFit
    card: DeviceCard
    solutions: tuple[FieldSolution, ...]
    maps: tuple[FieldMap, ...]
    table: CompactTable
    loop: SweepResult
    train: PulseTrace
    steps: PulseSteps


def run_device_half(
    folder: Path, settings: DemoSettings, *, book: StageBook, progress: Progress, say: Callable[[str], None]
) -> DeviceHalf:
    """Fit, solve, distil.

    Args:
        folder: output folder.
        settings: size of the stages.
        book: keeps results between runs.
        progress: where long work is shown.
        say: where one line a stage goes.

    Returns:
        DeviceHalf.
    """
    start = load_card(settings.card)
    key = {"card": start.hash, **settings.part("resolution", "forming_resolution")}
    forming = book.get("forming", key, lambda: _forming(start, settings, progress))
    radius = forming.parameter("radius")
    say(
        f"forming: r = {radius.value * 1e9:.3f} ± {radius.standard_error * 1e9:.3f} nm (synthetic curve of 11 nm)"
    )
    formed = _write_card(folder / "formed.toml", settings.card, forming.changes())
    key = {"card": formed.hash, **settings.part("resolution")}
    hopping = book.get("hopping", key, lambda: _hopping(formed, settings, progress))
    for state in hopping.states:
        say(f"hopping {state.label}: rms of ln I {100 * state.rms_ln:.2f} %")
    card = _write_card(folder / "fitted.toml", folder / "formed.toml", hopping.changes(), name="fitted")
    key = {"card": card.hash, **settings.part("resolution", "map_bias_V")}
    fields = book.get("fields", key, lambda: _fields(card, settings, progress))
    solutions, maps = fields.items[:2], fields.items[2:]
    key = {
        "card": card.hash,
        **settings.part("resolution", "bias_points", "density_points", "ambient_points", "probes"),
    }
    table = book.get("compact", key, lambda: _table(card, settings, progress))
    worst = table.errors.worst()
    say(
        f"compact: off the grid ln I within {worst['ln_current']:.2%}, ln(rate) within {worst['ln_rate']:.2%}"
    )
    key = {**key, **settings.part("sweep_rate_V_per_s", "pulses")}
    dynamic = book.get("switching", key, lambda: _switching(card, table, settings))
    loop, train, steps = dynamic.items
    say(f"pulses: {train.n_states:.0f} states, skew {train.skew:.0%}")
    return DeviceHalf(forming, hopping, card, solutions, maps, table, loop, train, steps)


def _write_card(path: Path, template: str | Path, changes: dict, name: str | None = None) -> DeviceCard:
    with atomic_write(path) as stream:
        stream.write(replaced_card_text(template, changes, name))
    return load_card(path)


def _forming(card: DeviceCard, settings: DemoSettings, progress: Progress) -> FormingFit:
    from femristor.fem.electrothermal.ohmic import OhmicCell
    from femristor.transport.forming.fit import fit_forming
    from femristor.transport.forming.synthetic import synthetic_forming_curves

    curves = synthetic_forming_curves(
        OhmicCell(card, resolution=settings.forming_resolution), seed=settings.seed
    )
    solver = OhmicCell(card, resolution=settings.resolution)
    return fit_forming(curves, card, solver, notes=(SYNTHETIC,), progress=progress)


def _hopping(card: DeviceCard, settings: DemoSettings, progress: Progress) -> HoppingFit:
    from femristor.fem.electrothermal.cell import ElectroThermal
    from femristor.transport.hopping.fit import fit_hopping
    from femristor.transport.reference import reference_curve

    curves = [reference_curve(state) for state in ("lrs", "hrs")]
    solver = ElectroThermal(card, resolution=settings.resolution)
    return fit_hopping(curves, card, solver, lines=True, notes=(ON_LINES,), progress=progress)


def _fields(card: DeviceCard, settings: DemoSettings, progress: Progress) -> ResultBundle:
    from femristor.fem.electrothermal.cell import ElectroThermal

    solver = ElectroThermal(card, resolution=settings.resolution)
    bias = np.concatenate([[0.005, 0.01, 0.02], np.linspace(0.0, settings.map_bias_V, 25)[1:]])
    solutions, maps = [], []
    for label in ("lrs", "hrs"):
        solutions.append(solver.sweep(bias, card.state(label), progress=progress))
        maps.append(solver.fields(settings.map_bias_V, card.state(label)))
    return ResultBundle((*solutions, *maps), Provenance.create("report.fields", card=card))


def _table(card: DeviceCard, settings: DemoSettings, progress: Progress) -> CompactTable:
    from femristor.compact.table.cache import SweepCache, default_cache_folder
    from femristor.compact.table.grid import default_grid
    from femristor.compact.table.sample import build_table, process_executor
    from femristor.fem.electrothermal.executor import DomeSampler

    grid = default_grid(
        card,
        bias_points=settings.bias_points,
        density_points=settings.density_points,
        ambient_points=settings.ambient_points,
    )
    sampler = DomeSampler(card, resolution=settings.resolution)
    with process_executor(settings.jobs) as executor:
        return build_table(
            card,
            sampler,
            grid,
            executor=executor,
            cache=SweepCache(default_cache_folder()),
            probes=settings.probes,
            seed=settings.seed,
            progress=progress,
        )


def _switching(card: DeviceCard, table: CompactTable, settings: DemoSettings) -> ResultBundle:
    from femristor.compact.dynamics.integrator import sweep
    from femristor.compact.dynamics.pulses import pulse_steps, pulse_train
    from femristor.device.selector import default_load

    load = default_load(card)
    wave = Waveform.triangle(LOOP_PEAKS_V, settings.sweep_rate_V_per_s)
    loop = sweep(table, wave, table.states["hrs"], load=load)
    up, down, alternate = settings.pulses
    train = pulse_train(table, card, n_up=up, n_down=down, n_alternate=alternate, load=load)
    steps = pulse_steps(table, card, load=load)
    return ResultBundle((loop, train, steps), Provenance.create("report.switching", card=card))
