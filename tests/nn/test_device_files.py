"""Devices in files, and as aihwkit configurations: round trips, one-sided numbers, the peer's own pulse response."""

import ast
from dataclasses import replace

import numpy as np
import pytest

from femristor.core import store
from femristor.core.curves import IVCurve
from femristor.core.errors import InputError, StoreError
from femristor.core.provenance import Status
from femristor.core.traces import pulse_phases
from femristor.device import load_card
from femristor.nn.devices.aihwkit_text import aihwkit_text, peer_device
from femristor.nn.devices.files import load_device, save_device
from femristor.nn.devices.fit.law import path
from femristor.nn.devices.fit.population import fit_population
from femristor.nn.devices.fit.tables import step_tables
from femristor.nn.devices.fit.traces import PulseTraces
from femristor.nn.devices.parameters import STEP_DOWN, STEP_UP
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice

WAYS = pulse_phases(200, 200, 200)[1]
CARD = SoftBoundsDevice.from_card(load_card("cmo_hfox"))


def soft_traces(cells=5) -> PulseTraces:
    rng = np.random.default_rng(0)
    theta = np.array([10e-6, 90e-6, *np.log([4e-6, 6e-6, 1.0, 1.0])])
    rows = np.empty((cells, WAYS.size + 1))
    for row in rows:
        path(theta, np.array([2e-5]), WAYS.astype(np.int64), row, 0.4, rng.standard_normal(WAYS.size))
    return PulseTraces("soft", "S", rows, WAYS, 1.4, -1.4, inputs={"a.h5": "0" * 64})


@pytest.mark.parametrize("make", [fit_population, step_tables])
def test_fitted_devices_come_back_from_their_files(make, tmp_path):
    """The same cells are drawn before and after; amplitudes, inputs and refusals travel along."""
    made = make(soft_traces())
    found = store.load(save_device(made, tmp_path / "device.h5"))
    assert type(found) is type(made)
    assert (found.set_V, found.reset_V, found.refused) == (1.4, -1.4, ())
    assert found.provenance.inputs == {"a.h5": "0" * 64}
    kind = SoftBoundsDevice.from_population if make is fit_population else TableDevice.from_tables
    drawn = kind(made).sample(4, 5, seed=3).fingerprint()
    assert load_device(tmp_path / "device.h5").sample(4, 5, seed=3).fingerprint() == drawn


def test_devices_made_by_hand_come_back(tmp_path):
    grid = np.linspace(1e-5, 9e-5, 21)
    table = TableDevice.from_steps(
        grid, 2e-6 * (grid[-1] - grid) / 8e-5, -3e-6 * (grid - grid[0]) / 8e-5, 0.3
    )
    for device in (CARD, table):
        found = load_device(save_device(device, tmp_path / "d.h5"))
        assert found.sample(3, 3, seed=1).fingerprint() == device.sample(3, 3, seed=1).fingerprint()


def test_a_file_of_something_else_is_refused(tmp_path):
    curve = IVCurve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), 300.0, "x", "x", Status.CONVERGED)
    store.save(curve, tmp_path / "curve.h5")
    with pytest.raises(StoreError, match="an IVCurve, which is no device"):
        load_device(tmp_path / "curve.h5")
    with pytest.raises(StoreError, match="no device that can be stored"):
        save_device(curve, tmp_path / "again.h5")
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF")
    with pytest.raises(StoreError, match="truncated"):
        load_device(tmp_path / "cut.h5")


@pytest.mark.parametrize(("skew", "up_down"), [(0.61, 0.39 / 0.61 - 1), (0.5, 0.0), (0.4, 1 - 0.4 / 0.6)])
def test_one_sided_bias_of_aihwkit(skew, up_down):
    """A skew of 61 % needs -0.361, and gives -0.22; the larger step is dw_min."""
    peer = peer_device(replace(CARD, skew_mean=skew))
    assert peer.values["up_down"] == pytest.approx(up_down, abs=5e-4)
    assert peer.symmetry_point == pytest.approx(1 - 2 * skew)
    still = replace(CARD, skew_mean=skew, n_states_std=0.0, skew_std=0.0, gamma_std=0.0)
    values, cell = peer_device(still).values, still.sample(1, 1, seed=0).parameters[0, 0]
    assert values["dw_min"] == pytest.approx(max(cell[STEP_UP], cell[STEP_DOWN]), rel=1e-5)
    assert values["dw_min_dtod"] == pytest.approx(0, abs=1e-6)


def test_spreads_of_both_steps_are_split_as_aihwkit_draws_them():
    """Shared and opposite parts give back the variance and covariance of our cells' steps."""
    device = replace(CARD, gamma_std=0.0)
    values, cells = peer_device(device).values, device.sample(1, 4096, seed=0).parameters[0]
    size = values["dw_min"]
    seen = np.cov(cells[:, [STEP_UP, STEP_DOWN]].T.astype(float)) / size**2
    assert values["dw_min_dtod"] ** 2 + values["up_down_dtod"] ** 2 == pytest.approx(
        0.5 * np.trace(seen), rel=1e-3
    )
    assert values["dw_min_dtod"] ** 2 - values["up_down_dtod"] ** 2 == pytest.approx(seen[0, 1], rel=1e-3)


def test_the_text_is_python_and_other_devices_are_refused():
    for device in (CARD, TableDevice.from_traces(soft_traces())):
        tree = ast.parse(aihwkit_text(device, source='a "device"'))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert {"device", "rpu_config", "single_config"} <= names
    with pytest.raises(InputError, match="no device for"):
        peer_device(object())


def peer_response(text: str, tmp_path, pulses: int = 60, tiles: int = 60):
    """(directions, weights after each pulse of 200 cells x tiles) of the configuration's device alone."""
    import torch
    from aihwkit.simulator.tiles import AnalogTile

    file = tmp_path / "config.py"
    file.write_text(text, encoding="utf-8")
    names: dict = {}
    exec(compile(text, str(file), "exec"), names)
    config = names["single_config"]()
    config.update.desired_bl = 1
    config.update.update_bl_management = config.update.update_management = False
    tile = AnalogTile(tiles, 200, config)
    tile.set_learning_rate(1.0)
    tile.set_weights(torch.zeros(tiles, 200))
    ways = np.concatenate([np.ones(pulses), -np.ones(pulses), np.tile([1, -1], 2 * pulses)])
    x, found = torch.ones(1, 200), []
    for way in ways:
        # A coincidence in every cell: probabilities are 1.
        tile.update(x * 10, torch.full((1, tiles), -10.0 * float(way)))
        found.append(tile.get_weights()[0].numpy().copy())
    return ways, np.array(found)


def our_response(device, ways, rows=60, cols=200):
    from femristor.nn.devices.pulse import fire_plain
    from femristor.nn.update.counter_rng import child_plain, tile_key

    devices = device.sample(rows, cols, seed=5)
    weight, found, hit = devices.clip(np.zeros((rows, cols))), [], np.ones((rows, cols), dtype=bool)
    for number, way in enumerate(ways):
        keys = child_plain(child_plain(tile_key(5), number), np.arange(rows))[:, None]
        fire_plain(weight, devices, hit, np.full(weight.shape, way > 0), keys)
        found.append(weight.copy())
    return np.array(found)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["soft bounds", "step tables"])
def test_aihwkit_answers_pulses_as_ours_does(kind, tmp_path):
    """Mean up, down and alternating response of 12,000 cells, and their symmetry point, within sampling error."""
    pytest.importorskip("aihwkit", reason="aihwkit is an optional peer")
    # One kind of cell: what a spread means differs (see `aihwkit_text`), the response of a cell must not.
    if kind == "soft bounds":
        device = replace(CARD, n_states_std=0.0, skew_std=0.0, gamma_std=0.0, noise_to_signal=0.4)
    else:
        traced = step_tables(soft_traces(1))
        device = TableDevice.from_tables(traced)
        # aihwkit's noise is one ratio for all states: give ours the same.
        ratio = peer_device(device).values["dw_min_std"]
        library = device.library.copy()
        library[..., 1] = ratio * np.maximum(library[..., 0], 0.0)
        library[..., 0] = np.maximum(library[..., 0], 0.0)
        device = replace(device, library=library)
    ways, peer = peer_response(aihwkit_text(device, source="test"), tmp_path)
    ours = our_response(device, ways)
    error = np.hypot(peer.std(axis=(1, 2)), ours.std(axis=(1, 2))) / np.sqrt(peer[0].size)
    gap = np.abs(peer.mean(axis=(1, 2)) - ours.mean(axis=(1, 2)))
    # 5 sigma of 360 means, and the six digits of the file.
    assert np.all(gap < 5 * error + 2e-4), (gap / (error + 1e-12)).max()
    settled = slice(-40, None)
    assert peer[settled].mean() == pytest.approx(ours[settled].mean(), abs=2e-3)


@pytest.mark.filterwarnings("ignore")
def test_the_written_configuration_trains_by_agad(tmp_path):
    """`rpu_config()` of both kinds builds a layer whose weights an update moves."""
    pytest.importorskip("aihwkit", reason="aihwkit is an optional peer")
    import torch
    from aihwkit.nn import AnalogLinear
    from aihwkit.optim import AnalogSGD

    for device in (CARD, TableDevice.from_traces(soft_traces())):
        names: dict = {}
        exec(compile(aihwkit_text(device, source="test"), "config.py", "exec"), names)
        layer = AnalogLinear(6, 4, bias=True, rpu_config=names["rpu_config"]())
        optimiser = AnalogSGD(layer.parameters(), lr=0.1)
        optimiser.regroup_param_groups(layer)
        before = layer.get_weights()[0].clone()
        for _ in range(400):
            optimiser.zero_grad()
            (layer(torch.ones(8, 6)) - 1.0).square().mean().backward()
            optimiser.step()
        assert not torch.equal(before, layer.get_weights()[0])
