"""The table as a model: exact on its grid, monotone, symmetric, closed outside; kernels equal NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from femristor.compact.kernels import table as kernels
from femristor.compact.table import hermite
from femristor.compact.table.interpolate import KERNEL_ORDER, TableModel
from femristor.core.errors import RangeError

VOLTS = st.floats(-1.5, 1.5)
LN_DENSITIES = st.floats(float(np.log(3e23)), float(np.log(8e25)))
AMBIENTS = st.sampled_from([273.0, 293.0, 330.0, 373.0])


@pytest.fixture(scope="module")
def models(table):
    return {ambient: TableModel(table, ambient) for ambient in (273.0, 293.0, 330.0, 373.0)}


def test_exact_on_the_grid(table):
    for index, ambient in enumerate(table.ambient_K):
        model = TableModel(table, float(ambient))
        density, bias = table.density_m3[:, None], table.bias_V[None, :]
        np.testing.assert_allclose(model.current_A(bias, density), table.current_A[index], rtol=1e-12)
        np.testing.assert_allclose(
            model.hop_rate_per_s(bias, density), table.hop_rate_set_per_s[index], rtol=1e-12
        )
        np.testing.assert_allclose(
            -model.hop_rate_per_s(-bias, density), table.hop_rate_reset_per_s[index], rtol=1e-12
        )
        np.testing.assert_allclose(
            model.temperature_mean_K(bias, density), table.temperature_mean_K[index], rtol=1e-12
        )
        np.testing.assert_allclose(
            model.field_mean_V_per_m(-bias, density), table.field_mean_V_per_m[index], rtol=1e-12
        )


def test_off_grid_errors_of_the_default_grid(table):
    worst = table.errors.worst()
    assert table.errors.ln_current.shape == (8, 25)
    assert worst["ln_current"] < 0.01
    assert worst["ln_rate"] < 0.05


def test_interpolation_error_falls_with_the_grid(card, sampler):
    from femristor.compact.table.grid import default_grid
    from femristor.compact.table.sample import build_table

    errors = []
    for points in (8, 15, 29):
        grid = default_grid(card, bias_points=2 * points, density_points=points, ambient_points=points // 3)
        errors.append(build_table(card, sampler, grid, probes=20).errors.rms())
    assert errors[0]["ln_current"] > 4 * errors[1]["ln_current"] > 16 * errors[2]["ln_current"]
    assert errors[0]["ln_rate"] > 4 * errors[1]["ln_rate"] > 16 * errors[2]["ln_rate"]


@settings(max_examples=200, deadline=None)
@given(volt=VOLTS, ln_density=LN_DENSITIES, ambient=AMBIENTS)
def test_current_never_opposes_the_voltage_and_symmetry(models, volt, ln_density, ambient):
    model, density = models[ambient], np.exp(ln_density)
    density = min(max(density, model.table.density_m3[0]), model.table.density_m3[-1])
    current = float(model.current_A(volt, density))
    assert volt * current >= 0
    assert current == -float(model.current_A(-volt, density))
    assert float(model.temperature_mean_K(volt, density)) == float(model.temperature_mean_K(-volt, density))
    assert float(model.temperature_mean_K(volt, density)) >= ambient * (1 - 1e-12)
    assert volt * float(model.density_rate_per_m3s(volt, density)) >= 0


def test_zero_bias_has_the_limit_of_small_ones(models):
    model = models[293.0]
    density = np.geomspace(4e23, 7e25, 23)
    assert np.all(model.current_A(0.0, density) == 0)
    assert np.all(model.temperature_mean_K(0.0, density) == 293.0)
    small = model.current_A(1e-5, density) / 1e-5
    np.testing.assert_allclose(model.conductance_S(density, 0.0), small, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(0.0, 3.0), min_size=3, max_size=12),
    even=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_cubics_are_monotone_where_data_are(steps, even, seed):
    y = np.concatenate([[0.0], np.cumsum(steps)])
    x = np.cumsum(np.random.default_rng(seed).uniform(0.2, 2.0, y.size))
    slope = hermite.slopes(x, y, even=even)
    for i in range(x.size - 1):
        width = x[i + 1] - x[i]
        corner = np.array([y[i], y[i + 1], slope[i] * width, slope[i + 1] * width])
        s = np.linspace(0, 1, 33)
        values = np.stack([s**0, s, s**2, s**3], axis=1) @ hermite.HERMITE @ corner
        assert np.all(np.diff(values) >= -1e-12 * (1 + y[-1]))


def test_monotone_in_voltage_along_grid_lines(table):
    model = TableModel(table, float(table.ambient_K[1]))
    fine = np.linspace(0, 1.5, 1501)[None, :]
    density = table.density_m3[:, None]
    assert np.all(np.diff(model.current_A(fine, density), axis=1) > 0)
    assert np.all(np.diff(model.hop_rate_per_s(fine, density), axis=1) > 0)


def test_smooth_across_patches_but_for_the_kink(table):
    model = TableModel(table)
    kink = table.density_breaks_m3[0]
    inner = np.array([n for n in table.density_m3[1:-1] if n != kink])
    eps = 1e-6

    def slopes(density):
        up = (np.log(model.conductance_S(density * (1 + eps))) - np.log(model.conductance_S(density))) / eps
        down = (np.log(model.conductance_S(density)) - np.log(model.conductance_S(density * (1 - eps)))) / eps
        return down, up

    np.testing.assert_allclose(*slopes(inner), atol=1e-4)
    down, up = slopes(kink)
    assert up - down > 0.5  # hopping distance stops shrinking: d ln I / d ln N jumps


def test_nothing_is_extrapolated(table):
    model = TableModel(table)
    for volt, density, words in (
        (1.6, 1e25, "1.6 V"),
        (-1.51, 1e25, "-1.51 V"),
        (np.nan, 1e25, "nan V"),
        (0.2, 1e23, "1e.23 1/m"),
        (0.2, 9e25, "9e.25 1/m"),
    ):
        with pytest.raises(RangeError, match=words):
            model.current_A(volt, density)
    with pytest.raises(RangeError, match="400 K"):
        TableModel(table, 400.0)
    with pytest.raises(RangeError, match="uS"):
        model.density_at([1e-3])


def test_density_reads_its_conductance(table):
    model = TableModel(table)
    levels = np.linspace(9e-6, 88e-6, 17)
    density = model.density_at(levels)
    np.testing.assert_allclose(model.conductance_S(density), levels, rtol=1e-10)
    assert np.all(np.diff(density) > 0)


def test_kernel_equals_numpy(table):
    model = TableModel(table, 300.0)
    rng = np.random.default_rng(7)
    ln_density = rng.uniform(model.knots_ln_density[0], model.knots_ln_density[-1], 400)
    volt = rng.uniform(0, 1.5, 400)
    rows, columns = model.knots_ln_density, model.knots_V
    for name, coefficients in zip(KERNEL_ORDER, model.kernel_coefficients, strict=True):
        plain = hermite.evaluate(model.patches(name), rows, columns, ln_density, volt)
        fast = [
            kernels.evaluate(coefficients, rows, columns, u, v) for u, v in zip(ln_density, volt, strict=True)
        ]
        np.testing.assert_allclose([f[0] for f in fast], plain, rtol=1e-12)
        step = 1e-6
        by_u = hermite.evaluate(model.patches(name), rows, columns, ln_density - step, volt)
        by_v = hermite.evaluate(model.patches(name), rows, columns, ln_density, volt - step)
        # One-sided differences stay in one patch for nearly all places.
        assert np.median(np.abs((plain - by_u) / step - [f[1] for f in fast])) < 1e-4
        assert np.median(np.abs((plain - by_v) / step - [f[2] for f in fast])) < 1e-3


def test_single_ambient_table(power_table):
    table = power_table()
    assert TableModel(table).ambient_K == 293.0
    with pytest.raises(RangeError):
        TableModel(table, 300.0)
    two = power_table(ambients=(280.0, 320.0))
    assert float(TableModel(two, 300.0).current_A(1.0, 1e25)) == pytest.approx(1e-5, rel=1e-12)
