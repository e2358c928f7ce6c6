"""`femristor array relax`: one JSON object, fits of measured files, figures, one sentence for bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from femristor.array.results.cells import RelaxationTrace
from femristor.array.results.retention_fit import BakeFit, ReadNoiseFit, RelaxationFit
from femristor.cli.main import main
from femristor.core.store import load

DATA = Path(__file__).parents[2] / "data" / "reram"
FILES = {
    "relaxation": ("array_techC_relaxation_sample.tsv.gz", RelaxationFit),
    "read-noise": ("array_techA_read_noise_sample.tsv.gz", ReadNoiseFit),
    "bake": ("array_techA_bake_sample.tsv.gz", BakeFit),
}


def run(capsys, *words) -> dict:
    assert main(["array", "relax", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_laws_paper_and_hops_side_by_side(capsys, tmp_path):
    out, figure = tmp_path / "trace.h5", tmp_path / "trace.png"
    words = (
        "--cells",
        "60",
        "--levels-uS",
        "20,60",
        "--times",
        "1,600,3.1536e8",
        "--memory",
        "1.84",
        "--rtn",
    )
    found = run(capsys, *words, "--read-noise", "--out", str(out), "--figure", str(figure), "--seed", "2")
    np.testing.assert_allclose(found["law_sigma_S"], [0.41183e-6, 0.68058e-6, 1.23396e-6], rtol=1e-3)
    assert found["memory_exponent"] == 1.84 and found["telegraph_share"] == 0.46
    overlap = found["overlap_ten_minutes"]
    assert overlap["law"] == pytest.approx(0.088, abs=0.002)
    assert overlap["sampled"] == pytest.approx(overlap["law"], abs=0.012)
    np.testing.assert_allclose(found["hops"]["rest"][0]["sigma_set_S"][1:], [0.0119e-6, 8.63e-6], rtol=0.01)
    stored = load(out, RelaxationTrace)
    assert stored.change_S.shape == (3, 2, 60) and stored.memory_exponent == 1.84
    assert figure.read_bytes()[:4] == b"\x89PNG"
    assert run(capsys, *words, "--read-noise", "--seed", "2")["sigma_S"] == found["sigma_S"]


def test_bake_then_room(capsys):
    words = ("--cells", "20", "--times", "3600,7200", "--temperature", "358,293")
    found = run(capsys, *words)
    assert found["activation_eV"] == pytest.approx(1.18)
    assert found["effective_time_s"][1] - found["effective_time_s"][0] == pytest.approx(3600.0)
    assert found["effective_time_s"][0] > 1e7
    assert main(["array", "relax", *words]) == 0
    text = capsys.readouterr().out
    assert "as time at 293 K" in text and "barrier of reset" in text and "paper 9.6 %" in text


@pytest.mark.parametrize("kind", FILES)
def test_measured_files(capsys, tmp_path, kind):
    name, result = FILES[kind]
    out, figure = tmp_path / "fit.h5", tmp_path / "fit.png"
    words = ("--measured", str(DATA / name), "--kind", kind)
    found = run(capsys, *words, "--out", str(out), "--figure", str(figure))
    assert found["kind"] == kind and found["status"] == "converged"
    assert name in load(out, result).provenance.inputs
    assert figure.read_bytes()[:4] == b"\x89PNG"
    assert main(["array", "relax", *words]) == 0
    assert {"relaxation": "memory exponent", "read-noise": "telegraph share", "bake": "activation energy"}[
        kind
    ] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--kind", "bake"), "--kind belongs to --measured"),
        (("--measured", "x.tsv"), "say what it holds with --kind"),
        (("--measured", "x.tsv", "--kind", "bake"), "no such file"),
        (("--measured", str(DATA / FILES["bake"][0]), "--kind", "relaxation"), "has 5 tab-separated cells"),
        (("--measured", str(DATA / FILES["bake"][0]), "--kind", "bake", "--memory", "1"), "--memory does not go with --measured"),
        (("--memory", "-1"), "memory exponent of -1"),
        (("--temperature", "0"), "give kelvin above 0"),
        (("--temperature", "300,310"), "2 temperatures do not fit 9 times"),
        (("--temperature", "hot"), "--temperature 'hot' is no list of numbers"),
        (("--times", "5,1"), "do not rise"),
        (("--levels-uS", "95"), "map them into it"),
        (("--cells", "1"), "have no spread"),
    ],
)
def test_bad_input(capsys, tmp_path, words, sentence):
    out, figure = tmp_path / "out.h5", tmp_path / "out.png"
    assert main(["array", "relax", *words, "--out", str(out), "--figure", str(figure)]) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error and error.strip().count("\n") == 0
    assert not out.exists() and not figure.exists()
