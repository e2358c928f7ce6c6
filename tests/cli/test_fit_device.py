"""femristor fit device: traces in, a device that trains out; bad files get one sentence and leave nothing behind."""

import json
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.nn.devices.files import load_device
from femristor.nn.devices.table_device import TableDevice

DATA = Path(__file__).parents[2] / "data" / "reram"
GONG, TSINGHUA = DATA / "pulses_gong2018_normalised.csv", DATA / "pulses_tsinghua_1t1r.csv"


@pytest.fixture(scope="module")
def trains(tmp_path_factory) -> Path:
    """Pulse trains of 2 x 2 cells at the amplitudes of 22 states and 61 %."""
    path = tmp_path_factory.mktemp("trains") / "pulses.h5"
    words = "array pulses --model ibm --set 1.450 --reset -1.485 --rows 2 --cols 2 --out"
    assert main([*words.split(), str(path)]) == 0
    return path


def run(capsys, *words) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(word) for word in words])
    told = capsys.readouterr()
    return code, told.out, told.err


def one_sentence(error: str, *parts: str) -> None:
    lines = [line for line in error.splitlines() if line.startswith("femristor: error:")]
    assert len(lines) == 1 and "Traceback" not in error
    for part in parts:
        assert part in lines[0], lines[0]


def test_soft_bounds_and_tables_of_the_array(trains, tmp_path, capsys):
    """Both laws find the paper's figures that the amplitudes were searched for."""
    for law, kind in (("soft-bounds", "n_states_mean"), ("table", "library")):
        out, figure = tmp_path / f"{law}.h5", tmp_path / f"{law}.png"
        code, text, _ = run(
            capsys, "fit", "device", trains, "--law", law, "--out", out, "--figure", figure, "--json"
        )
        assert code == 0
        found = json.loads(text)
        assert (found["set_V"], found["reset_V"]) == (1.45, -1.485)
        assert hasattr(load_device(out), kind)
        assert figure.stat().st_size > 10_000
        if law == "table":
            assert 15 < np.median(found["n_states"]) < 33
            assert np.median(found["symmetry"]) == pytest.approx(-0.2, abs=0.1)
            assert abs(found["bias"][0]) < 0.1
        else:
            assert 15 < found["g1_mean"][0] < 33
            assert found["g1_mean"][1] == pytest.approx(0.6, abs=0.05)
            assert np.all(np.array(found["figure_errors"]["n_states"]) > 0)


@pytest.mark.parametrize("path", [GONG, TSINGHUA])
def test_measured_records_become_devices(path, tmp_path, capsys):
    out = tmp_path / "d.h5"
    code, text, _ = run(capsys, "fit", "device", path, "--law", "table", "--out", out)
    assert code == 0
    assert "amplitudes not in the record" in text
    assert ("uS" in text) == (path is TSINGHUA)
    device = load_device(out)
    assert isinstance(device, TableDevice)
    assert np.isfinite(device.g_min_S) == (path is TSINGHUA)


def records(tmp_path) -> dict[str, tuple[Path, tuple[str, ...]]]:
    lines = TSINGHUA.read_text(encoding="utf-8").splitlines()
    steep = 1e-5 + 1e-7 * np.concatenate([[0], np.cumsum(np.where(np.arange(300) < 200, 1.0, -2.0))])
    ways = np.where(np.arange(301) <= 200, 1, -1)
    made = {
        "nan": ("\n".join([*lines[:9], "9,nan", *lines[10:]]), ("line 10", "not finite")),
        "cut": ("\n".join([*lines[:40], lines[40].split(",")[0]]), ("line 41",)),
        "short": ("\n".join(lines[:9]), ("too few",)),
        "unknown": ("\n".join(["pulse,resistance_Ohm", *lines[1:]]), ("no conductance column",)),
        "ampere": ("\n".join(["pulse_number,conductance_V", *lines[1:]]), ("conductance_V",)),
        "steep": (
            "direction,conductance_S\n" + "\n".join(f"{w},{g:.9g}" for w, g in zip(ways, steep, strict=True)),
            ("no symmetry point",),
        ),
        "up": (
            "direction,conductance_S\n" + "\n".join(f"1,{g:.9g}" for g in steep[:201]),
            ("only up pulses",),
        ),
    }
    found = {}
    for name, (text, parts) in made.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text + "\n", encoding="utf-8")
        found[name] = (path, parts)
    return found


@pytest.mark.parametrize("name", ["nan", "cut", "short", "unknown", "ampere", "steep", "up"])
def test_bad_records_get_one_sentence(name, tmp_path, capsys):
    path, parts = records(tmp_path)[name]
    out = tmp_path / "device.h5"
    code, _, error = run(capsys, "fit", "device", path, "--law", "table", "--out", out)
    assert code == 2
    one_sentence(error, *parts)
    assert not out.exists()


def test_bad_requests_get_one_sentence(trains, tmp_path, capsys):
    out = tmp_path / "device.h5"
    cases = [
        ((), "Give the pulse traces"),
        ((tmp_path / "none.h5",), "no such file"),
        ((tmp_path / "trace.xls",), "text (.csv"),
        ((trains, TSINGHUA), "differ in protocol"),
        ((TSINGHUA, "--method", "figures"), "figures of merit need"),
        ((trains, "--bandwidth", "0.1"), "--bandwidth belongs to --law table"),
        ((trains, "--law", "table", "--bandwidth", "2"), "bandwidth between 0 and 1"),
        ((trains, "--figure", "picture.pdf"), "ending .png"),
    ]
    for words, part in cases:
        code, _, error = run(capsys, "fit", "device", *words, "--out", out)
        assert code == 2, words
        one_sentence(error, part)
        assert not out.exists()


def test_a_device_file_that_is_no_trace_is_refused(trains, tmp_path, capsys):
    out = tmp_path / "device.h5"
    assert run(capsys, "fit", "device", trains, "--law", "table", "--out", out)[0] == 0
    code, _, error = run(capsys, "fit", "device", out, "--out", tmp_path / "again.h5")
    assert code == 2
    one_sentence(error, "holds no pulse trains")


def test_training_takes_the_file(trains, tmp_path, capsys):
    """`--device FILE` trains on the fitted device; a file that is none, or other numbers beside it, are refused."""
    device = tmp_path / "device.h5"
    assert run(capsys, "fit", "device", trains, "--law", "table", "--out", device)[0] == 0
    few = ("--epochs", 1, "--train-images", 96, "--test-images", 50, "--out", tmp_path / "run", "--json")
    code, text, _ = run(capsys, "train", "mnist", "--device", device, *few)
    assert code == 0
    assert json.loads(text)["device"] == "pulses.h5, step tables"
    code, _, error = run(capsys, "train", "mnist", "--device", trains, *few)
    assert code == 2
    one_sentence(error, "no device", "femristor fit device")
    code, _, error = run(capsys, "train", "mnist", "--device", device, "--nsr", 0.2, *few)
    assert code == 2
    one_sentence(error, "--nsr belongs to --device paper")
    assert run(capsys, "train", "mnist", "--device", "magic", *few)[0] == 2
