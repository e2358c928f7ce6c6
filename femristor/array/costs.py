"""Energy and latency of reads, pulses, program-verify and pulsed updates, from V, I, widths and counts.

A rectangular pulse costs V I t at its terminals, a simulated one the integral of V I (`work_cost`); with wires the
terminals are those of the array, so what selector and wires burn is inside. Groups of cells that work at once wait for
the slowest of the group. Only the array is counted; converters enter by energy and time a conversion and by how many
columns share one. Pulses of 2.5 us, reads of 300 us at 0.2 V: Falcone et al., arXiv 2502.04524.
"""

import math
from dataclasses import dataclass

import numpy as np

from femristor.array.results.costs import Cost
from femristor.core.errors import InputError

PULSE_WIDTH_S = 2.5e-6
READ_WIDTH_S = 300e-6
READ_V = 0.2


@dataclass(frozen=True)
class Converters:
    """Periphery of a tile, nothing by default (energy of the array only).

    Attributes:
        input_energy_J: of a digital-analog conversion, one a row and vector.
        output_energy_J: of an analog-digital conversion, one a column and vector.
        output_time_s: time of one of them.
        columns_per_output: columns that share one, converted one after the other behind the integration.
    """

    input_energy_J: float = 0.0
    output_energy_J: float = 0.0
    output_time_s: float = 0.0
    columns_per_output: int = 1

    def __post_init__(self) -> None:
        """Check signs."""
        numbers = (self.input_energy_J, self.output_energy_J, self.output_time_s)
        if not all(math.isfinite(value) and value >= 0 for value in numbers) or self.columns_per_output < 1:
            raise InputError(
                "Converters need energies and times from 0 on and at least one column each; correct their numbers."
            )

    def cost(self, rows: int, cols: int, vectors: int = 1) -> Cost:
        """Conversions of input vectors that go through a tile one after the other.

        Args:
            rows: inputs of the tile.
            cols: outputs of the tile.
            vectors: input vectors.

        Returns:
            Cost with the parts dac and adc.
        """
        turns = min(self.columns_per_output, cols)
        return Cost.of(
            vectors * turns * self.output_time_s,
            dac=vectors * rows * self.input_energy_J,
            adc=vectors * cols * self.output_energy_J,
        )


NO_CONVERTERS = Converters()


def read_cost(
    voltage_V,
    current_A,
    *,
    width_s: float = READ_WIDTH_S,
    reads=1,
    at_once: int | None = None,
    converters: Converters = NO_CONVERTERS,
) -> Cost:
    """Reads of single cells, e.g. behind every pulse of a program-verify.

    Args:
        voltage_V: over the cell and what is in series, one or (cells...).
        current_A: of each cell, one or (cells...).
        width_s: of a read.
        reads: of each cell, one or (cells...).
        at_once: cells read at the same time; None all, 1 one by one.
        converters: one output conversion a read.

    Returns:
        Cost with the part read, and adc where it costs energy.
    """
    work = _rectangles(voltage_V, current_A, reads, width_s + converters.output_time_s, at_once, "read")
    volt, current, count = np.broadcast_arrays(voltage_V, current_A, reads)
    conversions = float(np.sum(count)) * converters.output_energy_J
    energy = float(np.sum(np.abs(volt * current) * count)) * width_s
    extra = {"adc": conversions} if conversions else {}
    return Cost.of(work.latency_s, read=energy, **extra)


def pulse_cost(
    voltage_V,
    current_A,
    *,
    width_s: float = PULSE_WIDTH_S,
    pulses=1,
    at_once: int | None = None,
    part: str = "pulses",
) -> Cost:
    """Programming pulses of one kind.

    Args:
        voltage_V: amplitude, either sign, one or (cells...).
        current_A: during the pulse, either sign, one or (cells...).
        width_s: of a pulse, with its pause where latency shall hold it.
        pulses: sent to each cell, one or (cells...).
        at_once: cells pulsed at the same time; None all, 1 one by one.
        part: name of the energy, e.g. "set" or "reset".

    Returns:
        Cost with that part.
    """
    return _rectangles(voltage_V, current_A, pulses, width_s, at_once, part)


def work_cost(
    energy_J, *, width_s: float = PULSE_WIDTH_S, pulses=1, at_once: int | None = None, part: str = "pulses"
) -> Cost:
    """Pulses whose energy is known, e.g. the integral of V I over each of them.

    Args:
        energy_J: of all pulses of a cell together, one or (cells...).
        width_s: of a pulse, for the latency.
        pulses: sent to each cell, one or (cells...).
        at_once: as in `pulse_cost`.
        part: name of the energy.

    Returns:
        Cost with that part.

    Raises:
        InputError: energies below 0, or as in `pulse_cost`.
    """
    joule, sent = np.broadcast_arrays(np.asarray(energy_J, dtype=float), np.asarray(pulses, dtype=float))
    if not (np.all(np.isfinite(joule)) and np.all(joule >= 0)):
        raise InputError("Energies of pulses are finite and 0 or more; correct them.")
    waits = _rectangles(0.0, 0.0, sent, width_s, at_once, part)
    return Cost.of(waits.latency_s, **{part: float(np.sum(joule))})


def program_cost(
    pulse_V,
    pulse_A,
    read_A,
    *,
    pulses,
    reads=None,
    pulse_s: float = PULSE_WIDTH_S,
    read_s: float = READ_WIDTH_S,
    read_V: float = READ_V,
    at_once: int | None = 1,
    converters: Converters = NO_CONVERTERS,
) -> Cost:
    """Program-verify: a verify read first and one behind every pulse.

    Args:
        pulse_V: amplitude, or its mean over the pulses sent, one or (cells...).
        pulse_A: current in the pulse, the same way.
        read_A: current in the verify read.
        pulses: sent to each cell, one or (cells...).
        reads: of each cell; pulses + 1 by default.
        pulse_s: width of a pulse.
        read_s: width of a read.
        read_V: read voltage.
        at_once: cells programmed at the same time; 1 is the usual cell by cell.
        converters: of the verify reads.

    Returns:
        Cost with the parts pulses and read (and adc).
    """
    counts = np.asarray(pulses)
    looks = counts + 1 if reads is None else np.asarray(reads)
    sent = pulse_cost(pulse_V, pulse_A, width_s=pulse_s, pulses=counts, at_once=at_once)
    return sent + read_cost(
        read_V, read_A, width_s=read_s, reads=looks, at_once=at_once, converters=converters
    )


def update_cost(
    amplitude_V,
    current_A,
    coincidences,
    *,
    slots: int,
    width_s: float = PULSE_WIDTH_S,
    half_selects=0,
    half_current_A=0.0,
) -> Cost:
    """One pulsed outer product: all cells at once, one slot after the other.

    Args:
        amplitude_V: full amplitude at a coincidence, one or (rows, cols).
        current_A: at the full amplitude, one or (rows, cols).
        coincidences: pulses that each cell gets, (rows, cols).
        slots: bit length, the number of time slots.
        width_s: of a slot.
        half_selects: slots in which only one line of a cell is driven, at half the amplitude, (rows, cols).
        half_current_A: current at half the amplitude.

    Returns:
        Cost with the parts update and half_select; latency slots * width.

    Raises:
        InputError: more pulses at a cell than slots.
    """
    fired = np.asarray(coincidences, dtype=float) + np.asarray(half_selects, dtype=float)
    if float(np.max(fired)) > slots:
        raise InputError(
            f"{np.max(fired):g} pulses do not fit {slots} slots; give the bit length of the update."
        )
    full = _rectangles(amplitude_V, current_A, coincidences, width_s, None, "update")
    half = _rectangles(
        0.5 * np.asarray(amplitude_V), half_current_A, half_selects, width_s, None, "half_select"
    )
    return Cost.of(slots * width_s, **full.parts, **half.parts)


def matrix_read_cost(
    conductance_S, voltage_V, *, width_s: float = READ_WIDTH_S, converters: Converters = NO_CONVERTERS
) -> Cost:
    """Products of input vectors with a whole tile, ideal wires, linear cells: sum V_i^2 G_ij t.

    Args:
        conductance_S: (rows, cols).
        voltage_V: (rows,) or (vectors, rows).
        width_s: integration time of a vector.
        converters: of rows and columns.

    Returns:
        Cost with the part cells, and dac and adc where they cost energy.
    """
    conductance, volt = (
        np.asarray(conductance_S, dtype=float),
        np.atleast_2d(np.asarray(voltage_V, dtype=float)),
    )
    if conductance.ndim != 2 or volt.ndim != 2 or volt.shape[1] != conductance.shape[0]:
        raise InputError(
            f"Voltages of shape {volt.shape} do not fit conductances of shape {conductance.shape}; give one a row."
        )
    energy = float(np.sum(volt**2 @ conductance)) * width_s
    work = Cost.of(width_s * len(volt), cells=energy)
    return _without_zeros(work + converters.cost(*conductance.shape, len(volt)))


def wired_read_cost(
    drive_V,
    drive_A,
    cell_power_W,
    *,
    width_s: float = READ_WIDTH_S,
    converters: Converters = NO_CONVERTERS,
    cols: int = 0,
) -> Cost:
    """Reads with wires from their solution: V I at the terminals, split into cells and wires.

    Args:
        drive_V: (vectors, rows) voltages of the drivers, columns at virtual ground.
        drive_A: (vectors, rows) currents out of them.
        cell_power_W: (vectors,) or one, sum over the cells of V I (with the selector inside).
        width_s: integration time of a vector.
        converters: of rows and columns.
        cols: columns of the tile, for the converters.

    Returns:
        Cost with the parts cells and wires (and dac and adc).
    """
    volt, current = (
        np.atleast_2d(np.asarray(drive_V, dtype=float)),
        np.atleast_2d(np.asarray(drive_A, dtype=float)),
    )
    if volt.shape != current.shape:
        raise InputError(
            f"Drive voltages {volt.shape} and currents {current.shape} differ in shape; give one a row."
        )
    total, cells = float(np.sum(volt * current)), float(np.sum(cell_power_W))
    if cells > total * (1 + 1e-6):
        raise InputError(
            f"Cells that take {cells:g} W behind terminals that give {total:g} W are not possible; "
            "take both from one solution."
        )
    work = Cost.of(width_s * len(volt), cells=cells * width_s, wires=max(total - cells, 0.0) * width_s)
    return _without_zeros(work + converters.cost(volt.shape[1], cols, len(volt)))


def _rectangles(voltage_V, current_A, counts, width_s: float, at_once: int | None, part: str) -> Cost:
    """Rectangular pulses, `counts` at each cell, in groups of cells that wait for their slowest."""
    try:
        volt, current, count = np.broadcast_arrays(
            *(np.asarray(values, dtype=float) for values in (voltage_V, current_A, counts))
        )
    except ValueError:
        raise InputError(
            "Voltages, currents and counts of a cost do not fit each other; give one a cell."
        ) from None
    if not (np.all(np.isfinite(volt * current)) and np.all(count >= 0) and 0 <= width_s < math.inf):
        raise InputError("A cost needs finite voltages and currents, and counts and a width from 0 on.")
    if at_once is not None and at_once < 1:
        raise InputError(f"{at_once} cells at once do no work; give 1 or more, or None for all.")
    flat = count.reshape(-1)
    group = max(flat.size, 1) if at_once is None else int(at_once)
    waits = np.maximum.reduceat(flat, np.arange(0, flat.size, group)) if flat.size else np.zeros(1)
    energy = float(np.sum(np.abs(volt * current) * count)) * width_s
    return Cost.of(float(np.sum(waits)) * width_s, **{part: energy})


def _without_zeros(cost: Cost) -> Cost:
    return Cost.of(cost.latency_s, **{name: value for name, value in cost.parts.items() if value})
