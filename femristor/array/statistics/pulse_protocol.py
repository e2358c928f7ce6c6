"""Open-loop pulse protocol and its figures of merit (Falcone et al., arXiv 2502.04524, eqs. 1-3)."""

from dataclasses import dataclass

import numpy as np

from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import torch_generator
from femristor.array.results.cells import PulseResponse
from femristor.array.statistics.pulse_model import RESET, SET, PulseModel
from femristor.compact.noise.stochastic import merits
from femristor.core.bounds import CELLS, PULSES, check_memory
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance, Status
from femristor.device.card import DeviceCard


@dataclass(frozen=True)
class PulseProtocol:
    """Batches of identical pulses; the defaults are the paper's 400 set, 400 reset, 500 alternating."""

    set_pulses: int = 400
    reset_pulses: int = 400
    alternating_pulses: int = 500

    def __post_init__(self) -> None:
        """Check that every figure of merit has pulses to come from."""
        for name in ("set_pulses", "reset_pulses", "alternating_pulses"):
            PULSES.check(getattr(self, name), f"{name.replace('_', ' ')} (--protocol)")
        if min(self.set_pulses, self.reset_pulses) < 1 or self.alternating_pulses < 8:
            raise InputError(
                f"A protocol of {self.set_pulses}/{self.reset_pulses}/{self.alternating_pulses} pulses is too short; "
                "use 1 or more set and reset pulses and 8 or more alternating ones."
            )

    def directions(self) -> np.ndarray:
        """(pulses,) of +1 and -1; the alternating ones begin with a set pulse."""
        alternating = np.where(np.arange(self.alternating_pulses) % 2 == 0, SET, RESET)
        return np.concatenate([np.full(self.set_pulses, SET), np.full(self.reset_pulses, RESET), alternating])


def pulse_response(
    card: DeviceCard,
    model: PulseModel,
    *,
    start_S: np.ndarray | float,
    cells: int = 32,
    protocol: PulseProtocol = PulseProtocol(),
    read_noise: bool = False,
    seed: int = 0,
    name: str = "",
    inputs: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> PulseResponse:
    """Send the protocol to an array of cells and extract N_states, skew and NSR of each.

    Args:
        card: device card.
        model: how a pulse changes a cell.
        start_S: conductance before the first pulse, one for all or (cells,) [S].
        cells: number of cells.
        protocol: batches of pulses.
        read_noise: add read noise (at 1 ms after each pulse) to what is recorded.
        seed: of the read noise; the model has its own.
        name: of the model, for the result.
        inputs: hashes of the model's files, for the provenance.
        progress: where the pulses are shown.

    Returns:
        PulseResponse.

    Raises:
        InputError: no cells, or a start that fits none.
    """
    CELLS.check(cells, "cells (--cells)")
    pulses = protocol.directions().size
    check_memory(
        32.0 * cells * (pulses + 1),
        f"{pulses} pulses on {cells} cells (--protocol, --cells)",
        "give fewer cells or pulses",
    )
    effects = Effects(programming=False, relaxation=False, read_noise=read_noise)
    array = CellArray(card, 1, cells, generator=torch_generator(seed, 12), effects=effects, pulse_model=model)
    array.set_conductance(np.broadcast_to(np.asarray(start_S, dtype=float), (1, cells)).copy())
    directions = protocol.directions()
    trace = np.empty((directions.size + 1, cells))
    trace[0] = array.read_conductance_S()[0].cpu().numpy()
    with (progress or NullProgress()).task("pulses", directions.size) as task:
        for index, direction in enumerate(directions):
            array.pulse(int(direction))
            if read_noise:
                array.advance(1e-3)
            trace[index + 1] = array.read_conductance_S()[0].cpu().numpy()
            task.advance(1)
    figures = figures_of_merit(trace, protocol)
    provenance = Provenance.create("array.pulses", card=card, seed=seed, inputs=inputs)
    return PulseResponse(
        direction=directions,
        conductance_S=trace,
        model=name or type(model).__name__,
        status=Status.SAMPLED,
        provenance=provenance,
        **figures,
    )


def figures_of_merit(conductance_S: np.ndarray, protocol: PulseProtocol) -> dict[str, np.ndarray]:
    """N_states, SP skew and NSR of measured or simulated traces.

    G_max and G_min are means over the last 5 % of the set and the reset batch; the symmetry point is taken
    from the second half of the alternating pulses, when the cells have settled around it.

    Args:
        conductance_S: (pulses + 1, cells), first before any pulse [S].
        protocol: the batches that gave it.

    Returns:
        g_min_S, g_max_S, g_symmetry_S, n_states, symmetry_skew, noise_to_signal, each (cells,); NaN where a
        cell has no range or no steps.

    Raises:
        InputError: a trace whose length is not that of the protocol.
    """
    trace = np.asarray(conductance_S, dtype=float)
    directions = protocol.directions()
    if trace.ndim != 2 or trace.shape[0] != directions.size + 1:
        raise InputError(
            f"A trace of shape {trace.shape} does not fit {directions.size} pulses; give (pulses + 1, cells) conductances."
        )
    found = merits(trace.T, directions, protocol.alternating_pulses)
    names = {"skew": "symmetry_skew", "nsr": "noise_to_signal"}
    return {names.get(name, name): values for name, values in found.items()}
