"""The plain twin of `programming.kernels.program`: NumPy over all cells at once, Euler-Maruyama in N in short equal steps."""

import numpy as np

from femristor.array.programming.plan import VerifyPlan
from femristor.array.results.verify import ABOVE, ACCEPTED, BELOW
from femristor.compact.noise.gillespie import device_voltages
from femristor.compact.noise.stochastic import NoisyCells
from femristor.compact.noise.stochastic_twin import langevin_plain
from femristor.device.pulse_scheme import PulseScheme


def verify_plain(
    cells: NoisyCells,
    targets_S,
    plan: VerifyPlan,
    *,
    acceptance: float,
    most: int,
    start_density_m3: float,
    modes: np.ndarray,
    generator: np.random.Generator,
    steps: int = 60,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Program equal cells.

    Args:
        cells: model, load, hop noise.
        targets_S: (cells,).
        plan: the pulses.
        acceptance: accepted distance of a read, of the target.
        most: most pulses.
        start_density_m3: state at the start.
        modes: (2, modes) of `verify_plan.read_modes`.
        generator: source of the noise.
        steps: of each edge and of the plateau.

    Returns:
        Outcome (cells,), true conductance, last read, pulses (cells, 2).
    """
    targets = np.asarray(targets_S, dtype=float)
    density = np.full(targets.size, float(start_density_m3))
    shapes, ladders = plan.rows(targets)
    amplitude, before = shapes[:, :2].copy(), np.full(targets.size, -1)
    sent, outcome = np.zeros((targets.size, 2), int), np.full(targets.size, -1)
    state = generator.standard_normal((modes.shape[1], targets.size))
    last_read = np.full(targets.size, np.nan)
    for shot in range(most + 1):
        open_cells = np.flatnonzero(outcome < 0)
        if open_cells.size == 0:
            break
        keep = modes[1][:, None]
        fresh = np.sqrt(1 - keep**2) * generator.standard_normal(state.shape)
        state[:, open_cells] = (keep * state + fresh)[:, open_cells]
        true = _read(cells, density[open_cells])
        noise = np.log10(np.maximum(true * 1e6, 1)) * (modes[0] @ state[:, open_cells])
        last_read[open_cells] = true + noise
        off = last_read[open_cells] - targets[open_cells]
        outcome[open_cells[np.abs(off) <= acceptance * targets[open_cells]]] = ACCEPTED
        if shot == most:
            left = np.flatnonzero(outcome < 0)
            outcome[left] = np.where(last_read[left] > targets[left], ABOVE, BELOW)
            break
        for row, sign in ((0, 1), (1, -1)):
            group = np.flatnonzero((outcome < 0) & (sign * (targets - last_read) > 0))
            same = before[group] == row
            grown = np.minimum(np.abs(amplitude[group, row]) + ladders[group, row, 0], ladders[group, row, 1])
            amplitude[group, row] = sign * np.where(same, grown, np.abs(shapes[group, row]))
            before[group] = row
            sent[group, row] += 1
            density[group] = _pulse(
                cells, plan, amplitude[group, row], density[group], generator=generator, steps=steps
            )
    return outcome, _read(cells, density), last_read, sent


def _read(cells: NoisyCells, density: np.ndarray) -> np.ndarray:
    volt = device_voltages(cells.model, density, cells.read_V, cells.load)
    return cells.model.current_A(volt, density) / volt


def _pulse(cells: NoisyCells, plan: VerifyPlan, volts, density, *, generator, steps: int) -> np.ndarray:
    """(cells,) densities after a pulse; cells of one amplitude go together."""
    found = density.copy()
    scheme = plan.schemes[0]
    for volt in np.unique(volts):
        group = volts == volt
        corners = PulseScheme(abs(volt), -abs(volt), scheme.width_s, scheme.edge_s).waveform([np.sign(volt)])
        found[group] = langevin_plain(
            cells.model,
            cells.noise,
            *corners,
            density[group],
            generator=generator,
            load=cells.load,
            steps=steps,
        )
    return found
