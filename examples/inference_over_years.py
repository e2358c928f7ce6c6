# # Inference over years
#
# A network that was trained in floating point is put on programmed cells, and the cells age. Right after program-verify
# a conductance is within 0.2 % of its target; then it relaxes, with a mean and a scatter that grow with the logarithm of
# time, and each read has noise. The laws are the measured ones of the card.
#
# Relaxation has a mean that all cells share. One device a weight shows it as an error of each output; a differential
# pair cancels it, and so does one number a tile that is measured by reads of known inputs ("shift").

import torch

import femristor as fm

# ## A trained network
#
# Any torch model will do; this one learns the digits from a slice of MNIST in a second or two.

torch.manual_seed(0)
digits = fm.load_mnist()


def pixels(images):
    return torch.from_numpy(images).float().div(255).flatten(1)


images, labels = pixels(digits.train_images[:12000]), torch.from_numpy(digits.train_labels[:12000])
test_images, test_labels = pixels(digits.test_images[:2000]), torch.from_numpy(digits.test_labels[:2000])
model = torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.Sigmoid(), torch.nn.Linear(64, 10))
optimiser = torch.optim.Adam(model.parameters(), 3e-3)
for _ in range(3):
    for chosen in torch.randperm(len(images)).split(50):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(images[chosen]), labels[chosen]).backward()
        optimiser.step()


def accuracy(network) -> float:
    """Part of the test images that is classified right, in %."""
    with torch.no_grad():
        return 100 * float((network(test_images).argmax(dim=1) == test_labels).float().mean())


digital = accuracy(model)
print(f"floating point: {digital:.1f} %")

# ## On cells, from programming to ten years
#
# Tiles of at most 512 rows and columns, 6-bit inputs, 8-bit outputs. Another `draw` programs other cells: three of them
# give an idea of the spread, `femristor infer mnist` makes ten and a confidence interval.

card = fm.load_card("cmo_hfox")
times = ("0 s", "1 h", "1 day", "1 year", "10 years")
ways = {
    "one device a weight": {},
    "the same, shift": {"compensation": "shift"},
    "pairs": {"mapping": "differential"},
}
print(f"{'accuracy [%], mean of 3':24}" + "".join(f"{name:>10}" for name in times))
last = {}
for way, settings in ways.items():
    curves = []
    for draw in range(3):
        cells = fm.program(model, card, draw=draw, calibration=images[-500:], **settings)
        curves.append([accuracy(cells.at(time)) for time in times])
    means = torch.tensor(curves).mean(dim=0).tolist()
    last[way] = means[-1]
    print(f"{way:24}" + "".join(f"{mean:10.1f}" for mean in means))
    assert abs(means[0] - digital) < 1, "programming to 0.2 % costs a classifier next to nothing"

assert last["pairs"] > digital - 2, "what all cells share cancels in a pair"
