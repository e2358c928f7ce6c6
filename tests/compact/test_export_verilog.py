"""Exported Verilog-A, compiled with OpenVAF: residuals, Jacobian and a transient against ours."""

import sys
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.dynamics.integrator import Cells
from femristor.compact.export.text import CAPACITANCE_F, EDGE, FINE, STATE_UNIT_M3
from femristor.compact.export.verilog import HELD, MODULE, verilog
from femristor.compact.ibm import IbmModel
from femristor.compact.kernels.ibm import laws
from femristor.compact.kernels.table import evaluate
from femristor.compact.table.interpolate import TableModel
from femristor.core.curves import Waveform

if sys.version_info[:2] == (3, 12):
    import openvaf_py
else:
    openvaf_py = pytest.importorskip("openvaf_py", reason="openvaf-py has wheels for Python 3.12 alone")

TIGHT = 1e-9
STATES = 60


class Compiled:
    """A compiled module: residuals and Jacobian by the names of its nodes."""

    def __init__(self, text: str, folder):
        path = folder / "cell.va"
        path.write_text(text)
        (self.module,) = openvaf_py.compile_va(str(path))
        assert self.module.name == MODULE
        self.nodes = [node["name"] for node in self.module.get_dae_system()["nodes"]]
        self.given = self.module.get_param_defaults() | {"mfactor": 1.0}
        kinds = zip(self.module.param_names, self.module.param_kinds, strict=True)
        self.branches = [name for name, kind in kinds if kind == "voltage"]

    def __call__(self, kelvin: float = 293.0, parameters: dict | None = None, **volts: float):
        """Residuals {node: (resistive, charge)}, Jacobians (nodes, nodes) of both."""
        volts = {name: 0.0 for name in self.nodes} | volts
        unknown = set(parameters or {}) - set(self.given)
        assert not unknown, f"the module has no parameter {unknown}"
        values = self.given | {"$temperature": kelvin} | (parameters or {})
        for branch in self.branches:
            plus, _, minus = branch[2:-1].partition(",")
            values[branch] = volts[plus] - (volts[minus] if minus else 0.0)
        residuals, entries = self.module.run_init_eval(values)
        jacobians = np.zeros((2, len(self.nodes), len(self.nodes)))
        for row, column, resistive, reactive in entries:
            jacobians[:, row, column] = resistive, reactive
        return dict(zip(self.nodes, residuals, strict=True)), *jacobians

    def at(self, matrix, row: str, column: str) -> float:
        return matrix[self.nodes.index(row), self.nodes.index(column)]


@pytest.fixture(scope="module")
def table_model(table):
    return TableModel(table)


@pytest.fixture(scope="module")
def table_cell(table_model, tmp_path_factory):
    return Compiled(verilog(table_model), tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="module")
def ibm(card):
    return IbmModel(card)


@pytest.fixture(scope="module")
def ibm_cell(ibm, tmp_path_factory):
    return Compiled(verilog(ibm), tmp_path_factory.mktemp("ibm"))


def test_table_on_random_states(table_model, table_cell):
    rng = np.random.default_rng(7)
    rows, columns = table_model.knots_ln_density, table_model.knots_V
    law = table_model.table.ionic
    for _ in range(STATES):
        ln_n, bottom = rng.uniform(rows[0], rows[-1]), rng.uniform(-1, 1)
        volt = rng.uniform(-columns[-1], columns[-1])
        density, size = np.exp(ln_n), abs(volt)
        state = ln_n - np.log(STATE_UNIT_M3)
        found, resistive, reactive = table_cell(te=bottom + volt, be=bottom, u=state)
        current = float(table_model.current_A(volt, density))
        rate = float(table_model.density_rate_per_m3s(volt, density)) / density
        assert found["te"][0] == pytest.approx(current, rel=TIGHT)
        assert found["be"][0] == pytest.approx(-current, rel=TIGHT)
        assert found["u"][0] == pytest.approx(-CAPACITANCE_F * rate, rel=TIGHT)
        assert found["u"][1] == pytest.approx(CAPACITANCE_F * state, rel=TIGHT)
        assert found["g"] == pytest.approx((0.0, CAPACITANCE_F * (2 + np.sin(FINE * state))), rel=TIGHT)
        # Derivatives of V exp(g(u, |V|)) and of the rate, with those of the kernels.
        _, g_u, g_v = evaluate(table_model.patches("current_A"), rows, columns, ln_n, size)
        assert table_cell.at(resistive, "te", "te") == pytest.approx(
            current / volt * (1 + size * g_v), rel=TIGHT
        )
        assert table_cell.at(resistive, "te", "u") == pytest.approx(current * g_u, rel=TIGHT, abs=1e-18)
        name = "hop_rate_set_per_s" if volt > 0 else "hop_rate_reset_per_s"
        _, g_u, g_v = evaluate(table_model.patches(name), rows, columns, ln_n, size)
        filled = density / law.density_max_m3
        blocked = law.saturation_exponent * filled / (1 - filled)
        scale = -CAPACITANCE_F * rate
        by_volt = scale / volt * (1 + size * g_v)
        assert table_cell.at(resistive, "u", "te") == pytest.approx(by_volt, rel=TIGHT)
        assert table_cell.at(resistive, "u", "be") == pytest.approx(-by_volt, rel=TIGHT)
        assert table_cell.at(resistive, "u", "u") == pytest.approx(
            scale * (g_u - blocked), rel=1e-8, abs=TIGHT * abs(scale)
        )
        assert table_cell.at(reactive, "u", "u") == pytest.approx(CAPACITANCE_F, rel=TIGHT)


def test_table_beyond_its_ends(table_model, table_cell):
    high = table_model.voltage_max_V
    top = table_model.table.density_m3[-1]
    end = np.log(top / STATE_UNIT_M3)
    conductance = table_model.current_A(high, top) / high
    found, resistive, _ = table_cell(te=2 * high, u=end + 2 * EDGE)
    assert found["te"][0] == pytest.approx(2 * high * conductance, rel=TIGHT)
    assert found["u"][0] == 0.0
    assert table_cell.at(resistive, "te", "u") == 0.0
    assert table_cell(te=-high, u=end + 2 * EDGE)[0]["u"][0] > 0, "reset leads back"


def test_ibm_on_random_states(ibm, ibm_cell):
    rng = np.random.default_rng(8)
    constants = ibm.constants
    (cell,) = IbmCells.of(ibm, 1).pack(ibm)
    for _ in range(STATES):
        density, volt = np.exp(rng.uniform(np.log(1e24), np.log(8e25))), rng.uniform(-1.4, 1.4)
        current = float(ibm.current_A(volt, density))
        # At our solution every balance holds.
        nodes = _ibm_nodes(ibm, volt, current, density)
        found, resistive, _ = ibm_cell(**nodes)
        assert found["te"][0] == pytest.approx(current, rel=TIGHT)
        assert found["m"][0] == pytest.approx(0.0, abs=TIGHT * abs(current))
        assert found["tk"][0] == pytest.approx(0.0, abs=TIGHT * nodes["tk"])
        rate = float(ibm.density_rate_per_m3s(volt, density)) / density
        assert found["u"][0] == pytest.approx(-CAPACITANCE_F * rate, rel=TIGHT)
        # Away from it: the current of the law at a trial current, and all derivatives.
        trial, sign = abs(current) * rng.uniform(0.5, 1.5), np.sign(volt)
        nodes = _ibm_nodes(ibm, volt, sign * trial, density)
        found, resistive, _ = ibm_cell(**nodes)
        j, j_u, j_v, j_i, _, f_u, f_v, f_i = laws(cell, np.log(density), abs(volt), trial, sign)
        assert found["be"][0] == pytest.approx(-sign * j, rel=TIGHT)
        warm_i, warm_v = constants.thermal_K_per_W * volt, constants.thermal_K_per_W * sign * trial
        for row, u, v, i, scale in (("be", j_u, j_v, j_i, -1.0), ("u", f_u, f_v, f_i, -CAPACITANCE_F)):
            odd = sign if row == "be" else 1.0
            by = {name: ibm_cell.at(resistive, row, name) for name in ("te", "m", "be", "tk", "u")}
            assert by["u"] == pytest.approx(scale * odd * u, rel=TIGHT)
            # te, m and be move with the voltage and the current as they do in our solution; be is at 0.
            along_v = (by["te"] + by["m"] + by["tk"] * warm_v) * sign
            along_i = (-by["m"] * constants.series_ohm + by["tk"] * warm_i) * sign
            assert along_v == pytest.approx(scale * odd * v, rel=TIGHT)
            size = abs(by["m"] * constants.series_ohm) + abs(by["tk"] * warm_i)
            assert along_i == pytest.approx(scale * odd * i, rel=TIGHT, abs=TIGHT * size)
            assert by["te"] + by["m"] + by["be"] == pytest.approx(0.0, abs=TIGHT * abs(by["m"]))


def _ibm_nodes(ibm, volt: float, current: float, density: float) -> dict[str, float]:
    constants = ibm.constants
    return {
        "te": volt,
        "m": volt - current * constants.series_ohm,
        "tk": ibm.ambient_K + constants.thermal_K_per_W * volt * current,
        "u": np.log(density / STATE_UNIT_M3),
    }


def _algebraic(cell: Compiled, nodes: dict[str, float]) -> dict[str, float]:
    """m and tk at a held voltage and state, by Newton on the compiled residuals."""
    names = ["m", "tk"]
    at = [cell.nodes.index(name) for name in names]
    for _ in range(50):
        found, resistive, _ = cell(**nodes)
        residual = np.array([found[name][0] for name in names])
        move = np.linalg.solve(resistive[np.ix_(at, at)], -residual)
        nodes = nodes | {name: nodes[name] + step for name, step in zip(names, move, strict=True)}
        if abs(move[0]) < 1e-12 and abs(move[1]) < 1e-9:
            return nodes
    raise AssertionError(f"Newton does not end at {nodes}")


@pytest.mark.parametrize("kind", ["table", "ibm"])
def test_transient(kind, request):
    """Set and reset pulses, integrated by SciPy on the compiled residuals."""
    model = request.getfixturevalue("table_model" if kind == "table" else "ibm")
    cell = request.getfixturevalue(f"{kind}_cell")
    start, edge, hold = 1e25, 5e-5, 1e-4
    corners = np.array([0, edge, edge + hold, 2 * edge + hold])
    time = np.concatenate([corners, corners[-1] + corners[1:]])
    volt = np.array([0, 1.05, 1.05, 0, -1.2, -1.2, 0])
    waveform = Waveform(time, volt)
    warm = {"m": 0.0, "tk": model.ambient_K}

    def slope(t, u):
        here = float(np.interp(t, waveform.time_s, waveform.voltage_V))
        nodes = {"te": here, "u": float(u[0])}
        if kind == "ibm":
            nodes = _algebraic(cell, nodes | warm)
            warm.update(m=nodes["m"], tk=nodes["tk"])
        found, _, _ = cell(**nodes)
        return [-found["u"][0] / CAPACITANCE_F]

    state = [np.log(start / STATE_UNIT_M3)]
    for t0, t1 in pairwise(time):
        run = solve_ivp(slope, (t0, t1), [state[-1]], method="RK45", rtol=1e-7, atol=1e-7)
        assert run.success
        state.append(run.y[0, -1])
    ours, _ = Cells.of_model(model, 1).advance(time, volt, np.array([start]), tolerance=1e-9)
    theirs = STATE_UNIT_M3 * np.exp(state)
    assert theirs.max() / start > 1.05 and theirs[-1] < 0.95 * theirs.max(), "the pulses move nothing"
    np.testing.assert_allclose(theirs, ours[0], rtol=1e-5)


@pytest.mark.parametrize("kind", ["table", "ibm"])
def test_temperature(kind, request):
    """`$temperature` is the ambient, the parameter goes before it; a table follows its parabola in 1/T."""
    model = request.getfixturevalue("table_model" if kind == "table" else "ibm")
    cell = request.getfixturevalue(f"{kind}_cell")
    density, volt = 1e25, 0.3
    currents = []
    for kelvin in (280.0, 293.0, 350.0):
        there = TableModel(model.table, kelvin) if kind == "table" else IbmModel(model.card, kelvin)
        nodes = {"te": volt, "u": float(np.log(density / STATE_UNIT_M3))}
        for given in ({"kelvin": kelvin}, {"kelvin": 310.0, "parameters": {"ambient": kelvin}}):
            if kind == "ibm":
                nodes = _ibm_nodes(there, volt, float(there.current_A(volt, density)), density)
            found, _, _ = cell(**given, **nodes)
            assert found["te"][0] == pytest.approx(float(there.current_A(volt, density)), rel=5e-3)
            rate = float(there.density_rate_per_m3s(volt, density)) / density
            assert found["u"][0] == pytest.approx(-CAPACITANCE_F * rate, rel=5e-3)
            if kind == "ibm":
                assert found["tk"][0] == pytest.approx(0.0, abs=1e-9 * kelvin)
        currents.append(found["te"][0])
    assert currents[2] / currents[0] > 1.1, "the temperature changes nothing"


def test_fixed_ambient(table, card, tmp_path):
    """A file of one ambient: the table knows no other, the law has it as its default."""
    hot = TableModel(table, 350.0)
    cell = Compiled(verilog(hot, fixed=True), tmp_path)
    assert "ambient" not in cell.given
    found, _, _ = cell(kelvin=280.0, te=0.3, u=float(np.log(1e25 / STATE_UNIT_M3)))
    assert found["te"][0] == pytest.approx(float(hot.current_A(0.3, 1e25)), rel=TIGHT)
    law = IbmModel(card, 350.0)
    nodes = _ibm_nodes(law, 0.3, float(law.current_A(0.3, 1e25)), 1e25)
    found, _, _ = Compiled(verilog(law, fixed=True), tmp_path)(kelvin=280.0, **nodes)
    assert found["tk"][0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kind", ["table", "ibm"])
def test_state_is_held_at_n0(kind, request, tmp_path):
    """Where the analysis is static or of small signals: the branch that openvaf-py does not take, by a parameter."""
    model = request.getfixturevalue("table_model" if kind == "table" else "ibm")
    text = verilog(model)
    assert text.count(f"if ({HELD})") == 1
    assert HELD == 'analysis("static") || analysis("ac") || analysis("noise")'
    text = text.replace(HELD, "held > 0.5").replace(
        "parameter real n0", "parameter real held = 1.0;\nparameter real n0"
    )
    cell = Compiled(text, tmp_path)
    state = float(np.log(3e25 / STATE_UNIT_M3))
    nodes = {"te": 1.0, "u": state} if kind == "table" else _ibm_nodes(model, 1.0, 1e-4, 3e25)
    for density in (1e24, 2e25):
        found, resistive, _ = cell(parameters={"n0": density, "held": 1.0}, **nodes)
        assert found["u"][0] == pytest.approx(np.log(3e25 / density), rel=TIGHT)
        assert cell.at(resistive, "u", "u") == pytest.approx(1.0, rel=TIGHT)
        for other in ("te", "be"):
            assert cell.at(resistive, "u", other) == 0.0, "a voltage moves the held state"
    found, _, _ = cell(parameters={"n0": 1e24, "held": 0.0}, **nodes)
    assert abs(found["u"][0]) < 1.0 and found["u"][0] != pytest.approx(np.log(30.0), rel=0.1)
    start = cell.given["n0"]
    assert start == pytest.approx(
        model.table.states["hrs"] if kind == "table" else model.card.states["hrs"].dome.density_m3
    )
