"""Soft bounds and step tables from pulse traces: known parameters come back, errors are honest, bad traces refused."""

from pathlib import Path

import numpy as np
import pytest

from femristor.array.statistics.pulse_extract import measured_pulses
from femristor.core.errors import InputError
from femristor.core.traces import pulse_phases
from femristor.nn.devices.fit.law import figures, mean_step, path
from femristor.nn.devices.fit.population import fit_population
from femristor.nn.devices.fit.tables import step_tables
from femristor.nn.devices.fit.trace import fit_cell, symmetry_of
from femristor.nn.devices.fit.traces import PulseTraces
from femristor.nn.devices.parameters import GAMMA_DOWN, GAMMA_UP, STEP_DOWN, STEP_UP
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice

DATA = Path(__file__).parents[2] / "data" / "reram"
PAPER = pulse_phases(400, 400, 500)[1]
LOW_S, HIGH_S = 9e-6, 88e-6


def numbers(n_states, skew, gamma, asymmetry, *, low=LOW_S, high=HIGH_S):
    """(b-, b+, s+, s-, g+, g-) of figures of merit; arrays or numbers."""
    up, down = gamma * (1 + asymmetry), gamma * (1 - asymmetry)
    span = high - low
    return low, high, span / n_states / skew**up, span / n_states / (1 - skew) ** down, up, down


def trains(parameters, ways, *, noise, cells, seed=0, read=0.0):
    """(cells, pulses + 1) traces of soft bounds."""
    low, high, s_up, s_down, g_up, g_down = parameters
    rng = np.random.default_rng(seed)
    now = np.full(cells, 0.8 * np.mean(low) + 0.2 * np.mean(high))
    out = [now]
    for way in ways:
        u = (high - now) / (high - low)
        mean = s_up * u**g_up if way > 0 else -s_down * (1 - u) ** g_down
        now = np.clip(now + mean * (1 + noise * rng.standard_normal(cells)), low, high)
        out.append(now)
    return np.array(out).T + read * rng.standard_normal((cells, len(ways) + 1))


@pytest.mark.parametrize("method", ["figures", "steps"])
@pytest.mark.parametrize(
    ("known", "noise"),
    [((22, 0.61, 1.0, 0.0), 0.9), ((80, 0.53, 1.4, -0.2), 0.3), ((30, 0.5, 0.7, 0.2), 0.5)],
)
def test_known_soft_bounds_come_back_within_two_standard_errors(method, known, noise):
    """40 cells, 4 figures: 95 % are expected within 2 sigma; the mean over cells is right within 4 %."""
    traces = trains(numbers(*known), PAPER, noise=noise, cells=40, seed=3)
    fits = [fit_cell(trace, PAPER, method=method) for trace in traces]
    found = np.array([fit.figures for fit in fits])
    errors = np.array([fit.figure_errors for fit in fits])
    inside = np.abs(found[:, :4] - known) <= 2 * errors[:, :4]
    assert inside.mean() > 0.86
    assert inside.mean(axis=0).min() > 0.72
    assert found[:, 0].mean() == pytest.approx(known[0], rel=0.04)
    assert found[:, 1].mean() == pytest.approx(known[1], abs=0.012)
    assert found[:, 2].mean() == pytest.approx(known[2], abs=0.12)
    assert found[:, 4].mean() == pytest.approx(noise, rel=0.06)
    # Errors are neither too small nor padded: they are the scatter over cells.
    ratio = np.median(errors[:, :4], axis=0) / found[:, :4].std(axis=0)
    assert np.all((ratio > 0.55) & (ratio < 2.3)), ratio


def test_skew_of_61_percent_is_a_symmetry_point_of_minus_022():
    low, high, s_up, s_down, g_up, g_down = numbers(22, 0.61, 1.3, 0.2)
    values = np.array([low, high, *np.log([s_up, s_down, g_up, g_down]), 0.5, 0.0])
    assert figures(values)[:4] == pytest.approx([22, 0.61, 1.3, 0.2], rel=1e-6)
    trace = trains(numbers(60, 0.61, 1.0, 0.0), PAPER, noise=0.0, cells=1)[0]
    assert symmetry_of(fit_cell(trace, PAPER)) == pytest.approx(-0.22, abs=0.004)


@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_compiled_path_is_the_plain_law(noise):
    """Pulse by pulse with `mean_step`, a new segment at a direction of 0."""
    theta = np.array([0.05, 0.93, -2.0, -1.5, 0.2, -0.3])
    ways = np.concatenate([np.ones(40), -np.ones(30), [0], np.tile([1, -1], 20)]).astype(np.int64)
    xi, start = np.random.default_rng(1).standard_normal(ways.size), np.array([0.2, 0.6])
    plain = [start[0]]
    for way, random in zip(ways, xi, strict=True):
        if way == 0:
            plain.append(start[1])
            continue
        mean, _ = mean_step(theta, np.array(plain[-1:]), np.array([way > 0]))
        plain.append(float(np.clip(plain[-1] + mean[0] * (1 + noise * random), theta[0], theta[1])))
    out = np.empty(ways.size + 1)
    path(theta, start, ways, out, noise, xi)
    assert out == pytest.approx(np.array(plain), abs=1e-7)


def test_derivatives_of_the_mean_step():
    theta = np.array([0.05, 0.93, -2.0, -1.5, 0.2, -0.3])
    x, up = np.linspace(0.1, 0.9, 20), np.arange(20) % 2 == 0
    _, rows = mean_step(theta, x, up)
    for k, h in enumerate(1e-6 * np.eye(6)):
        slope = (mean_step(theta + h, x, up)[0] - mean_step(theta - h, x, up)[0]) / 2e-6
        assert rows[:, k] == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_noisy_reads_bias_steps_but_not_the_path():
    """Read noise of 3 uS on steps of 0.4 uS: auto takes the path, and tells the read noise."""
    ways = pulse_phases(800, 800, 0)[1]
    traces = trains(numbers(200, 0.55, 1.0, 0.0), ways, noise=0.3, cells=6, read=3e-6)
    fits = [fit_cell(trace, ways) for trace in traces]
    assert {fit.method for fit in fits} == {"path"}
    found = np.array([fit.figures for fit in fits])
    errors = np.array([fit.figure_errors for fit in fits])
    assert found[:, 0].mean() == pytest.approx(200, rel=0.06)
    assert np.mean([fit.read_noise for fit in fits]) == pytest.approx(3e-6, rel=0.05)
    assert np.mean(np.abs(found[:, :4] - [200, 0.55, 1.0, 0.0]) <= 2 * errors[:, :4]) >= 0.75
    naive = np.mean([fit_cell(trace, ways, method="steps").figures[0] for trace in traces])
    assert abs(naive / 200 - 1) > 0.3


def population_traces(cells=60):
    rng = np.random.default_rng(8)
    drawn = rng.multivariate_normal([25, 0.58], [[16, -0.08], [-0.08, 0.0016]], cells).T
    gamma, asymmetry = rng.multivariate_normal([1.1, 0.1], [[0.04, 0.0], [0.0, 0.01]], cells).T
    conductance = trains(numbers(*drawn, gamma, asymmetry), PAPER, noise=0.4, cells=cells, seed=2)
    return PulseTraces("drawn cells", "S", conductance, PAPER), np.stack([*drawn, gamma, asymmetry])


def test_gaussians_over_cells_and_the_device_drawn_from_them():
    """G1 and G2 of known cells: means, deviations without the fit's own errors, correlation; the same when sampled."""
    traces, known = population_traces()
    made = fit_population(traces, method="steps")
    assert made.g1_mean == pytest.approx(known[:2].mean(axis=1), rel=0.03)
    assert made.g2_mean[0] == pytest.approx(known[2].mean(), abs=0.08)
    wanted = np.cov(known[:2])
    assert np.sqrt(np.diag(made.g1_covariance)) == pytest.approx(np.sqrt(np.diag(wanted)), rel=0.25)
    assert np.all(np.diag(made.g2_seen) >= np.diag(made.g2_covariance))
    assert made.g1_covariance[0, 1] == pytest.approx(wanted[0, 1], rel=0.6)
    device = SoftBoundsDevice.from_population(made)
    cells = device.sample(60, 60, seed=4).parameters.reshape(-1, 8)
    up, down = cells[:, GAMMA_UP], cells[:, GAMMA_DOWN]
    assert np.mean(0.5 * (up + down)) == pytest.approx(made.g2_mean[0], rel=0.02)
    skewed = cells[:, STEP_UP] * 0.58**up, cells[:, STEP_DOWN] * 0.42**down
    assert np.mean(skewed[0]) == pytest.approx(np.mean(skewed[1]), rel=0.08)
    assert device.noise_to_signal == pytest.approx(0.4, rel=0.06)
    assert SoftBoundsDevice.from_traces(traces, method="steps") == device


def test_tables_of_known_soft_bounds():
    """Mean curves within their stated bias, symmetry point and NSR; cells keep their windows."""
    low = LOW_S * np.linspace(0.9, 1.1, 24)
    known = numbers(30, 0.6, 1.0, 0.0, low=low)
    traces = PulseTraces("soft", "S", trains(known, PAPER, noise=0.5, cells=24), PAPER)
    made = step_tables(traces)
    assert len(made.cell) == 24
    assert np.median(made.symmetry) == pytest.approx(1 - 2 * 0.6, abs=0.03)
    assert np.median(made.n_states) == pytest.approx(30, rel=0.05)
    assert np.median(made.nsr) == pytest.approx(0.5, rel=0.1)
    assert abs(made.bias[0]) < 0.05
    assert made.bias[2] < 0.08
    place = np.linspace(-0.6, 0.6, 7)
    for side, true in ((0, (1 - place) / 2 / 0.6), (1, (1 + place) / 2 / 0.4)):
        rows = [
            np.interp(place, np.linspace(*window, table.shape[1]), table[side, :, 0])
            for window, table in zip(made.windows, made.library, strict=True)
        ]
        assert np.mean(rows, axis=0) == pytest.approx(2 / 30 * true, rel=0.12)
    device = TableDevice.from_traces(traces)
    assert device.symmetry_point(0) == pytest.approx(made.symmetry[0], abs=0.02)
    cells = device.sample(3, 4, seed=0)
    assert np.unique(cells.w_min).size > 1
    assert device.sample(3, 4, seed=0).fingerprint() == cells.fingerprint()


def test_measured_records_are_fitted_along_their_path():
    """Gong 2018 and the Tsinghua 1T1R cell: noisy reads, one cell, path within the reads' own scatter."""
    for name, unit, window in (
        ("pulses_gong2018_normalised.csv", "1", (-3.5, 1.3)),
        ("pulses_tsinghua_1t1r.csv", "S", (5e-6, 55e-6)),
    ):
        traces = PulseTraces.of(measured_pulses(DATA / name))
        made = fit_population(traces)
        assert made.unit == unit
        assert window[0] < made.g_min < made.g_max < window[1]
        assert made.figures[0, 0] > 40
        assert np.all(made.g1_covariance == 0)
        assert any("path" in note for note in made.notes)
        assert np.isfinite(made.figure_errors).all()
        tables = step_tables(traces)
        assert -1 < tables.symmetry[0] < 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda g, w: (np.where(np.arange(g.size) == 7, np.nan, g), w), "conductance 7 of cell 0"),
        (lambda g, w: (g[:-1], w), "do not fit"),
        (lambda g, w: (g, np.abs(w)), "0 down pulses"),
        (lambda g, w: (np.full(g.size, 2e-5), w), "does not move"),
        (lambda g, w: (-g, w), "conductance 0 of cell 0 is not above 0 S"),
        (lambda g, w: (np.where(np.arange(g.size) == 4, 0.0, g), w), "conductance 4 of cell 0 is not above 0 S"),
    ],
)
def test_bad_traces_get_one_sentence(change, words):
    trace = trains(numbers(22, 0.6, 1.0, 0.0), PAPER, noise=0.3, cells=1)[0]
    with pytest.raises(InputError, match=words):
        PulseTraces("record", "S", *change(trace, PAPER))


def test_steps_against_the_pulses_and_a_missing_symmetry_point():
    trace = trains(numbers(22, 0.6, 1.0, 0.0), PAPER, noise=0.3, cells=1)[0]
    with pytest.raises(InputError, match="check the directions"):
        fit_cell(trace, -PAPER)
    with pytest.raises(InputError, match="no method"):
        fit_cell(trace, PAPER, method="magic")
    with pytest.raises(InputError, match="no symmetry point"):
        step_tables(PulseTraces("steep", "S", steeper_down(), steeper_ways()))


def steeper_ways():
    return np.concatenate([np.ones(200), -np.ones(100)]).astype(int)


def steeper_down():
    """Constant steps, down twice the size of up: they balance nowhere."""
    return 1e-5 + 1e-7 * np.concatenate([[0], np.cumsum(np.where(steeper_ways() > 0, 1.0, -2.0))])


def test_sets_of_traces_must_fit_together():
    one = PulseTraces(
        "one", "S", trains(numbers(22, 0.6, 1.0, 0.0), PAPER, noise=0.3, cells=2), PAPER, 1.4, -1.4
    )
    other = PulseTraces("other", "S", one.conductance, PAPER, 1.5, -1.4)
    assert PulseTraces.joined([one, one]).cells == 4
    with pytest.raises(InputError, match="amplitudes"):
        PulseTraces.joined([one, other])
    with pytest.raises(InputError, match="holds no pulse trains"):
        PulseTraces.of(object(), source="thing.h5")
