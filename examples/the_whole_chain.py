# # The whole chain
#
# From I-V files to the accuracy of a network after ten years, in memory: each line takes what the line before gave.
# The settings here are coarse, so that this example runs in a minute or two; without them each call has the defaults of
# the command line (`femristor fit`, `sweep`, `compact build`, `array pulses`, `train`, `infer`).

from pathlib import Path

import femristor as fm
from femristor.core import write_iv_csv
from femristor.fem import OhmicCell
from femristor.transport import reference_curve, synthetic_forming_curves

# ## Curves
#
# Yours are CSV files with a header such as `V_V,I_A`. Here: a synthetic forming curve, solved on another mesh than the
# fit's, and the two reference read curves that come with the package.

card = fm.load_card("cmo_hfox")
write_iv_csv(synthetic_forming_curves(OhmicCell(card, resolution=0.6)), Path("forming.csv"))
write_iv_csv([reference_curve("lrs"), reference_curve("hrs")], Path("reads.csv"))

# ## A card with the fitted numbers, each with its fit as the source

card = card.updated(fm.fit_forming(fm.read_iv("forming.csv"), card, resolution=0.5))
card = card.updated(fm.fit_hopping(fm.read_iv("reads.csv"), card, resolution=0.5, bias_points=6), name="fitted")
print(f"filament {card.filament.radius_m * 1e9:.2f} nm; {card.describe('states.lrs.dome_density')}")

# ## The cell by fields, and its compact model
#
# Vacancies move in the fields of the first one, with the selector in the same Newton system; the second one is a table of
# field solutions. Both take the same waveforms.

cell = fm.FieldCell(card, resolution=0.3)
loop = cell.sweep(fm.triangle("0.5 V", rate="1 V/s"), load=card.selector)
model = fm.reduce(card, resolution=0.4, bias_points=9, density_points=5, ambients=1, probes=0)
swept = model.sweep(fm.triangle("0.5 V", rate="1 V/s"), start="lrs")
print(f"largest current: {loop.current_A.max() * 1e6:.1f} uA by moving vacancies, {swept.current_A.max() * 1e6:.1f} uA by {model}")

# ## An array, and the device under the weights
#
# The control here is the published law; `fm.Array(model)` takes the table instead. Amplitudes are stated, not the card's.

array = fm.Array(fm.published_law(card), rows=2, cols=2, seed=1)
train = array.pulses(set_voltage="1.45 V", reset_voltage="-1.485 V", protocol=(200, 200, 200))
print(f"{array}: {train.n_states.mean():.1f} states, skew {train.skew.mean():.0%}")
device = fm.StepDevice.from_traces(train)

# ## Training, and ten years

data = fm.load_mnist()
run = fm.train(
    fm.perceptron(), data, device=device, rule=fm.Agad(), card=card, epochs=2, train_images=24000, test_images=2000,
    max_tile=512, seed=1,
)  # fmt: skip
print(run)
cells = fm.program(run, card, mapping="differential", calibration=data)
for t in ("1 h", "1 year", "10 years"):
    print(f"{t}: {100 * cells.at(t).accuracy(data):.1f} %")

fm.save(run, "run.h5")
fm.figure(train, "train.png")
assert fm.load("run.h5").accuracy[-1] == run.accuracy[-1]
assert run.accuracy[-1] > 0.3, "a network that learns nothing guesses 10 %"
