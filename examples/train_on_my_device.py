# # Train on my device
#
# A network whose weights are cells: each update is a train of pulses, and each pulse moves a cell by the step that the
# model of the cell gives from its present conductance. No update curve is made up.
#
# $$ w \leftarrow w + \Delta w_\pm(w)\,(1 + \sigma_c\,\xi) $$
#
# Here the cell is the published 0-D law, which needs no field solutions; `fm.reduce(card)` makes yours from them, and the
# rest stays as it is. A measured record does as well: `fm.StepDevice.from_traces(measured_pulses("mine.csv"))` with
# `measured_pulses` of `femristor.array`.

import femristor as fm

# ## Pulses on an array of such cells
#
# 400 set pulses, 400 reset pulses and 500 of each in turn, hops of vacancies drawn at random.

card = fm.load_card("cmo_hfox")
array = fm.Array(fm.published_law(card), rows=2, cols=4, seed=1)
train = array.pulses(set_voltage="1.45 V", reset_voltage="-1.485 V")
print(f"{array}: {train.n_states.mean():.1f} states, skew {train.skew.mean():.0%}, NSR {train.nsr.mean():.0%}")

# ## The device under the weights
#
# Steps of each cell from each conductance, with their own noise; the window of conductance becomes the weights -1 to 1.

device = fm.StepDevice.from_traces(train)

# ## Training with AGAD (Tiki-Taka v4)
#
# A slice of MNIST, so that this example runs in seconds; `femristor train mnist` uses all of it. Tiles of at most 512
# inputs have their columns read twice as often as one of 784 would.

run = fm.train(
    fm.perceptron(), fm.load_mnist(), device=device, rule=fm.Agad(), card=card, epochs=2, train_images=24000,
    test_images=2000, max_tile=512, seed=1,
)  # fmt: skip
print(run)
assert run.accuracy[-1] > 0.3, "a network that learns nothing guesses 10 %"
