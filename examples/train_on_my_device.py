# # Train on my device
#
# A network whose weights are cells: each update is a train of pulses, and each pulse moves a cell by the step that
# the compact model of the cell gives from its present conductance. No update curve is made up.
#
# $$ w \leftarrow w + \Delta w_\pm(w)\,(1 + \sigma_c\,\xi) $$
#
# Here the compact model is sampled from the published 0-D law, which takes a second; with
# `femristor compact build` it comes from your field solutions instead, and the rest stays as it is.

from femristor.compact.dynamics.pulses import pulse_steps
from femristor.compact.table.closed_form import ClosedFormSampler, published_form
from femristor.compact.table.grid import default_grid
from femristor.compact.table.sample import build_table
from femristor.device import load_card
from femristor.nn.devices.table_device import TableDevice
from femristor.nn.train.datasets import load_mnist
from femristor.nn.train.mnist import TrainSettings, train_mnist

# ## The cell, distilled

card = load_card("cmo_hfox")
table = build_table(card, ClosedFormSampler(card, published_form(card)), default_grid(card), probes=0)

# ## The step of one pulse, from each conductance
#
# One set and one reset pulse of the card's amplitudes and width, with the card's selector in series.

steps = pulse_steps(table, card)
middle = steps.conductance_S.size // 2
print(
    f"from {steps.conductance_S[middle] * 1e6:.1f} uS: one set pulse {steps.step_up_S[middle] * 1e6:+.2f} uS, "
    f"one reset pulse {steps.step_down_S[middle] * 1e6:+.2f} uS"
)

# ## The device under the weights
#
# The window of conductance becomes the weights -1 to 1. The noise of a step is the measured one.

device = TableDevice.from_steps(
    steps.conductance_S,
    steps.step_up_S,
    steps.step_down_S,
    card.statistics.pulses.noise_to_signal,
    label="published 0-D law",
)

# ## Training with AGAD (Tiki-Taka v4)
#
# A slice of MNIST, so that this example runs in seconds; `femristor train mnist` uses all of it. Tiles of at most 512
# inputs have their columns read twice as often as one of 784 would.

plan = TrainSettings(epochs=2, train_images=24000, test_images=2000, max_tile=512, seed=1)
run = train_mnist(load_mnist(), plan, device=device, card=card)
print(
    f"{run.device}, {run.rule}: {100 * run.accuracy[-1]:.1f} % right after {run.epochs} epochs of {run.train_images}"
)
assert run.accuracy[-1] > 0.3, "a network that learns nothing guesses 10 %"
