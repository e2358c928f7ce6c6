"""`femristor mvm` with wires, remedies, compensation, other memories and several sizes."""

import json

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.core.store import load
from femristor.nn.results.mvm import MvmExperiment, MvmSizes

QUICK = ("--draws", "1", "--times", "0,3600")


def run(capsys, *words) -> dict:
    assert main(["mvm", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_wires_remedies_and_compensation_side_by_side(capsys, tmp_path):
    out, figure = tmp_path / "mvm.h5", tmp_path / "mvm.png"
    found = run(
        capsys, *QUICK, "--wires", "both", "--size", "32", "--remedy", "pair", "--remedy", "two-sided",
        "--compensation", "calibration", "--refresh", "600", "--drive", "both", "--out", str(out),
        "--figure", str(figure),
    )  # fmt: skip
    assert found["variants"] == [
        "exact wires",
        "closed form",
        "no wires",
        "exact wires, differential pair",
        "exact wires, two-sided drive and sense",
        "exact wires, calibration",
        "exact wires, differential pair, calibration",
        "exact wires, two-sided drive and sense, calibration",
        "exact wires, refreshed every 600 s",
    ]
    assert found["causes"][-1] == "wires" and "0.35 ohm" in found["settings"]["wires"]
    assert "drive both" in found["settings"]["wires"]
    rmse = np.array(found["rmse_by_variant"])[:, 0, 0]
    assert rmse[0] > rmse[1] and rmse[4] < rmse[0]
    assert found["refresh"][0]["refreshes"] == 5 and found["refresh"][0]["pulses"] == 5 * 1024 * 89
    stored = load(out, MvmExperiment)
    np.testing.assert_array_equal(stored.rmse_by_variant, found["rmse_by_variant"])
    assert stored.variants == tuple(found["variants"]) and figure.read_bytes()[:4] == b"\x89PNG"


def test_several_sizes_in_one_command(capsys, tmp_path):
    out, figure = tmp_path / "sizes.h5", tmp_path / "sizes.png"
    words = (*QUICK, "--wires", "exact", "--sizes", "16,8", "--size", "32")
    found = run(capsys, *words, "--out", str(out), "--figure", str(figure))
    assert found["size"] == [8, 16, 32]
    bounds = [one["settings"]["output_bound"] for one in found["runs"]]
    np.testing.assert_allclose(bounds, 15 * np.sqrt(np.array([8, 16, 32]) / 64))
    assert [one.settings["size"] for one in load(out, MvmSizes).runs] == [8, 16, 32]
    assert figure.read_bytes()[:4] == b"\x89PNG"
    assert main(["mvm", *words]) == 0
    text = capsys.readouterr().out
    assert "RMSE (relative)" in text and "32, 3600 s" in text


def test_more_resistance_more_error(capsys):
    runs = [
        run(capsys, *QUICK, "--wires", "exact", "--size", "32", "--segment-ohm", ohm) for ohm in ("0.1", "5")
    ]
    assert runs[0]["rmse_mean"][0] < runs[1]["rmse_mean"][0]


@pytest.mark.parametrize(("device", "words"), [("wan2022", "Wan"), ("pcm", "PCM")])
def test_other_memories(capsys, device, words):
    found = run(capsys, "--draws", "2", "--device", device)
    assert found["settings"]["mapping"] == "pair" and words in found["settings"]["cells"]
    assert found["reference_rmse"] == [] and found["rmse_law"][0] is None
    assert found["rmse_mean"][-1] > found["rmse_mean"][0] > 0.1
    assert main(["mvm", "--draws", "1", "--device", device]) == 0
    assert ("0.58" in capsys.readouterr().out) == (device == "wan2022")


def test_compensation_keeps_the_references(capsys):
    found = run(capsys, "--draws", "2", "--compensation", "law")
    assert found["variants"] == ["no wires", "no wires, law"] and len(found["reference_rmse"]) == 5
    assert found["rmse_law"][0] is not None
    assert np.mean(found["rmse_by_variant"][1][-1]) < 0.75 * np.mean(found["rmse_by_variant"][0][-1])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--wires", "cheap"], "cheap"),
        (["--sizes", "8,big"], "no list of whole numbers"),
        (["--sizes", "0,8"], "1 or more"),
        (["--remedy", "pair"], "--remedy belongs to --wires exact or --wires both"),
        (["--segment-ohm", "1"], "--segment-ohm belongs to --wires exact"),
        (["--wires", "closed", "--drive", "both"], "--drive belongs to --wires exact or --wires both"),
        (["--wires", "exact", "--remedy", "prayer"], "prayer"),
        (["--wires", "exact", "--segment-ohm", "-1"], "no wire has"),
        (["--wires", "closed", "--segment-ohm", "0"], "more than 0 ohm"),
        (["--device", "pcm", "--wires", "exact"], "leave out --device"),
        (["--device", "pcm", "--compensation", "law"], "no law of a mean change"),
        (["--refresh", "0"], "above 0"),
        (["--wires", "exact", "--mapping", "pair", "--remedy", "reference"], "no common offset"),
        (["--figure", "mvm.svg"], "the ending .png"),
        (["--figure", "/proc/mvm.png"], "Cannot write /proc/mvm.png"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(capsys, tmp_path, words, sentence):
    out = tmp_path / "mvm.h5"
    assert main(["mvm", "--draws", "1", "--times", "0", *words, "--out", str(out)]) == 2
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("femristor: error:")]
    assert printed.out == "" and len(lines) == 1 and sentence in lines[0]
    assert "Traceback" not in printed.err and not out.exists()
