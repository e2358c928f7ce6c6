"""Comparison rows of the demo: which of our numbers stands beside which published one."""

import math

import numpy as np

from femristor.device import DeviceCard
from femristor.report.comparison import Comparison, ComparisonRow
from femristor.report.demo.cells import CellsPart
from femristor.report.demo.cells_rows import cell_rows
from femristor.report.demo.device import DeviceHalf
from femristor.report.demo.kept_rows import KEPT_RESULTS, kept_rows
from femristor.report.demo.network import HOUR_S, TEN_MINUTES_S, TEN_YEARS_S, NetworkHalf

PAPER = "Falcone et al., arXiv 2502.04524"
COMPACT = "IBM compact model of the technology"
REFERENCE_STATES = {"lrs": (3.77e25, 2.48, 70.9), "hrs": (7e24, 3.42, 78.0)}
LOCAL = "0-D number of the published model; ours is a local density in the field solution"


def comparison(device: DeviceHalf, cells: CellsPart, network: NetworkHalf) -> Comparison:
    """All rows, in the order of the chain.

    Args:
        device: first half of the demo.
        cells: the array.
        network: second half.

    Returns:
        Comparison.
    """
    rows = [
        *_forming(device),
        *_transport(device),
        *_compact(device),
        *_switching(device),
        *cell_rows(cells),
        *_array(device.card, network),
        *_networks(network),
        *kept_rows(KEPT_RESULTS),
    ]
    return Comparison(tuple(rows))


def _forming(device: DeviceHalf) -> list[ComparisonRow]:
    radius, sigma = device.forming.parameter("radius"), device.forming.parameter("sigma_CMO")
    how = "finite-element fit of a synthetic curve"
    return [
        ComparisonRow(
            "forming",
            "filament radius",
            radius.value * 1e9,
            11.0,
            "nm",
            PAPER,
            how,
            radius.standard_error * 1e9,
        ),
        ComparisonRow(
            "forming",
            "CMO conductivity after the negative sweep",
            sigma.value,
            5000.0,
            "S/m",
            "value that the synthetic curve was made with",
            how,
            sigma.standard_error,
        ),
    ]


def _transport(device: DeviceHalf) -> list[ComparisonRow]:
    rows = []
    for state in device.hopping.states:
        density, distance, barrier = (state.parameter(name) for name in ("N", "a_e", "dE"))
        known = REFERENCE_STATES.get(state.label, (None, None, None))
        fit = f"fit of the reference read I-V, rms of ln I {100 * state.rms_ln:.2f} %"
        held = f"held ({barrier.note})" if barrier.fixed else fit
        label = state.label.upper()
        rows += [
            ComparisonRow(
                "transport",
                f"{label} density N",
                density.value,
                known[0],
                "1/m^3",
                LOCAL,
                fit,
                _error(density),
            ),
            ComparisonRow(
                "transport",
                f"{label} hopping distance",
                distance.value * 1e9,
                known[1],
                "nm",
                COMPACT,
                fit,
                _error(distance, 1e9),
            ),
            ComparisonRow(
                "transport",
                f"{label} barrier",
                barrier.value * 1e3,
                known[2],
                "meV",
                COMPACT,
                held,
                _error(barrier, 1e3),
            ),
            ComparisonRow(
                "transport",
                f"{label} conductance at 0.2 V",
                float(state.curves[0].fitted_A[-1] / state.curves[0].voltage_V[-1]) * 1e6,
                float(state.curves[0].measured_A[-1] / state.curves[0].voltage_V[-1]) * 1e6,
                "uS",
                "reference read I-V, " + state.curves[0].origin,
                fit,
            ),
        ]
    return rows


def _error(parameter, scale: float = 1.0) -> float | None:
    error = parameter.standard_error
    return None if parameter.fixed or math.isnan(error) else error * scale


def _compact(device: DeviceHalf) -> list[ComparisonRow]:
    from femristor.compact.table.closed_form import published_form

    ours, theirs = device.table.closed_form, published_form(device.card)
    worst = device.table.errors.worst()
    how = f"0-D law fitted to the table, residual of ln I {ours.rms_ln_current:.2f} rms"
    off = f"{device.table.errors.ln_current.size} points at cell centres"
    rows = [
        ComparisonRow(
            "compact", "worst off-grid error of ln I", 100 * worst["ln_current"], None, "%", "-", off
        ),
        ComparisonRow(
            "compact", "worst off-grid error of ln(rate)", 100 * worst["ln_rate"], None, "%", "-", off
        ),
    ]
    for label, name, scale, unit in (
        ("effective area", "area_m2", 1e18, "nm^2"),
        ("effective length", "length_m", 1e9, "nm"),
        ("series resistance", "series_ohm", 1.0, "ohm"),
        ("thermal resistance", "thermal_K_per_W", 1e-6, "K/uW"),
    ):
        value, other = getattr(ours, name) * scale, getattr(theirs, name) * scale
        rows.append(ComparisonRow("compact", label, value, other, unit, COMPACT, how))
    return rows


def _switching(device: DeviceHalf) -> list[ComparisonRow]:
    from femristor.compact.table.interpolate import TableModel

    loop, train, card = device.loop, device.train, device.card
    model = TableModel(device.table)
    zero = np.flatnonzero(loop.voltage_applied_V == 0.0)
    after = model.conductance_S(loop.density_m3[0, zero], card.statistics.read_voltage_V)
    ratio = float(after[1] / after[2])
    how = f"compact sweep, {loop.load}"
    amplitudes = f"compact pulses {train.set_V:g} / {train.reset_V:g} V, {train.width_s * 1e6:g} us; no noise"
    return [
        ComparisonRow("switching", "LRS/HRS conductance ratio of the loop", ratio, 15.0, "", PAPER, how),
        ComparisonRow(
            "switching", "highest mean dome temperature", float(loop.temperature_K.max()), None, "K", "-", how
        ),
        ComparisonRow(
            "open loop", "number of states", train.n_states, 22.0, "", f"{PAPER}, eq. 1", amplitudes
        ),
        ComparisonRow(
            "open loop",
            "skew of the symmetry point",
            100 * train.skew,
            61.0,
            "%",
            f"{PAPER}, eq. 2",
            amplitudes,
        ),
    ]


def _array(card: DeviceCard, network: NetworkHalf) -> list[ComparisonRow]:
    start, later = network.levels[0], network.levels[-1]
    trace = network.relaxation
    sigma = float(np.mean(start.sigma_S)) * 1e6
    ten = int(np.argmin(np.abs(trace.time_s - TEN_MINUTES_S)))
    hour = int(np.argmin(np.abs(trace.time_s - HOUR_S)))
    how = "sampled cells, measured laws of the card"
    return [
        ComparisonRow(
            "array", "programming sigma at 0.2 % acceptance", sigma, None, "uS", f"{PAPER}: below 0.1", how
        ),
        ComparisonRow(
            "array", "sigma after ten minutes", float(trace.sigma_S[ten]) * 1e6, 0.6, "uS", PAPER, how
        ),
        ComparisonRow(
            "array", "overlap of 35 levels after ten minutes", 100 * later.overlap_law, 9.6, "%", PAPER, how
        ),
        ComparisonRow(
            "array", "mean shift after one hour", float(trace.mean_S[hour]) * 1e6, -0.7, "uS", PAPER, how
        ),
    ]


def _networks(network: NetworkHalf) -> list[ComparisonRow]:
    run = network.mvm
    where = "64 x 64, N(0, 0.5) clipped to [-1, 1], without wires"
    rows = []
    for time, paper, label in ((1.0, 0.06, "1 s"), (TEN_YEARS_S, 0.2, "ten years")):
        index = int(np.argmin(np.abs(np.log(np.maximum(run.time_s, 1e-3)) - math.log(time))))
        spread = float(run.rmse_std[index])
        rows.append(
            ComparisonRow(
                "mvm",
                f"RMSE after {label}",
                float(run.rmse_mean[index]),
                paper,
                "",
                f"{PAPER}, Fig. 4f",
                where,
                spread,
            )
        )
    for name, trained, paper in (
        ("the paper's device", network.paper, 96.9),
        ("the derived device", network.derived, None),
    ):
        how = f"{trained.rule}, {trained.epochs} epochs of {trained.train_images} images, one seed"
        value = 100 * float(trained.accuracy[-1])
        rows.append(ComparisonRow("training", f"MNIST accuracy on {name}", value, paper, "%", PAPER, how))
    return rows
