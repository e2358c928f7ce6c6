"""Fleets of cells: the kernels against NumPy and SciPy, the carried 1T1R records, cells with their own parameters."""

import gzip
from importlib import resources

import numpy as np
import pytest

from femristor.compact.dynamics.cells import IbmCells, TableCells
from femristor.compact.dynamics.fleet import pulse_fleet
from femristor.compact.dynamics.pulses import PulseScheme, pulse_train
from femristor.compact.dynamics.trace import trace_sweep
from femristor.compact.dynamics.twin import sweep_plain
from femristor.compact.ibm import IbmModel
from femristor.compact.kernels import ibm as ibm_kernels
from femristor.compact.kernels.load import line_currents
from femristor.compact.table.interpolate import TableModel
from femristor.core.constants import EV
from femristor.core.curves import Waveform
from femristor.core.errors import InputError, RangeError
from femristor.device.load_line import BARE, Load, channel_load, current, selector_load
from femristor.device.selector import reference_selector

SCHEME = PulseScheme(1.35, -1.30, 2.5e-6, 0.75e-6)


def record(name):
    path = resources.files("femristor") / "data" / "reference" / name
    with gzip.open(str(path), "rt") as stream:
        return np.genfromtxt(stream, delimiter=",", names=True, dtype=None, encoding=None)


@pytest.fixture(scope="module")
def model(card):
    return IbmModel(card)


@pytest.fixture(scope="module")
def transistor(card):
    return channel_load(card, reference_selector(card).channel)


@pytest.fixture(scope="module")
def swept():
    return record("sweep_1t1r_1e00Vps_hrs_1.3V.csv.gz")


def test_law_of_the_kernel_is_numpys_with_exact_derivatives(model):
    rng = np.random.default_rng(5)
    cells = IbmCells.of(model, 20, radius_m=rng.uniform(9e-9, 13e-9, 20))
    packed = cells.pack(model)
    for index in range(20):
        u, v, sign = np.log(rng.uniform(2e24, 9e25)), rng.uniform(0.05, 1.3), rng.choice([-1.0, 1.0])
        own = cells.model(model, index)
        i = abs(float(own.current_A(sign * v, np.exp(u))))
        found = ibm_kernels.laws(packed[index], u, v, i, sign)
        rate = float(own.density_rate_per_m3s(sign * v, np.exp(u))) / np.exp(u)
        np.testing.assert_allclose(found[0], i, rtol=1e-11)
        np.testing.assert_allclose(found[4], rate, rtol=1e-10)
        for place, step in enumerate((1e-6, 1e-6, 1e-6 * i)):
            move = np.zeros(3)
            move[place] = step
            ahead = ibm_kernels.laws(packed[index], *(np.array([u, v, i]) + move), sign)
            behind = ibm_kernels.laws(packed[index], *(np.array([u, v, i]) - move), sign)
            for value, slope in ((0, 1 + place), (4, 5 + place)):
                by_difference = (ahead[value] - behind[value]) / (2 * step)
                assert found[slope] == pytest.approx(by_difference, rel=1e-5, abs=1e-9 * abs(found[value]))


def test_load_lines_of_the_kernel_are_numpys(transistor, card):
    loads = [transistor, selector_load(card), Load.series(700.0)]
    volts = np.linspace(0.01, 1.25, 60)
    for load in loads:
        for row, sign in ((0, 1), (1, -1)):
            fast, slope = line_currents(load.lines()[row], 1.3, volts)
            plain = sign * current(load.line(sign), sign * 1.3, sign * volts)
            np.testing.assert_allclose(fast, plain, rtol=1e-12)
            ahead = line_currents(load.lines()[row], 1.3, volts + 1e-6)[0]
            behind = line_currents(load.lines()[row], 1.3, volts - 1e-6)[0]
            np.testing.assert_allclose(slope, (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-10)
            assert np.all(slope < 0)


@pytest.mark.parametrize("kind", ["bare", "transistor", "series"])
def test_agrees_with_scipy(model, transistor, kind):
    load = {"bare": BARE, "transistor": transistor, "series": Load.series(900.0)}[kind]
    wave = Waveform.triangle([1.05, -1.2], 1.0)
    time, plain = sweep_plain(model, wave, 7e24, load=load)
    ours = trace_sweep(model, wave, 7e24, load=load, points=2)
    np.testing.assert_allclose(ours.time_s, time)
    np.testing.assert_allclose(ours.density_m3, plain, rtol=2e-4)


def test_driven_by_the_recorded_device_voltage(model, swept):
    """I and N of the 1T1R record to 0.1 % (median) from its device voltage alone."""
    wave = Waveform(swept["t_s"], swept["V_device_V"])
    found = trace_sweep(model, wave, float(swept["N_m3"][0]), points=2)
    keep = np.isin(found.time_s, swept["t_s"])
    assert keep.sum() == swept.size
    assert np.median(np.abs(found.current_A[keep] / swept["I_A"] - 1)) < 1e-3
    assert np.median(np.abs(found.density_m3[keep] / swept["N_m3"] - 1)) < 1e-3


def test_sweep_of_the_record_with_the_fitted_transistor(model, transistor, swept):
    wave = Waveform.triangle([1.3, -1.3], 1.0)
    found = trace_sweep(model, wave, 7e24, load=transistor, points=1301)
    ours = np.interp(swept["t_s"], found.time_s, found.current_A)
    # At |V| below 20 mV the record's gate still changes over.
    told = np.abs(swept["V_cell_V"]) > 0.02
    assert np.median(np.abs(ours / swept["I_A"] - 1)[told]) < 2e-2
    assert (
        np.median(np.abs(np.interp(swept["t_s"], found.time_s, found.density_m3) / swept["N_m3"] - 1)) < 2e-2
    )


@pytest.mark.parametrize("rate", [0.1, 1.0, 1e3, 1e6])
def test_any_rate(model, transistor, rate):
    """A bare cell runs away in a slow set (stated: up to 1.9e26 at 1.3 V and 1 V/s); the transistor holds it."""
    bare = trace_sweep(model, Waveform.triangle([1.3], rate), 7e24).density_m3.max()
    held = trace_sweep(model, Waveform.triangle([1.3], rate), 7e24, load=transistor).density_m3.max()
    assert held < min(bare, 8e25)
    if rate == 1.0:
        assert bare == pytest.approx(1.9e26, rel=0.03)


def test_pulse_train_of_the_record(model, transistor):
    """G along 1,300 pulses to 3 %, every one of them."""
    train = record("pulses_1t1r_set1.35V_reset1.3V.csv.gz")
    fleet = pulse_fleet(
        model, IbmCells.of(model, 1), SCHEME, train["direction"], transistor, start_density_m3=1.64e25
    )
    off = np.abs(fleet.conductance_S[0] / train["G_device_S"] - 1)
    assert np.median(off) < 1.5e-2 and np.max(off) < 3e-2


def test_cells_with_their_own_everything(model, transistor, card):
    """Each cell of a fleet is that cell swept alone through the waveform of its pulses."""
    rng = np.random.default_rng(11)
    cells, pulses = 6, 12
    spread = IbmCells.of(
        model,
        cells,
        radius_m=rng.normal(11e-9, 0.5e-9, cells),
        length_m=rng.normal(12e-9, 0.2e-9, cells),
        barrier_set_J=model.ionic.barrier_set_J + rng.normal(0, 0.02, cells) * EV,
        barrier_reset_J=model.ionic.barrier_reset_J + rng.normal(0, 0.02, cells) * EV,
        ambient_K=rng.uniform(290, 320, cells),
    )
    loads = [transistor, selector_load(card), Load.series(500.0), BARE, transistor, Load.limited(2e-4, 300.0)]
    schemes = [PulseScheme(1.1 + 0.03 * k, -1.2, 2.5e-6, 0.75e-6) for k in range(cells)]
    directions = rng.choice([-1, 1], (cells, pulses))
    start = rng.uniform(1e25, 3e25, cells)
    fleet = pulse_fleet(
        model, spread, schemes, directions, loads, start_density_m3=start, reads=[0, 5, 12], tolerance=1e-8
    )
    assert fleet.conductance_S.shape == (cells, 3)
    for k in range(cells):
        own = spread.model(model, k)
        time, volt = schemes[k].waveform(directions[k])
        alone = trace_sweep(own, Waveform(time, volt), start[k], load=loads[k], points=2, tolerance=1e-8)
        corner = np.isin(alone.time_s, time)
        assert fleet.density_m3[k] == pytest.approx(alone.density_m3[-1], rel=2e-5)
        if loads[k] is BARE:
            reads = own.conductance_S(alone.density_m3[corner][[0, 15, 36]])
            np.testing.assert_allclose(fleet.conductance_S[k], reads, rtol=3e-5)


def test_pulses_off_and_a_sink(model, transistor):
    """Direction 0 leaves the state; batches handed to a sink are those that would be kept."""
    spread = IbmCells.of(model, 700)
    start = np.linspace(1e25, 2e25, 700)
    kept = pulse_fleet(
        model, spread, SCHEME, [0, 1, 0], transistor, start_density_m3=start, reads=[0, 1, 2, 3]
    )
    np.testing.assert_array_equal(kept.conductance_S[:, 0], kept.conductance_S[:, 1])
    np.testing.assert_array_equal(kept.conductance_S[:, 2], kept.conductance_S[:, 3])
    assert np.all(kept.conductance_S[:, 2] > kept.conductance_S[:, 1])
    taken = np.empty((700, 4), dtype=np.float32)
    handed = pulse_fleet(
        model,
        spread,
        SCHEME,
        [0, 1, 0],
        transistor,
        start_density_m3=start,
        reads=[0, 1, 2, 3],
        sink=taken.__setitem__,
    )
    assert handed.conductance_S.size == 0
    np.testing.assert_array_equal(taken, kept.conductance_S)


def test_fleet_on_a_table(table, card):
    """On a table a fleet is the pulse train of the table; a higher barrier slows it, a factor scales the current."""
    model, load = TableModel(table), selector_load(card)
    train = pulse_train(
        table, card, scheme=SCHEME, n_up=10, n_down=10, n_alternate=4, start_density_m3=1.6e25, load=load,
        tolerance=1e-8,
    )  # fmt: skip
    shift = np.array([0.0, 0.05, 0.0]) * EV
    spread = TableCells.of(model, 3, barrier_set_shift_J=shift, barrier_reset_shift_J=shift)
    fleet = pulse_fleet(model, spread, SCHEME, train.direction, load, start_density_m3=1.6e25, tolerance=1e-8)
    nominal = pulse_fleet(
        model, spread, SCHEME, train.direction, BARE, start_density_m3=1.6e25, reads=[0], tolerance=1e-7
    )
    assert fleet.density_m3[0] == pytest.approx(train.density_m3[-1], rel=1e-5)
    assert fleet.density_m3[0] == fleet.density_m3[2]
    moved = np.abs(np.log(fleet.conductance_S[:2, 9] / nominal.conductance_S[:2, 0]))
    # 50 meV at about 700 K: exp(-0.83) of the rate.
    assert 0.3 < moved[1] / moved[0] < 0.65
    double = TableCells.of(model, 1, current_factor=2.0)
    twice = pulse_fleet(model, double, SCHEME, [0], BARE, start_density_m3=1.6e25, reads=[0])
    assert twice.conductance_S[0, 0] == pytest.approx(2 * nominal.conductance_S[0, 0], rel=1e-6)


def test_tolerance_study(model, transistor):
    """Smaller steps change G after 60 pulses by less than 0.1 %."""
    directions = np.repeat([1, -1], 30)
    loose, tight = (
        pulse_fleet(
            model,
            IbmCells.of(model, 1),
            SCHEME,
            directions,
            transistor,
            start_density_m3=1.64e25,
            tolerance=tolerance,
        )
        for tolerance in (1e-5, 1e-9)
    )
    np.testing.assert_allclose(loose.conductance_S, tight.conductance_S, rtol=1e-3)
    assert loose.steps[0] < 60 * 20


def test_bad_fleets(model, table, transistor):
    spread = IbmCells.of(model, 3)

    def go(**change):
        given = {"parameters": spread, "directions": [1, -1], "load": transistor, "start_density_m3": 1e25}
        given |= change
        pulse_fleet(
            model, given.pop("parameters"), SCHEME, given.pop("directions"), given.pop("load"), **given
        )

    for error, message, change in (
        (InputError, r"\(2, 2\) do not fit 3 cells", {"directions": np.ones((2, 2))}),
        (InputError, "2 loads for 3 cells", {"load": [BARE, BARE]}),
        (InputError, "rising numbers of pulses from 0 to 2", {"reads": [1, 3]}),
        (InputError, "give IbmCells of 3", {"parameters": TableCells.of(TableModel(table), 3)}),
        (InputError, "2 start densities for 3 cells", {"start_density_m3": [1e25, 2e25]}),
        (RangeError, "outside the law", {"start_density_m3": 2e28}),
        (InputError, "tells no conductance", {"read_V": 0.0}),
        (InputError, "cannot be met", {"tolerance": 1.0}),
    ):
        with pytest.raises(error, match=message):
            go(**change)
    with pytest.raises(InputError, match="no parameter colour"):
        IbmCells.of(model, 2, colour=1.0)
    with pytest.raises(InputError, match="finite ones above 0"):
        IbmCells.of(model, 2, radius_m=[1e-8, -1e-8])


def test_failures_name_cell_pulse_and_bias(table, card):
    model = TableModel(table)
    with pytest.raises(RangeError, match=r"cell 1 in pulse 2 at .* leaves the table"):
        pulse_fleet(
            model,
            TableCells.of(model, 2),
            [PulseScheme(1.2, -1.3, 2.5e-6), PulseScheme(1.6, -1.3, 2.5e-6)],
            [-1, 1],
            BARE,
            start_density_m3=1e25,
        )
