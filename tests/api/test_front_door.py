"""The front door: the whole chain in memory, from CSV to accuracy after ten years, by `import femristor as fm` alone."""

import inspect
import json
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import femristor as fm
from femristor.cli.main import main
from femristor.core.errors import FemristorError, InputError
from femristor.core.io.ivfile import write_iv_csv
from femristor.fem import OhmicCell
from femristor.transport import reference_curve, synthetic_forming_curves

CARD = fm.load_card("cmo_hfox")
ROOMS = ("", ".core", ".device", ".fem", ".transport", ".compact", ".array", ".nn", ".plot")
AMPLITUDES = {"set_voltage": "1.45 V", "reset_voltage": "-1.485 V"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_exported_name_is_there(room):
    module = pytest.importorskip(f"femristor{room}")
    assert module.__all__ and all(getattr(module, name) is not None for name in module.__all__)


@pytest.mark.parametrize("room", ROOMS)
def test_no_exported_name_is_a_module_too(room):
    module = pytest.importorskip(f"femristor{room}")
    inside = {entry.name for entry in pkgutil.iter_modules(module.__path__)}
    assert inside & set(module.__all__) == set(), "importing the module would hide the name"


def test_importing_the_rooms_is_light():
    code = (
        "import sys, femristor, femristor.transport, femristor.compact, femristor.array, femristor.nn\n"
        "print(sorted({'mpi4py', 'torch', 'matplotlib', 'numba', 'dolfinx'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curves")
    forming = synthetic_forming_curves(OhmicCell(CARD, resolution=0.6))
    return {
        "forming": write_iv_csv(list(forming), folder / "forming.csv"),
        "lrs": write_iv_csv([reference_curve("lrs")], folder / "lrs.csv"),
        "hrs": write_iv_csv([reference_curve("hrs")], folder / "hrs.csv"),
    }


@pytest.mark.slow
def test_the_chain_closes_in_memory(files):
    card = CARD.updated(fm.fit_forming(fm.read_iv(files["forming"]), CARD, resolution=0.5))
    assert card.filament.radius_m == pytest.approx(CARD.filament.radius_m, rel=0.02)
    fit = fm.fit_hopping(
        fm.read_iv(files["lrs"], files["hrs"], labels=("lrs", "hrs")), card, resolution=0.4, bias_points=5
    )
    card = card.updated(fit, name="fitted")
    assert card.name == "fitted" and card.hash != CARD.hash and "fit" in card.describe("states.lrs.dome_density")

    loop = fm.FieldCell(card, resolution=0.25).sweep(fm.triangle("0.3 V", rate="1 V/s"), load=card.selector)
    assert loop.model.startswith("pde") and np.max(loop.current_A) > 1e-5

    model = fm.reduce(
        card, resolution=0.3, bias_points=9, density_points=5, ambients=1, probes=0, jobs=1, cache=False
    )
    swept = model.sweep(fm.triangle("0.5 V"), start="lrs")
    assert np.max(swept.current_A) > 2e-5 and "fitted" in repr(model)

    train = fm.Array(fm.published_law(card), rows=1, cols=2, seed=1, spread="none").pulses(
        protocol=(120, 120, 100), **AMPLITUDES
    )
    device = fm.StepDevice.from_traces(train)
    data = fm.load_mnist()
    plan = {"epochs": 1, "train_images": 2400, "test_images": 300, "seed": 1}
    run = fm.train(fm.perceptron(784, 24, 10), data, rule=fm.AnalogSgd(), device=device, lr=0.05, **plan)
    assert run.accuracy.shape == (1,) and "step tables" in repr(run)
    cells = fm.program(run, card, mapping="differential", calibration=data)
    first = cells.at("1 h").accuracy(data)
    assert 0 <= cells.at("10 years").accuracy(data) <= 1 and first > 0
    with pytest.raises(InputError, match="program again"):
        cells.at("1 h")


def run_json(capsys, line: str) -> dict:
    assert main([*line.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_pulses_of_a_cell_are_those_of_the_command(capsys):
    said = run_json(capsys, "pulses --model ibm --up 10 --down 10 --alternate 10")
    ours = fm.published_law(CARD).pulses(protocol=(10, 10, 10))
    np.testing.assert_array_equal(ours.conductance_S, said["trace"]["conductance_S"])


def test_pulses_of_an_array_are_those_of_the_command(capsys):
    line = "array pulses --model ibm --rows 1 --cols 2 --protocol 20,20,20 --spread none --seed 3"
    said = run_json(capsys, line + " --set 1.45 --reset -1.485")
    ours = fm.Array(fm.published_law(CARD), rows=1, cols=2, seed=3, spread="none").pulses(
        protocol=(20, 20, 20), **AMPLITUDES
    )
    np.testing.assert_array_equal(ours.n_states, said["n_states"])
    assert ours.cost.parts == said["cost"]["parts"]


def test_sweep_is_that_of_the_command(capsys, tmp_path):
    out = tmp_path / "sweep.h5"
    run_json(capsys, f"sweep --model ibm --vmax 1.0 --vmin -1.0 --out {out}")
    ours = fm.published_law(CARD).sweep(fm.triangle(1.0, -1.0))
    np.testing.assert_array_equal(ours.current_A, fm.load(out).current_A)


def test_training_is_that_of_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = run_json(capsys, "train mnist --epochs 1 --train-images 640 --test-images 200 --seed 5 --rule sgd")
    ours = fm.train(
        fm.perceptron(), fm.load_mnist(), device=fm.SoftBoundsDevice.from_card(CARD), rule=fm.AnalogSgd(),
        card=CARD, epochs=1, train_images=640, test_images=200, seed=5,
    )  # fmt: skip
    assert ours.loss.tolist() == said["loss"] and ours.accuracy.tolist() == said["accuracy"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fm.triangle("1.3 A"), "wrong unit"),
        (lambda: fm.triangle("1,3 V"), "1.3"),
        (lambda: fm.triangle(), "needs a peak"),
        (lambda: fm.triangle(float("nan")), "finite number"),
        (lambda: fm.read_iv(), "needs a file"),
        (lambda: fm.read_iv("none.csv"), "no such file"),
        (lambda: fm.read_iv("a.csv", labels=("x", "y")), "2 labels for 1 files"),
        (lambda: CARD.updated(7), "changes no card"),
        (lambda: fm.Array(CARD), "needs a ReducedCell"),
        (lambda: fm.Array(fm.published_law(CARD), spread="wide"), 'spread="wide"'),
        (lambda: fm.published_law(CARD).sweep(fm.triangle(1), load=5), "needs a Load"),
        (lambda: fm.published_law(CARD).sweep(fm.triangle(1), start="nowhere"), "nowhere"),
        (lambda: fm.FieldCell(CARD).sweep(fm.triangle(1), start="lrs"), "fields start"),
        (lambda: fm.train(object(), None), "needs a recipe"),
        (lambda: fm.train(fm.perceptron(), None, epoch=3), "no setting epoch"),
        (lambda: fm.program(None, CARD), "network="),
        (lambda: fm.program(None, "cmo_hfox"), "card"),
        (lambda: fm.figure(CARD), "no figure of a DeviceCard"),
        (lambda: fm.save(CARD, "x.h5"), "DeviceCard"),
    ],
)
def test_wrong_arguments_get_one_sentence(call, words):
    with pytest.raises(FemristorError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_figures_and_files(tmp_path):
    loop = fm.published_law(CARD).sweep(fm.triangle(1.0, -1.0))
    fm.figure(loop, tmp_path / "loop.png")
    fm.figure(fm.published_law(CARD).pulses(protocol=(5, 5, 5)), tmp_path / "pulses.png")
    assert (tmp_path / "loop.png").stat().st_size > 5000 and (tmp_path / "pulses.png").is_file()
    back = fm.load(fm.save(loop, tmp_path / "loop.h5"))
    np.testing.assert_array_equal(back.current_A, loop.current_A)


def test_defaults_of_the_commands_are_those_of_the_functions():
    """`compact build` and `sweep` hold defaults of their own so that help stays light; they are the same numbers."""
    from femristor.cli.cell.sweep import command as sweep
    from femristor.cli.compact.group import build

    told = {option.name: option.default for option in build.params}
    ours = {name: entry.default for name, entry in inspect.signature(fm.reduce).parameters.items()}
    same = ("resolution", "bias_points", "density_points", "ambients", "probes", "jobs")
    assert {name: told[name] for name in same} == {name: ours[name] for name in same}
    assert {option.name: option.default for option in sweep.params}["resolution"] == fm.FieldCell(CARD).resolution
