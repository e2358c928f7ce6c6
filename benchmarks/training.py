"""Training samples per CPU second on 784-256-128-10: ours, aihwkit on the same device, torch floating point.

One thread, batch 32, MNIST, the paper's soft-bounds device; AGAD with 5-slot trains and its paper settings, and
plain analog SGD with 31 slots. All take turns in short blocks, so that another load of the machine hits all
alike; the rate is the median block. Pulses become fewer as the error shrinks: all see equally many images.
aihwkit is measured where it is installed. Also: how much a second kernel thread brings, in wall-clock time.

    python benchmarks/training.py [--quick]
"""

# ruff: noqa: E402  (threads are fixed before NumPy is loaded)
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import platform
import statistics
import sys
import time
import warnings
from itertools import pairwise

import torch
from _results import write_result

from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.nn.datasets import load_mnist
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.networks import INPUT_BITS, MNIST_LAYERS, OUTPUT_BITS, OUTPUT_BOUND, perceptron
from femristor.nn.optimiser import AnalogSGD
from femristor.nn.rules.agad import AgadSettings
from femristor.nn.rules.analog_sgd import AnalogSgdSettings

BATCH = 32
LR = 0.01


class Trainer:
    """A network with its optimiser, fed the same images in the same order."""

    def __init__(self, network, optimiser) -> None:
        self.network, self.optimiser = network, optimiser
        self.next = 0
        self.rates: list[float] = []
        self.losses: list[float] = []

    def block(self, images, labels, count: int, clock) -> float:
        """Train on the next `count` images; samples per second of `clock`."""
        begun, total = clock(), 0.0
        for first in range(self.next, self.next + count, BATCH):
            self.optimiser.zero_grad()
            loss = torch.nn.functional.nll_loss(
                self.network(images[first : first + BATCH]), labels[first : first + BATCH]
            )
            loss.backward()
            self.optimiser.step()
            total += float(loss.detach())
        self.next += count
        self.losses.append(total * BATCH / count)
        return count / (clock() - begun)


def ours(rule, device, threads: int = 1) -> Trainer:
    """Our network under a rule; device None is floating point."""
    network = perceptron(MNIST_LAYERS, device=device, rule=rule, seed=0)
    if device is None:
        return Trainer(network, torch.optim.SGD(network.parameters(), lr=0.5))
    return Trainer(network, AnalogSGD(network, LR, threads=threads))


def aihwkit_trainer(rule: str, device: SoftBoundsDevice) -> Trainer | None:
    """aihwkit's network with the same population of devices; None where it is not installed.

    Its step at the far bound is s = 2 R/N_states at a symmetric device of exponent 1; up_down -0.361 puts the
    symmetry point where a skew of 61 % has it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from aihwkit.nn import AnalogLinear, AnalogSequential
            from aihwkit.optim import AnalogSGD as PeerSGD
            from aihwkit.simulator.configs import (
                IOParameters,
                SingleRPUConfig,
                UnitCellRPUConfig,
                UpdateParameters,
            )
            from aihwkit.simulator.configs.compounds import DynamicTransferCompound
            from aihwkit.simulator.configs.devices import PowStepDevice
    except ImportError:
        return None

    def cell():
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

    forward = IOParameters(
        inp_res=1 / (2**INPUT_BITS - 2),
        out_res=1 / (2**OUTPUT_BITS - 2),
        out_bound=OUTPUT_BOUND,
        out_noise=0.0,
    )
    options = {"forward": forward, "backward": IOParameters(is_perfect=True)}
    if rule == "agad":
        compound = DynamicTransferCompound(
            unit_cell_devices=[cell(), cell()],
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
        config = SingleRPUConfig(device=cell(), update=UpdateParameters(desired_bl=31), **options)
    config.mapping.digital_bias = False
    config.mapping.max_input_size = config.mapping.max_output_size = 0
    parts: list[torch.nn.Module] = []
    for number, (inputs, outputs) in enumerate(pairwise(MNIST_LAYERS)):
        parts += [torch.nn.Sigmoid()] if number else []
        parts.append(AnalogLinear(inputs, outputs, bias=True, rpu_config=config))
    network = AnalogSequential(*parts, torch.nn.LogSoftmax(dim=1))
    optimiser = PeerSGD(network.parameters(), lr=LR)
    optimiser.regroup_param_groups(network)
    return Trainer(network, optimiser)


def take_turns(trainers: dict[str, Trainer], images, labels, blocks: int, size: int) -> None:
    """Warm up with one block each, then measure block by block in turn."""
    for trainer in trainers.values():
        trainer.block(images, labels, size, time.process_time)
    for _ in range(blocks):
        for trainer in trainers.values():
            trainer.rates.append(trainer.block(images, labels, size, time.process_time))


def second_thread(device, images, labels, blocks: int, size: int) -> float:
    """Wall-clock rate of AGAD with two kernel threads over that with one, median of alternating blocks."""
    one, two = ours(AgadSettings(), device), ours(AgadSettings(), device, threads=2)
    ratios = []
    for block in range(blocks + 1):
        slow = one.block(images, labels, size, time.perf_counter)
        fast = two.block(images, labels, size, time.perf_counter)
        if block:
            ratios.append(fast / slow)
    return statistics.median(ratios)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    blocks, size = (3, 960) if "--quick" in sys.argv else (12, 3200)
    device = SoftBoundsDevice.from_card(load_card("cmo_hfox"))
    data = load_mnist()
    images = torch.from_numpy(data.train_images).to(torch.float32).div_(255.0)
    labels = torch.from_numpy(data.train_labels)
    trainers = {
        "agad": ours(AgadSettings(), device),
        "analog sgd": ours(AnalogSgdSettings(), device),
        "floating point": ours(None, None),
    }
    peers = {name: aihwkit_trainer(rule, device) for name, rule in (("agad", "agad"), ("analog sgd", "sgd"))}
    everyone = trainers | {f"aihwkit {name}": peer for name, peer in peers.items() if peer is not None}
    take_turns(everyone, images, labels, blocks, size)
    rows = []
    print(f"{'rule':>15} {'ours':>9} {'aihwkit':>9}  ratio   loss ours / aihwkit   (samples per CPU second)")
    for name, trainer in trainers.items():
        row = {"rule": name, "ours": statistics.median(trainer.rates), "loss_ours": trainer.losses[-1]}
        peer = peers.get(name)
        if peer is not None:
            row["aihwkit"] = statistics.median(peer.rates)
            row["ours_over_aihwkit"] = row["ours"] / row["aihwkit"]
            row["loss_aihwkit"] = peer.losses[-1]
        rows.append(row)
        peer_text = (
            f"{row['aihwkit']:9.0f}  {row['ours_over_aihwkit']:5.2f}"
            if peer is not None
            else f"{'':>9}  {'':>5}"
        )
        peer_loss = f" / {row['loss_aihwkit']:.3f}" if peer is not None else ""
        print(f"{name:>15} {row['ours']:9.0f} {peer_text}   {row['loss_ours']:.3f}{peer_loss}")
    threads = second_thread(device, images, labels, blocks, size)
    print(f"a second kernel thread: {threads:.2f} times the samples per second (wall clock)")
    versions = dependency_versions()
    if peers["agad"] is None:
        print("aihwkit is not installed here: its column is empty.")
    else:
        import aihwkit

        versions["aihwkit"] = aihwkit.__version__
    payload = {
        "command": "python benchmarks/training.py",
        "unit": "samples per CPU second, one thread, batch 32, median of blocks taken in turn",
        "images": (blocks + 1) * size,
        "second_thread_wall_clock": threads,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        "rows": rows,
    }
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
