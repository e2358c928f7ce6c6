"""Oracle: aihwkit's analog SGD and AGAD on the same soft-bounds device give the same weight statistics.

Skipped where aihwkit is not installed. Devices without spread and the same 2,000 inputs and errors on many tiles;
the rows of a tile share the input bits, so the sampling error is that of the tiles' means.
"""

import numpy as np
import pytest
import torch

from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.update.counter_rng import tile_key
from femristor.nn.update.rules import agad, analog_sgd
from femristor.nn.update.rules.agad import AgadSettings, AgadState
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

pytest.importorskip("aihwkit", reason="aihwkit is an optional peer")
pytestmark = pytest.mark.filterwarnings("ignore")

TILES, ROWS, COLS, UPDATES = 40, 30, 4, 2000
STILL = SoftBoundsDevice(n_states_std=0, skew_std=0, gamma_std=0)


def peer_cell():
    from aihwkit.simulator.configs.devices import PowStepDevice

    # Ours as theirs: equal at skew 61 %, 22 states, exponent 1. Theirs counts asymmetry on one side only.
    up, down = 2 / 22 / 0.61, 2 / 22 / 0.39
    return PowStepDevice(
        w_max=1.0,
        w_min=-1.0,
        w_max_dtod=0.0,
        w_min_dtod=0.0,
        dw_min=down,
        dw_min_dtod=0.0,
        dw_min_std=0.9,
        up_down=up / down - 1,
        up_down_dtod=0.0,
        pow_gamma=1.0,
        pow_gamma_dtod=0.0,
    )


def vectors():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (UPDATES, COLS)).astype(np.float32)
    d = np.repeat(rng.normal(0.1, 0.3, (UPDATES, 1)), ROWS, axis=1).astype(np.float32)
    return x, d


def peer_weights(config, x, d, *, lr: float):
    """(tiles, rows, cols) weights after all updates."""
    from aihwkit.nn import AnalogLinear

    config.mapping.max_input_size = config.mapping.max_output_size = 0
    pairs = [
        (row[None], error[None]) for row, error in zip(torch.from_numpy(x), torch.from_numpy(d), strict=True)
    ]
    found = []
    for _ in range(TILES):
        tile = next(AnalogLinear(COLS, ROWS, bias=False, rpu_config=config).analog_tiles())
        tile.set_weights(torch.zeros(ROWS, COLS))
        tile.set_learning_rate(lr)
        for row, error in pairs:
            tile.update(row, error)
        found.append(tile.get_weights()[0].numpy().copy())
    return np.array(found)


def agree(ours, theirs):
    """Mean and standard deviation of each column within four sampling errors over the tiles."""
    for statistic in (np.mean, np.std):
        one, other = statistic(ours, axis=1), statistic(theirs, axis=1)
        error = np.sqrt((one.var(axis=0, ddof=1) + other.var(axis=0, ddof=1)) / TILES)
        assert np.all(np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4 * error), statistic.__name__
        assert np.all(error < 0.03)


def test_analog_sgd_gives_the_same_weights():
    from aihwkit.simulator.configs import SingleRPUConfig, UpdateParameters

    x, d = vectors()
    devices = STILL.sample(ROWS, COLS, seed=0)
    cell = peer_cell()
    # Their granularity is the larger step at mid-window, ours the mean of both: same wanted pulses.
    rate = 0.02
    ours = np.array([devices.clip(np.zeros((ROWS, COLS))) for _ in range(TILES)])
    for tile in range(TILES):
        options = {"rate": rate, "settings": AnalogSgdSettings(), "key": tile_key(0, tile)}
        analog_sgd.update(ours[tile], devices, x, d=d, **options)
    config = SingleRPUConfig(device=cell, update=UpdateParameters(desired_bl=31))
    theirs = peer_weights(config, x, d, lr=rate * cell.dw_min * 0.5 / devices.granularity)
    agree(ours, theirs)


def test_agad_gives_the_same_weights():
    from aihwkit.simulator.configs import IOParameters, UnitCellRPUConfig, UpdateParameters
    from aihwkit.simulator.configs.compounds import DynamicTransferCompound

    x, d = vectors()
    devices, fast = (STILL.sample(ROWS, COLS, seed=0, stream=k) for k in (0, 1))
    cell = peer_cell()
    settings = AgadSettings(transfer_every=3, read_bits=0, read_noise=0)
    lr = 0.01 * fast.granularity / (cell.dw_min * 0.5)
    ours = np.array([devices.clip(np.zeros((ROWS, COLS))) for _ in range(TILES)])
    for tile in range(TILES):
        state = AgadState.start(fast)
        options = {
            "state": state,
            "fast_devices": fast,
            "lr": lr,
            "settings": settings,
            "key": tile_key(0, tile),
        }
        for k in range(UPDATES):
            agad.update(ours[tile], devices, x[k : k + 1], d=d[k : k + 1], **options)
    config = UnitCellRPUConfig(
        device=DynamicTransferCompound(
            unit_cell_devices=[cell, peer_cell()],
            transfer_every=3,
            fast_lr=0.1,
            auto_scale=True,
            in_chop_prob=0.1,
            in_chop_random=False,
            tail_weightening=5.0,
            transfer_forward=IOParameters(is_perfect=True),
            transfer_update=UpdateParameters(
                desired_bl=1, update_bl_management=False, update_management=False
            ),
        ),
        update=UpdateParameters(desired_bl=5),
    )
    theirs = peer_weights(config, x, d, lr=0.01)
    agree(ours, theirs)
