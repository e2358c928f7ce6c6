"""A device as the Python text of an IBM aihwkit configuration for AGAD training.

Soft bounds become a `PowStepDevice`. With s+, s- the steps at the far bound, aihwkit holds the larger one in `dw_min` and
lowers only the other: `up_down` = s+/s- - 1 below 0 or 1 - s-/s+ above; so a skew of 61 % at exponent 1 needs
-0.361 (there -0.22 would put the symmetry point at -0.124). Its exponents work alike. Spreads from device to device:
`dw_min_dtod` moves both steps together, `up_down_dtod` against each other, so from the relative covariance over cells

    dw_min_dtod^2 = (v + c)/2      up_down_dtod^2 = (v - c)/2      v: mean variance, c: covariance of both steps

and alike for exponents. Lost: the correlation of N_states with skew beyond that, and limits of the draws. Step tables
become a `PiecewiseStepDevice` of their mean curves with the spread of a cell's mean step; lost: each cell's own curve,
and noise that depends on the state (`dw_min_std` is its ratio at the symmetry point).
"""

from dataclasses import dataclass

import numpy as np

from femristor.core.errors import InputError
from femristor.core.io.text import python_text
from femristor.nn.devices.crossing import main_crossing
from femristor.nn.devices.parameters import (
    GAMMA_DOWN,
    GAMMA_UP,
    STEP_DOWN,
    STEP_UP,
    W_MAX,
    W_MIN,
    Device,
)
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice

CELLS = 4096
PIECEWISE_NODES = 63
"""aihwkit's GPU code takes fewer than 64."""


@dataclass(frozen=True)
class PeerDevice:
    """A device in aihwkit's terms.

    Attributes:
        kind: name of aihwkit's class.
        values: its arguments.
        symmetry_point: weight where its mean steps balance.
        lost: sentences on what it cannot hold.
    """

    kind: str
    values: dict[str, float | list[float]]
    symmetry_point: float
    lost: tuple[str, ...]


def peer_device(device: Device, *, seed: int = 0) -> PeerDevice:
    """Arguments of aihwkit's device.

    Args:
        device: `SoftBoundsDevice` or `TableDevice`.
        seed: of the cells that spreads are measured on.

    Returns:
        PeerDevice.

    Raises:
        InputError: another device, or mean tables without a symmetry point.
    """
    if isinstance(device, SoftBoundsDevice):
        return _power(device, seed)
    if isinstance(device, TableDevice):
        return _piecewise(device)
    raise InputError(f"aihwkit has no device for {type(device).__name__}; give soft bounds or step tables.")


def _one_sided(up: np.ndarray, down: np.ndarray) -> dict[str, float]:
    """Larger mean, one-sided bias, and relative spreads together and against each other."""
    means = np.array([up.mean(), down.mean()])
    size = float(means.max())
    ratio = float(means.min() / size) if size > 0 else 1.0
    bias = ratio - 1.0 if means[0] < means[1] else 1.0 - ratio
    seen = np.cov(np.stack([up, down]) / max(size, 1e-12)) if up.size > 1 else np.zeros((2, 2))
    variance, shared = 0.5 * (seen[0, 0] + seen[1, 1]), seen[0, 1]
    together, against = np.sqrt(np.maximum([0.5 * (variance + shared), 0.5 * (variance - shared)], 0.0))
    return {"size": size, "bias": bias, "together": float(together), "against": float(against)}


def _power(device: SoftBoundsDevice, seed: int) -> PeerDevice:
    cells = device.sample(1, CELLS, seed=seed).parameters[0].astype(float)
    span = device.w_max - device.w_min
    gamma = cells[:, [GAMMA_UP, GAMMA_DOWN]]
    means = gamma.mean(axis=0)
    # Steps at the mean exponents: there every exponent keeps a cell's symmetry point, aihwkit's draws do not.
    steps = cells[:, [STEP_UP, STEP_DOWN]] * _base(cells) ** (gamma - means)
    # The mean cell sets the ratio, so that the symmetry point is that of the mean skew.
    central = np.array([device.skew_mean, 1.0 - device.skew_mean]) ** -means
    lost = ["N_states and skew are drawn independently of each other as far as both steps allow"]
    if np.any(gamma.std(axis=0) > 0):
        lost.append("a draw of the exponent moves a cell's symmetry point")
    step, power = _one_sided(*steps.T), _one_sided(*gamma.T)
    middle = _one_sided(*central[:, None])
    values = {
        "w_max": device.w_max,
        "w_min": device.w_min,
        "w_max_dtod": _bound_spread(cells[:, W_MAX], device.w_max, span),
        "w_min_dtod": _bound_spread(cells[:, W_MIN], device.w_min, span),
        "dw_min": step["size"],
        "dw_min_dtod": step["together"],
        "dw_min_std": device.noise_to_signal,
        "up_down": middle["bias"],
        "up_down_dtod": step["against"],
        "pow_gamma": power["size"],
        "pow_gamma_dtod": power["together"],
        "pow_up_down": power["bias"],
        "pow_up_down_dtod": power["against"],
    }
    point = device.w_max - device.skew_mean * span
    return PeerDevice("PowStepDevice", values, point, tuple(lost))


def _base(cells: np.ndarray) -> np.ndarray:
    """(cells, 2) u and 1 - u at the symmetry point of each cell."""
    low, high = np.zeros(len(cells)), np.ones(len(cells))
    for _ in range(50):
        u = 0.5 * (low + high)
        above = (
            cells[:, STEP_UP] * u ** cells[:, GAMMA_UP]
            > cells[:, STEP_DOWN] * (1 - u) ** cells[:, GAMMA_DOWN]
        )
        low, high = np.where(above, low, u), np.where(above, u, high)
    return np.stack([u, 1 - u], axis=1)


def _bound_spread(bounds: np.ndarray, nominal: float, span: float) -> float:
    return float(bounds.std() / abs(nominal)) if abs(nominal) > 1e-9 * span else 0.0


def _piecewise(device: TableDevice) -> PeerDevice:
    windows = (
        np.tile([device.w_min, device.w_max], (len(device.library), 1))
        if device.windows is None
        else device.windows
    )
    low, high = windows.mean(axis=0)
    nodes = min(PIECEWISE_NODES, device.library.shape[2])
    place = np.linspace(0.0, 1.0, nodes)
    grid = np.linspace(0.0, 1.0, device.library.shape[2])
    mean, std = (device.library[..., k].mean(axis=0).astype(float) for k in (0, 1))
    up, down = (np.interp(place, grid, side) for side in mean)
    excess = up - down
    found = main_crossing(excess)
    if found is None:
        raise InputError(
            f"The mean steps of '{device.label}' have no symmetry point, so that a device of aihwkit would have none either; "
            "choose other pulse amplitudes."
        )
    k, part = found
    part = float(place[k] + (place[1] - place[0]) * part)
    step = 0.5 * float(np.interp(part, place, up) + np.interp(part, place, down))
    noise = float(np.interp(part, grid, std.mean(axis=0))) / step
    own = device.library[..., 0].mean(axis=2).astype(float)
    spread = _one_sided(*own.T)
    half = 0.5 * (high - low)
    values = {
        "w_max": float(high),
        "w_min": float(low),
        "w_max_dtod": _bound_spread(windows[:, 1], float(high), half),
        "w_min_dtod": _bound_spread(windows[:, 0], float(low), half),
        "dw_min": step,
        "dw_min_dtod": float(np.hypot(spread["together"], device.step_spread)),
        "dw_min_std": noise,
        "up_down": 0.0,
        "up_down_dtod": spread["against"],
        "piecewise_up": [round(float(value), 6) for value in np.maximum(up / step, 0.0)],
        "piecewise_down": [round(float(value), 6) for value in np.maximum(down / step, 0.0)],
    }
    lost = ("every cell has the mean curves, scaled", f"noise is {noise:.2f} of the step in every state")
    return PeerDevice("PiecewiseStepDevice", values, float(low + part * (high - low)), lost)


def aihwkit_text(device: Device, *, source: str, seed: int = 0) -> str:
    """A Python file whose `rpu_config()` gives aihwkit's configuration for AGAD on this device.

    Args:
        device: `SoftBoundsDevice` or `TableDevice`.
        source: what the device is, for the head.
        seed: of the cells that spreads are measured on.

    Returns:
        Text.

    Raises:
        InputError: a device that aihwkit has none for.
    """
    peer = peer_device(device, seed=seed)
    arguments = "".join(f"        {name}={_literal(value)},\n" for name, value in peer.values.items())
    lost = "".join(f"Not carried over: {sentence}.\n" for sentence in peer.lost)
    return _TEMPLATE.format(
        source=python_text(source),
        point=f"{peer.symmetry_point:.4f}",
        kind=peer.kind,
        arguments=arguments,
        lost=lost,
    )


def _literal(value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(f"{entry:.6g}" for entry in value) + "]"
    return repr(float(f"{value:.7g}"))


_TEMPLATE = '''"""IBM aihwkit configuration of {source}.

Written by femristor. Mean up and down steps balance at a weight of {point}.
{lost}
    from aihwkit.nn import AnalogLinear
    layer = AnalogLinear(784, 10, rpu_config=rpu_config())
"""

from aihwkit.simulator.configs import IOParameters, SingleRPUConfig, UnitCellRPUConfig, UpdateParameters
from aihwkit.simulator.configs.compounds import DynamicTransferCompound
from aihwkit.simulator.configs.devices import {kind}

SYMMETRY_POINT = {point}


def device():
    """One resistive device in weight units."""
    return {kind}(
{arguments}    )


def periphery():
    """Forward products through 6-bit DAC and 8-bit ADC, bound 15; the backward pass is exact."""
    forward = IOParameters(inp_res=1 / 62, out_res=1 / 254, out_bound=15.0, out_noise=0.0)
    return {{"forward": forward, "backward": IOParameters(is_perfect=True)}}


def rpu_config():
    """AGAD (TTv4): a fast and a slow array of this device."""
    compound = DynamicTransferCompound(
        unit_cell_devices=[device(), device()],
        transfer_every=3,
        fast_lr=0.1,
        auto_scale=True,
        in_chop_prob=0.1,
        in_chop_random=False,
        tail_weightening=5.0,
        transfer_update=UpdateParameters(desired_bl=1, update_bl_management=False, update_management=False),
    )
    config = UnitCellRPUConfig(device=compound, update=UpdateParameters(desired_bl=5), **periphery())
    config.mapping.digital_bias = False
    return config


def single_config():
    """The device alone, for plain analog SGD and pulse responses."""
    return SingleRPUConfig(device=device(), update=UpdateParameters(desired_bl=31), **periphery())
'''
