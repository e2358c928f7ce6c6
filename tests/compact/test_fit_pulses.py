"""Ionic parameters from trains: the carried reference, noisy trains of known parameters, a measured train, files."""

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from femristor.cli.main import main
from femristor.compact.fit.data import (
    PulseData,
    at_terminals,
    parse_directions,
    read_pulses_csv,
    scaled_load,
)
from femristor.compact.fit.profile import profile
from femristor.compact.fit.pulses import PulseExperiment, fit_pulses
from femristor.compact.ibm import IbmModel
from femristor.compact.noise.stochastic import HopNoise, NoisyCells, protocol, switching_volume_m3
from femristor.compact.results.stochastic import PulseFit
from femristor.core import store
from femristor.core.constants import EV
from femristor.core.errors import ConvergenceError, DataError
from femristor.core.rng import generator
from femristor.device.load_line import BARE, Load, channel_load, current
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector

REFERENCE = resources.files("femristor") / "data" / "reference" / "pulses_1t1r_set1.35V_reset1.3V.csv.gz"
MEASURED = Path(__file__).parents[2] / "data" / "reram" / "pulses_tsinghua_1t1r.csv"
DIRECTIONS = "up:159,down:95,up:160,down:73"
KNOWN = {"barrier_set": 0.936, "barrier_set_slope": 1.4286e-26, "barrier_reset": 1.18}


@pytest.fixture(scope="module")
def selector(card):
    return channel_load(card, reference_selector(card).channel)


def moved_law(card, **shifts_eV):
    """The card's law with barriers moved, so that no fit starts at its answer."""
    law = card.ionic
    return IbmModel(
        card,
        ionic=replace(
            law,
            barrier_set_J=law.barrier_set_J + shifts_eV.get("set", 0.03) * EV,
            barrier_set_slope_J_m3=0.9 * law.barrier_set_slope_J_m3,
            barrier_reset_J=law.barrier_reset_J + shifts_eV.get("reset", -0.03) * EV,
        ),
    )


def values(fit):
    return dict(zip(fit.names, fit.value.tolist(), strict=True))


@pytest.mark.parametrize("column", ["G_device_S", "G_cell_S"])
def test_carried_reference_gives_back_its_barriers(card, selector, column):
    """1,300 pulses of the published model in ngspice: all three within 1 %, through our own transistor."""
    data = read_pulses_csv(str(REFERENCE), {"conductance": column})
    assert data.read_at == ("device" if column == "G_device_S" else "terminals")
    fit = fit_pulses(data, PulseExperiment(moved_law(card), PulseScheme.of_card(card), selector))
    found = values(fit)
    for name, known in KNOWN.items():
        assert found[name] == pytest.approx(known, rel=0.01), name
    assert fit.rms_ln < 5e-4
    assert found["load"] == pytest.approx(1.0, abs=0.06)
    assert "barrier_reset/load" in fit.unresolved
    assert any("smooth curve" in text for text in fit.warnings)
    # kT ln 2 at about 700 K is 42 meV; less where the load takes part of it.
    assert 0.02 < fit.held_sensitivity["barrier_set/attempt_frequency"] < 0.07


def noisy_train(card, load, seed, cluster=1.0):
    model = IbmModel(card)
    cells = NoisyCells(model, HopNoise(switching_volume_m3(model), cluster), load)
    shots = protocol(120, 120, 40)
    scheme = PulseScheme(1.25, -1.25, 2.5e-6)
    train = cells.pulses(scheme, shots, 7e24, generator=generator(seed), cells=1)
    reads = train.conductance_S[0, 1:] * np.exp(0.02 * generator(seed, 1).standard_normal(shots.size))
    return PulseData(reads, shots, "device", f"seed {seed}"), PulseExperiment(moved_law(card), scheme, load)


def test_errors_cover_the_truth_with_hop_and_read_noise(card):
    """Bare cell, random hops and 2 % read noise: the known parameters lie within the stated errors."""
    pulls = []
    for seed in range(4):
        fit = fit_pulses(*noisy_train(card, BARE, seed))
        found = values(fit)
        assert found["barrier_set"] == pytest.approx(0.936, rel=0.05)
        assert found["barrier_reset"] == pytest.approx(1.18, rel=0.02)
        pulls += [
            (found[name] - known) / fit.standard_error[k] for k, (name, known) in enumerate(KNOWN.items())
        ]
    pulls = np.array(pulls)
    assert np.sqrt(np.mean(pulls**2)) < 2.5
    assert np.max(np.abs(pulls)) < 5


def test_attempt_frequency_is_not_told(card):
    data, experiment = noisy_train(card, BARE, 9)
    free = ("barrier_set", "barrier_set_slope", "barrier_reset", "attempt_frequency")
    fit = fit_pulses(data, experiment, free=free)
    told = fit_pulses(data, experiment)
    # Freeing it makes the barriers several times less certain, and they move together with it.
    assert fit.standard_error[2] > 4 * told.standard_error[2]
    assert "barrier_reset/attempt_frequency" in fit.unresolved
    shape = profile(data, experiment, "attempt_frequency", factors=(0.5, 2.0))
    # A factor of four in it costs less than a tenth of the scatter.
    assert np.ptp(shape.rms_ln) < 0.1 * shape.rms_ln.mean()
    moved = (shape.fitted[1, 2] - shape.fitted[0, 2]) / np.log(4)
    assert moved == pytest.approx(told.held_sensitivity["barrier_reset/attempt_frequency"], rel=0.1)


def test_measured_train_of_another_stack(card, selector):
    """Only conductances are known; amplitudes are assumed, so that the barriers hold for these only."""
    data = read_pulses_csv(MEASURED, directions=DIRECTIONS)
    assert data.conductance_S.size == 487 and data.conductance_S.max() < 60e-6
    found = {}
    for volt in (1.35, 1.5):
        experiment = PulseExperiment(IbmModel(card), PulseScheme(volt, 0.05 - volt, 2.5e-6), selector)
        fit = fit_pulses(data, experiment, free=tuple(KNOWN))
        assert fit.rms_ln == pytest.approx(0.185, abs=0.005)
        assert fit.standard_error[0] < 0.03 and fit.standard_error[2] < 0.01
        found[volt] = values(fit)
    # A different assumed amplitude fits as well with other barriers: the data do not tell them apart.
    assert found[1.5]["barrier_reset"] - found[1.35]["barrier_reset"] > 0.1


def test_loads_and_reads(card, selector):
    line = scaled_load(selector, 1.1).line(1)
    assert current(line, 1.3, 0.7) == pytest.approx(1.1 * current(selector.line(1), 1.3, 0.7), rel=1e-12)
    ohmic = scaled_load(Load.series(500.0), 2.0)
    assert ohmic.set_ohm == 250.0 and scaled_load(BARE, 2.0) is BARE
    assert at_terminals(np.array([5e-5]), Load.series(1000.0), 0.2)[0] == pytest.approx(
        5e-5 / 1.05, rel=1e-12
    )
    assert at_terminals(np.array([5e-5]), BARE, 0.2)[0] == 5e-5


def test_directions_in_words():
    np.testing.assert_array_equal(parse_directions("up:2,down:1,alternate:3", 6), [1, 1, -1, 1, -1, 1])


def test_command_line_and_store(card, capsys, tmp_path):
    data, _ = noisy_train(card, BARE, 3)
    path, out = tmp_path / "train.csv", tmp_path / "fit.h5"
    rows = zip(data.conductance_S * 1e6, data.directions, strict=True)
    path.write_text("G_uS,direction\n" + "".join(f"{g:.6g},{d}\n" for g, d in rows))
    arguments = [
        "fit",
        "pulses",
        str(path),
        "--cell",
        "1R",
        "--set-voltage",
        "1.25",
        "--reset-voltage",
        "-1.25",
    ]
    assert main([*arguments, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    for words in (
        "barrier_set",
        "standard error",
        "held numbers: d barrier_set / d ln attempt_frequency",
        "wrote",
    ):
        assert words in text
    again = store.load(out, PulseFit)
    assert values(again)["barrier_reset"] == pytest.approx(1.18, rel=0.02)
    assert main([*arguments, "--json", "--hold", "barrier_set_slope", "--robust"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["names"][:3] == ["barrier_set", "barrier_reset", "start"]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("x_S,direction\n1e-5,1\n", "", "no conductance column"),
        ("G_S\n1e-5\n2e-5\n", "", "no direction column"),
        ("G_S\n1e-5\n2e-5\n", "--directions up:1,sideways:1", "'sideways:1' is no part"),
        ("G_S\n1e-5\n2e-5\n", "--directions up:1,down:2", "are 3 pulses"),
        ("G_S,direction\n1e-5,1\n2e-5,0.5\n", "", "line 3, column direction"),
        ("G_S,direction\n1e-5,1\n2e-5,-1\n", "", "needs 20 or more"),
        ("G_S,direction\n" + "1e-5,1\n" * 30, "", "in one direction only"),
        ("G_S,direction\n" + "1e-5,1\n0,-1\n" * 15, "", "after pulse 2 is not above 0"),
        ("G_V,direction\n1e-5,1\n", "", "G_V"),
        ("G_S,direction\n1e-5,x\n", "", "'x' is not a number"),
        ("G_S,direction\n" + "1.1e-3,1\n1e-3,-1\n" * 15, "--cell 1R", "leave the law's"),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--free colour", "no parameter 'colour'"),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--cell 1R --free load", "no load to fit"),
        (
            "G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15,
            "--cell 1R --selector s.csv",
            "--selector belongs to --cell 1T1R",
        ),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--column voltage=G_S", "no column voltage=G_S"),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--set-voltage -1", "Set needs a voltage above 0"),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--set-parameter nu=1", "there is no such number"),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--set-parameter barrier_set=-1", "above 0"),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--profile load", "no profile of 'load'"),
        ("G_S,direction\n" + "2.1e-5,1\n2e-5,-1\n" * 15, "--out fit.csv", "HDF5"),
    ],
)
def test_bad_input_is_one_sentence(text, options, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(text)
    assert main(["fit", "pulses", "bad.csv", *options.split()]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("femristor: ")]
    assert out == "" and len(lines) == 1 and words in lines[0], err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--model compact", "needs a table"),
        ("--cluster=-1", "cluster of 0 or more"),
        ("--cells 1", "2 or more cells"),
        ("--cell 1R --selector s.csv", "--selector belongs to --cell 1T1R"),
        ("--selector none.csv", "none.csv"),
        ("--set-voltage 0", "Set needs a voltage above 0"),
        ("--cell 1R --set-voltage 0.5 --reset-voltage=-0.5", "hardly switch this cell"),
        ("--width long", "--width"),
        ("--out noise.csv", "HDF5"),
    ],
)
def test_bad_noise_input_is_one_sentence(options, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compact", "noise", *options.split()]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("femristor: ")]
    assert out == "" and len(lines) == 1 and words in lines[0], err


def test_a_law_that_fails_says_so(card, monkeypatch):
    def fails(*_, **__):
        raise ConvergenceError("The step of cell 0 shrank to nothing; lower the amplitude.")

    data, experiment = noisy_train(card, BARE, 1)
    monkeypatch.setattr("femristor.compact.fit.pulses.pulse_fleet", fails)
    with pytest.raises(ConvergenceError, match="fails on seed 1: The step of cell 0"):
        fit_pulses(data, experiment)
    with pytest.raises(DataError, match="no such file"):
        read_pulses_csv("none.csv")
