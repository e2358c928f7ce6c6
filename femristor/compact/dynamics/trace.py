"""One cell of either model under one waveform, as the trace that every switching model hands on."""

import numpy as np

from femristor.compact.dynamics.cells import IbmCells, TableCells
from femristor.compact.dynamics.integrator import POINTS, TOLERANCE, Cells, refine
from femristor.compact.ibm import IbmModel
from femristor.compact.table.interpolate import TableModel
from femristor.core.curves import Waveform
from femristor.core.provenance import Provenance
from femristor.core.traces import SwitchingTrace
from femristor.device.load_line import BARE, Load
from femristor.device.temperature import check_temperatures


def trace_sweep(
    model: TableModel | IbmModel,
    waveform: Waveform,
    density_m3: float,
    *,
    load: Load = BARE,
    spread: TableCells | IbmCells | None = None,
    tolerance: float = TOLERANCE,
    points: int = POINTS,
) -> SwitchingTrace:
    """Sweep one cell.

    Args:
        model: IBM's law, or a table at one ambient.
        waveform: voltage over cell and load.
        density_m3: state at the start.
        load: what is in series.
        spread: parameters of this one cell; the model's by default.
        tolerance: of ln N in a step.
        points: points stored on each straight piece of the waveform, at least 2.

    Returns:
        SwitchingTrace.

    Raises:
        RangeError: the cell leaves its model; the message has time and bias.
        ConvergenceError: the step went to nothing, or the cell melts.
        InputError: an impossible tolerance or number of points.
    """
    cells = Cells.of_model(model, 1, load, spread=spread)
    time, volt = refine(waveform, points)
    density, device = cells.advance(time, volt, density_m3, tolerance=tolerance)
    own, factor = model, 1.0
    if isinstance(spread, IbmCells):
        own = spread.model(model, 0)
    elif spread is not None:
        factor = float(spread.current_factor[0])
    name = "ibm" if isinstance(model, IbmModel) else "compact"
    card = model.card if isinstance(model, IbmModel) else None
    temperature = np.asarray(own.temperature_max_K(device[0], density[0]))
    check_temperatures(temperature, card, "The cell of the sweep", volt)
    return SwitchingTrace(
        time_s=time,
        voltage_applied_V=volt,
        voltage_device_V=device[0],
        current_A=factor * own.current_A(device[0], density[0]),
        density_m3=density[0],
        temperature_K=temperature,
        model=name,
        load=load.label,
        ambient_K=own.ambient_K,
        provenance=Provenance.create("compact.trace_sweep", card=card, notes=(waveform.label,)),
    )
