"""Training rates per CPU second on one thread: ours, aihwkit on the same devices, torch floating point.

MNIST on 784-256-128-10 with batch 32, and a text by character on an LSTM of two layers of 64 with sequences of 100
and batch 32; the card's soft-bounds devices; AGAD with 5-slot trains and its default settings, plain analog SGD with 31
slots. All take turns in short blocks, so that another load of the machine hits all alike; the ratio is the median of the
blocks' ratios. Pulses become fewer as the error shrinks: all see equally many images. aihwkit is measured, where it is
installed, with our converters and one tile a layer, and with its own defaults (noisy converters in both directions,
layers of more than 512 inputs split in two). Also: what a second kernel thread brings in wall-clock time, and the largest
memory of a training process.

    python benchmarks/training.py [--quick]
"""

# ruff: noqa: E402  (threads are fixed before NumPy is loaded)
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import platform
import statistics
import subprocess
import sys
import time

import _aihwkit_training as peer
import torch
from _results import write_result

from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.layers.networks import MNIST_LAYERS, perceptron
from femristor.nn.layers.text_network import CharacterLSTM
from femristor.nn.train.datasets import load_mnist, load_text
from femristor.nn.update.optimiser import AnalogSGD
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings

BATCH, TIME = 32, 100
LR = 0.01

MEMORY = """
from pathlib import Path
from femristor.device import load_card
from femristor.nn.train.datasets import load_mnist
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.train.mnist import TrainSettings, train_mnist
device = SoftBoundsDevice.from_card(load_card("cmo_hfox"))
train_mnist(load_mnist(), TrainSettings(epochs=1), device=device)
# Not ru_maxrss: a child inherits its parent's there.
print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])
"""


class Trainer:
    """A network with its optimiser, fed the same data in the same order."""

    def __init__(self, network, optimiser) -> None:
        self.network, self.optimiser = network, optimiser
        self.next = 0
        self.rates: list[float] = []
        self.losses: list[float] = []

    def block(self, data, count: int, clock) -> float:
        """Train on the next `count` batches; items per second of `clock`."""
        begun, total, items = clock(), 0.0, 0
        for _ in range(count):
            x, target = data(self.next)
            self.optimiser.zero_grad()
            out = self.network(x)
            out = out[0].flatten(0, 1) if isinstance(out, tuple) else out
            loss = torch.nn.functional.nll_loss(out, target)
            loss.backward()
            self.optimiser.step()
            total += float(loss.detach())
            items += target.numel()
            self.next += 1
        self.losses.append(total / count)
        return items / (clock() - begun)


def mnist_batches():
    """Batch number -> images and labels."""
    data = load_mnist()
    images = torch.from_numpy(data.train_images).to(torch.float32).div_(255.0)
    labels = torch.from_numpy(data.train_labels)

    def batch(number: int):
        part = slice(number * BATCH % 60000, number * BATCH % 60000 + BATCH)
        return images[part], labels[part]

    return batch


def text_batches():
    """Batch number -> (time, batch) characters and the (time batch,) characters that follow, and the symbols."""
    text = load_text()
    codes = torch.from_numpy(text.train).long()
    lines = codes[: codes.numel() // BATCH * BATCH].reshape(BATCH, -1).T

    def batch(number: int):
        first = number * TIME
        return lines[first : first + TIME], lines[first + 1 : first + TIME + 1].flatten()

    return batch, text.symbols


def ours(rule, device, threads: int = 1) -> Trainer:
    """Our perceptron under a rule; device None is floating point."""
    network = perceptron(MNIST_LAYERS, device=device, rule=rule, seed=0)
    if device is None:
        return Trainer(network, torch.optim.SGD(network.parameters(), lr=0.5))
    return Trainer(network, AnalogSGD(network, LR, threads=threads))


def our_lstm(rule, device, symbols: int) -> Trainer:
    """Our character network under a rule; device None is floating point."""
    network = CharacterLSTM(symbols, device=device, rule=rule)
    if device is None:
        return Trainer(network, torch.optim.SGD(network.parameters(), lr=0.5))
    return Trainer(network, AnalogSGD(network, LR))


def take_turns(trainers: dict[str, Trainer], data, blocks: int, size: int) -> None:
    """Warm up with one block each, then measure block by block in turn."""
    for trainer in trainers.values():
        trainer.block(data, size, time.process_time)
    for _ in range(blocks):
        for trainer in trainers.values():
            trainer.rates.append(trainer.block(data, size, time.process_time))


def compare(name: str, mine: Trainer, others: dict[str, Trainer]) -> dict:
    """One row of the table: our rate, those of the peers, the medians of the blocks' ratios."""
    row = {"job": name, "ours": statistics.median(mine.rates), "loss_ours": mine.losses[-1]}
    line = f"{name:>15} {row['ours']:8.0f}  loss {row['loss_ours']:.3f}"
    for label, other in others.items():
        ratio = statistics.median(a / b for a, b in zip(mine.rates, other.rates, strict=True))
        row |= {
            label: statistics.median(other.rates),
            f"ours_over_{label}": ratio,
            f"loss_{label}": other.losses[-1],
        }
        line += f"   {label} {row[label]:.0f}, loss {other.losses[-1]:.3f}: {ratio:.2f} times"
    print(line)
    return row


def mnist_rows(device, data, blocks: int, size: int) -> list[dict]:
    """AGAD, analog SGD and floating point on the perceptron."""
    rules = {"agad": ("agad", AgadSettings()), "analog sgd": ("sgd", AnalogSgdSettings())}
    mine = {name: ours(rule, device) for name, (_, rule) in rules.items()} | {
        "floating point": ours(None, None)
    }
    others: dict[str, dict[str, Trainer]] = {name: {} for name in mine}
    if peer.installed():
        for name, (rule, _) in rules.items():
            for label, defaults in (("aihwkit", False), ("aihwkit_defaults", True)):
                made = peer.perceptron(MNIST_LAYERS, rule, device, lr=LR, defaults=defaults)
                others[name][label] = Trainer(*made)
    everyone = {f"{name} {label}": t for name, group in others.items() for label, t in group.items()}
    take_turns(mine | everyone, data, blocks, size)
    return [compare(name, trainer, others[name]) for name, trainer in mine.items()]


def text_rows(device, blocks: int, size: int) -> list[dict]:
    """AGAD, analog SGD and floating point on the character network."""
    data, symbols = text_batches()
    rules = {"lstm agad": ("agad", AgadSettings()), "lstm analog sgd": ("sgd", AnalogSgdSettings())}
    mine = {name: our_lstm(rule, device, symbols) for name, (_, rule) in rules.items()}
    mine["lstm floating point"] = our_lstm(None, None, symbols)
    others: dict[str, dict[str, Trainer]] = {name: {} for name in mine}
    if peer.installed():
        for name, (rule, _) in rules.items():
            others[name]["aihwkit"] = Trainer(*peer.character_lstm(symbols, 64, rule, device, lr=LR))
    everyone = {f"{name} {label}": t for name, group in others.items() for label, t in group.items()}
    take_turns(mine | everyone, data, blocks, size)
    return [compare(name, trainer, others[name]) for name, trainer in mine.items()]


def second_thread(device, data, blocks: int, size: int) -> float:
    """Wall-clock rate of AGAD with two kernel threads over that with one, median of alternating blocks."""
    one, two = ours(AgadSettings(), device), ours(AgadSettings(), device, threads=2)
    ratios = []
    for block in range(blocks + 1):
        slow = one.block(data, size, time.perf_counter)
        fast = two.block(data, size, time.perf_counter)
        if block:
            ratios.append(fast / slow)
    return statistics.median(ratios)


def peak_memory() -> float:
    """Largest memory (GB) of a process that trains MNIST for an epoch and tests it."""
    found = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    return float(found.stdout.split()[-1]) * 1024 / 1e9


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    quick = "--quick" in sys.argv
    blocks, size = (3, 20) if quick else (12, 80)
    device = SoftBoundsDevice.from_card(load_card("cmo_hfox"))
    data = mnist_batches()
    print("samples or tokens per CPU second, one thread")
    rows = mnist_rows(device, data, blocks, size)
    rows += text_rows(device, *((2, 1) if quick else (6, 3)))
    threads = second_thread(device, data, blocks, size)
    print(f"a second kernel thread: {threads:.2f} times the samples per second (wall clock)")
    memory = peak_memory()
    print(f"largest memory of MNIST training: {memory:.2f} GB")
    versions = dependency_versions()
    if peer.installed():
        versions["aihwkit"] = peer.installed()
    else:
        print("aihwkit is not installed here: its columns are missing.")
    payload = {
        "command": "python benchmarks/training.py" + (" --quick" if quick else ""),
        "unit": "samples (MNIST) or tokens (lstm) per CPU second, one thread, batch 32, median of blocks in turn",
        "images": (blocks + 1) * size * BATCH,
        "second_thread_wall_clock": threads,
        "largest_memory_GB": memory,
        "load_average": os.getloadavg()[0],
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        "rows": rows,
    }
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
