"""aihwkit's networks on the population of devices that ours are on; None where aihwkit is not installed."""

import warnings
from itertools import pairwise

import torch

from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.networks import INPUT_BITS, OUTPUT_BITS, OUTPUT_BOUND


def installed() -> str | None:
    """Version of aihwkit, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import aihwkit
    except ImportError:
        return None
    return aihwkit.__version__


def _cell(device: SoftBoundsDevice):
    """Its step at the far bound is s = 2 R/N_states at a symmetric device of exponent 1; up_down -0.361 puts the
    symmetry point where a skew of 61 % has it."""
    from aihwkit.simulator.configs.devices import PowStepDevice

    return PowStepDevice(
        w_max=1.0,
        w_min=-1.0,
        w_max_dtod=0.0,
        w_min_dtod=0.0,
        dw_min=4.0 / device.n_states_mean,
        dw_min_dtod=device.n_states_std / device.n_states_mean,
        dw_min_std=device.noise_to_signal,
        up_down=-0.361,
        up_down_dtod=0.05,
        pow_gamma=1.0,
        pow_gamma_dtod=device.gamma_std,
    )


def configuration(rule: str, device: SoftBoundsDevice, *, defaults: bool):
    """Configuration of a rule ("agad" with 5-pulse trains, "sgd" with 31).

    Args:
        rule: see above.
        device: the population.
        defaults: aihwkit's own converters in both directions and its tiles of at most 512 inputs, instead of our
            converters, an exact backward product and one tile a layer.
    """
    from aihwkit.simulator.configs import (
        IOParameters,
        SingleRPUConfig,
        UnitCellRPUConfig,
        UpdateParameters,
    )
    from aihwkit.simulator.configs.compounds import DynamicTransferCompound

    options = {}
    if not defaults:
        forward = IOParameters(
            inp_res=1 / (2**INPUT_BITS - 2),
            out_res=1 / (2**OUTPUT_BITS - 2),
            out_bound=OUTPUT_BOUND,
            out_noise=0.0,
        )
        options = {"forward": forward, "backward": IOParameters(is_perfect=True)}
    if rule == "agad":
        compound = DynamicTransferCompound(
            unit_cell_devices=[_cell(device), _cell(device)],
            transfer_every=3,
            fast_lr=0.1,
            auto_scale=True,
            in_chop_prob=0.1,
            in_chop_random=False,
            tail_weightening=5.0,
            transfer_update=UpdateParameters(
                desired_bl=1, update_bl_management=False, update_management=False
            ),
        )
        config = UnitCellRPUConfig(device=compound, update=UpdateParameters(desired_bl=5), **options)
    else:
        config = SingleRPUConfig(device=_cell(device), update=UpdateParameters(desired_bl=31), **options)
    config.mapping.digital_bias = False
    if not defaults:
        config.mapping.max_input_size = config.mapping.max_output_size = 0
    return config


def perceptron(layers: tuple[int, ...], rule: str, device: SoftBoundsDevice, *, lr: float, defaults: bool):
    """Network and optimiser of the MNIST task."""
    from aihwkit.nn import AnalogLinear, AnalogSequential
    from aihwkit.optim import AnalogSGD

    config = configuration(rule, device, defaults=defaults)
    parts: list[torch.nn.Module] = []
    for number, (inputs, outputs) in enumerate(pairwise(layers)):
        parts += [torch.nn.Sigmoid()] if number else []
        parts.append(AnalogLinear(inputs, outputs, bias=True, rpu_config=config))
    network = AnalogSequential(*parts, torch.nn.LogSoftmax(dim=1))
    optimiser = AnalogSGD(network.parameters(), lr=lr)
    optimiser.regroup_param_groups(network)
    return network, optimiser


def character_lstm(symbols: int, hidden: int, rule: str, device: SoftBoundsDevice, *, lr: float):
    """Network and optimiser of the text task: two LSTM layers, a linear one; aihwkit's cell with combined weights."""
    from aihwkit.nn import AnalogLinear, AnalogLSTMCellCombinedWeight, AnalogRNN, AnalogSequential
    from aihwkit.optim import AnalogSGD

    config = configuration(rule, device, defaults=False)

    class Network(AnalogSequential):
        def __init__(self):
            super().__init__()
            self.lstm = AnalogRNN(
                AnalogLSTMCellCombinedWeight, symbols, hidden, bias=True, rpu_config=config, num_layers=2
            )
            self.readout = AnalogLinear(hidden, symbols, bias=True, rpu_config=config)

        def forward(self, codes, state=None):
            one_hot = torch.nn.functional.one_hot(codes, symbols).float()
            out, state = self.lstm(one_hot, state)
            return torch.log_softmax(self.readout(out), dim=-1), state

    network = Network()
    optimiser = AnalogSGD(network.parameters(), lr=lr)
    optimiser.regroup_param_groups(network)
    return network, optimiser
