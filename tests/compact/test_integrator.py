"""Sweeps: exact solutions, SciPy's answer, independence of the step, load lines, failures with time and bias."""

import numpy as np
import pytest

from femristor.compact.dynamics.integrator import Cells, refine, sweep
from femristor.compact.dynamics.twin import device_voltage, sweep_plain
from femristor.compact.table.interpolate import TableModel
from femristor.core.curves import Waveform
from femristor.core.errors import RangeError
from femristor.device.load_line import BARE, Load, selector_load

HOPS = 1e-9 / 10e-9
"""a/L of the power-law table."""
LOADS = {
    "bare": BARE,
    "series": Load.series(2e3),
    "compliance": Load.limited(150e-6, 500.0),
}


def test_constant_rate_is_exact(power_table):
    """d ln N/dt = (a/L) c V(t): the integral of the waveform."""
    table = power_table(rate_per_Vs=10.0)
    wave = Waveform.triangle([1.2, -0.8], 0.5)
    result = sweep(table, wave, 3e24, tolerance=1e-8)
    area = np.concatenate(
        [
            [0.0],
            np.cumsum(
                0.5 * np.diff(result.time_s) * (result.voltage_applied_V[1:] + result.voltage_applied_V[:-1])
            ),
        ]
    )
    np.testing.assert_allclose(result.density_m3[0], 3e24 * np.exp(HOPS * 10.0 * area), rtol=1e-6)


@pytest.mark.parametrize("power", [1.0, -1.0])
def test_power_law_rate_is_exact(power_table, power):
    """dN/dt = k V N^(1+p): N^-p falls linearly with the integral of V; p = 1 runs away, p = -1 saturates."""
    table = power_table(rate_per_Vs=20.0, power=power)
    time = np.array([0.0, 0.3, 1.0])
    result = sweep(table, Waveform(time, np.array([1.0, 1.0, 1.0])), 3e24, tolerance=1e-7)
    k = HOPS * 20.0 * 1.0
    exact = (3e24**-power - power * k * result.time_s / 1e25**power) ** (-1 / power)
    np.testing.assert_allclose(result.density_m3[0], exact, rtol=1e-5)


def test_second_order_in_time(power_table):
    """The error of TR-BDF2 falls with the tolerance as tol^(2/3)."""
    table = power_table(rate_per_Vs=20.0, power=1.0)
    wave = Waveform(np.array([0.0, 1.0]), np.array([1.0, 1.0]))
    exact = (1 / 3e24 - HOPS * 20.0 / 1e25) ** -1.0
    errors = [
        abs(np.log(sweep(table, wave, 3e24, tolerance=tol, points=2).density_m3[0, -1] / exact))
        for tol in (1e-4, 1e-7)
    ]
    assert 1.5 < np.log10(errors[0] / errors[1]) < 2.5


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_agrees_with_scipy(table, load):
    wave = Waveform.triangle([1.1, -1.2], 1.0)
    plain = sweep_plain(TableModel(table), wave, 7e24, load=load)[1]
    for method_tolerance in (1e-6,):
        ours = sweep(table, wave, 7e24, load=load, tolerance=method_tolerance, points=2).density_m3[0]
        np.testing.assert_allclose(ours, plain, rtol=1e-3)


def test_agrees_with_scipy_radau_on_a_pulse(table, card):
    load = selector_load(card)
    wave = Waveform.pulse(1.35, 2.5e-6, 0.25e-6)
    plain = sweep_plain(TableModel(table), wave, 1.5e25, load=load, method="Radau")[1][-1]
    ours = sweep(table, wave, 1.5e25, load=load, points=2).density_m3[0, -1]
    assert ours == pytest.approx(plain, rel=1e-4)
    assert ours > 1.5e25 * 1.01


@pytest.mark.parametrize("rate", [1.0, 1e6])
@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_state_does_not_depend_on_the_tolerance(table, load, rate):
    wave = Waveform.triangle([1.1, -1.3, 1.1], rate)
    coarse = sweep(table, wave, 7e24, load=load).density_m3[0]
    fine = sweep(table, wave, 7e24, load=load, tolerance=1e-7).density_m3[0]
    other = sweep(table, wave, 7e24, load=load, points=7).density_m3[0, -1]
    np.testing.assert_allclose(coarse, fine, rtol=1e-3)
    assert other == pytest.approx(coarse[-1], rel=1e-3)


def test_load_line_is_satisfied(table, card):
    for load in (Load.series(2e3), Load.limited(150e-6, 500.0), Load.limited(100e-6), selector_load(card)):
        result = sweep(table, Waveform.triangle([1.3, -1.3], 1.0), 2e24, load=load)
        volt, device, current = result.voltage_applied_V, result.voltage_device_V[0], result.current_A[0]
        ohm = np.where(volt > 0, load.set_ohm, load.reset_ohm)
        limit = np.where(volt > 0, load.set_limit_A, load.reset_limit_A)
        on = (volt != 0) & (ohm > 0)
        through = (volt - device)[on] / ohm[on]
        finite = np.isfinite(limit[on])
        through[finite] = limit[on][finite] * np.tanh(through[finite] / limit[on][finite])
        assert np.max(np.abs(through / current[on] - 1)) < 1e-9
        assert np.all(np.abs(current) <= limit)
        assert np.all(volt * device >= 0) and np.all(np.abs(device) <= np.abs(volt))


def test_compliance_holds_the_set_back(table):
    """A bare cell runs out of the table in a slow set; the compliance keeps it inside (physics of 1T1R)."""
    wave = Waveform.triangle([1.3], 1.0)
    with pytest.raises(RangeError, match=r"reaches 8e\+25"):
        sweep(table, wave, 3.77e25)
    held = [
        sweep(table, wave, 2e24, load=Load.limited(limit, 1e3)).density_m3[0, -1]
        for limit in (100e-6, 150e-6, 200e-6)
    ]
    assert 2e24 < held[0] < held[1] < held[2] < 8e25


def test_cells_are_independent_of_each_other(table, card):
    wave = Waveform.triangle([1.2, -1.2], 10.0)
    start = np.array([3e24, 7e24, 2e25])
    ambient = np.array([280.0, 293.0, 360.0])
    loads = [Load.series(1e3), BARE, selector_load(card)]
    together = sweep(table, wave, start, ambient_K=ambient, load=loads)
    for cell in range(3):
        alone = sweep(table, wave, start[cell], ambient_K=ambient[cell], load=loads[cell])
        np.testing.assert_array_equal(together.density_m3[cell], alone.density_m3[0])
        np.testing.assert_array_equal(together.current_A[cell], alone.current_A[0])
    assert together.temperature_K[2, 0] == pytest.approx(360.0)


def test_warm_surroundings_speed_up_reset(table):
    wave = Waveform.triangle([-1.0], 1.0)
    cold, warm = sweep(table, wave, [2e25, 2e25], ambient_K=[280.0, 360.0]).density_m3[:, -1]
    assert warm < cold < 2e25


def test_sign_of_motion_and_rest(table):
    result = sweep(table, Waveform.triangle([0.9, -1.1], 1.0), 7e24)
    volt, rate = result.voltage_applied_V, result.density_rate_per_m3s[0]
    assert np.all(rate * volt >= 0) and rate[0] == 0
    assert np.all(result.current_A[0] * volt >= 0)
    curve = result.curve()
    assert curve.current_A.size == volt.size and curve.ambient_K == 293.0


def test_steps_end_where_the_waveform_crosses_zero():
    time, volt = refine(Waveform(np.array([0.0, 1.0, 3.0]), np.array([1.0, -1.0, 1.0])), 4)
    assert np.count_nonzero(volt == 0) == 2
    assert np.all(np.diff(time) > 0)
    assert np.all(volt[1:] * volt[:-1] >= 0)
    np.testing.assert_allclose(np.interp(time, [0, 1, 3], [1, -1, 1]), volt, atol=1e-12)


def test_range_errors_name_time_and_bias(table):
    with pytest.raises(
        RangeError, match=r"cell 0 at 1\.5.*e-09 s and 1\.5 V applied leaves the table \(up to 1\.5 V"
    ):
        sweep(table, Waveform.triangle([1.7], 1e9), 4e23, load=Load.series(1.0))
    with pytest.raises(RangeError, match="leaves the table"):
        sweep(table, Waveform.triangle([-1.5], 1e-3), 4e23)


def test_device_voltage_of_kernel_and_twin(table, card):
    from femristor.compact.kernels import table as kernels

    load = selector_load(card)
    cells = Cells.of(table, 1, None, load)
    model = cells.models[0]
    packed = (cells.coefficients[0], model.knots_ln_density, model.knots_V, cells.packed[2])
    for density in (5e23, 7e24, 4e25):
        for volt in (0.01, 0.7, 1.4):
            numbers, line = cells.parameters[0], cells.loads[0, 0]
            fast = kernels.device_voltage(packed, numbers, line, np.log(density), volt, volt)[0]
            assert fast == pytest.approx(device_voltage(model, density, volt, load), rel=1e-11)


def test_sweep_is_stored(table, tmp_path):
    from femristor.compact.results.table import SweepResult
    from femristor.core import store

    result = sweep(table, Waveform.triangle([0.5], 1.0), 7e24)
    again = store.load(store.save(result, tmp_path / "sweep.h5"), SweepResult)
    np.testing.assert_array_equal(again.density_m3, result.density_m3)
    assert again.load == "bare cell" and again.status == result.status
