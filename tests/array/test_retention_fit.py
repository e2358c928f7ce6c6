"""Fits of retention: known parameters come back from our own processes, measured samples give what was published."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import torch_generator
from femristor.array.results.retention_fit import BakeFit, ReadNoiseFit, RelaxationFit
from femristor.array.retention.data import (
    BakeRecord,
    ReadNoiseRecord,
    RelaxationRecord,
    read_bake,
    read_read_noise,
    read_relaxation,
)
from femristor.array.retention.fit import fit_relaxation
from femristor.array.retention.fit_bake import fit_bake
from femristor.array.retention.fit_noise import fit_read_noise
from femristor.array.retention.relaxation import RelaxationProcess
from femristor.array.retention.telegraph import TelegraphProcess, Traps
from femristor.array.retention.temperature import retention_activation_J
from femristor.core.constants import EV
from femristor.core.errors import ConvergenceError, DataError
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.device.card import RelaxationLaw

DATA = Path(__file__).parents[2] / "data" / "reram"
CARD = load_card("cmo_hfox")


def synthetic(memory: float, cells: int = 4000, *, seed: int = 1) -> RelaxationRecord:
    times = np.array([1.0, 10.0, 100.0, 1e4, 1e6])
    law = RelaxationLaw(-0.2e-6, 0.15e-6, 1.0e-6)
    process = RelaxationProcess(law, (cells,), generator=torch_generator(seed), memory_exponent=memory)
    change = []
    for time in times:
        process.advance(float(time))
        change.append(process.change_S.numpy())
    start = np.linspace(5e-6, 40e-6, cells)
    return RelaxationRecord(times, start, np.array(change).T, np.arange(cells) * 32 // cells, {})


@pytest.mark.parametrize("memory", [0.5, 1.0, 1.84])
def test_known_lines_and_memory_come_back(memory):
    fit = fit_relaxation(synthetic(memory))
    assert fit.memory_exponent == pytest.approx(memory, abs=4 * fit.memory_error)
    assert fit.memory_error < 0.1
    for line, error, known in (
        (fit.mean_line_S, fit.mean_line_error_S, (0.0, -0.2e-6)),
        (fit.sigma_line_S, fit.sigma_line_error_S, (1.0e-6, 0.15e-6)),
    ):
        assert np.all(np.abs(line - known) < 4 * error) and np.all(error < 0.05e-6)
    assert fit.mean_p > 1e-3 and fit.sigma_p > 1e-3
    assert np.all(fit.ks_distance < 1.5 * fit.ks_critical) and np.all(np.abs(fit.excess_kurtosis) < 0.4)
    assert np.all(fit.band_mean_p > 1e-4) and np.all(fit.band_sigma_p > 1e-4)
    assert fit.memory_rms < 0.03


def test_errors_cover_the_scatter_of_repeated_data():
    fits = [fit_relaxation(synthetic(1.3, 800, seed=seed), resamples=100) for seed in range(12)]
    values = np.array([[fit.memory_exponent, fit.sigma_line_S[1]] for fit in fits])
    stated = np.mean([[fit.memory_error, fit.sigma_line_error_S[1]] for fit in fits], axis=0)
    assert np.all(np.abs(np.log(values.std(axis=0, ddof=1) / stated)) < math.log(2))


def test_white_noise_is_told_from_forgetting():
    data = synthetic(1.0)
    noise = np.random.default_rng(3).normal(0, 0.5e-6, (data.change_S.shape[0], 6))
    noisy = RelaxationRecord(
        data.time_s, data.start_S, data.change_S + noise[:, 1:] - noise[:, :1], data.band, {}
    )
    fit = fit_relaxation(noisy)
    assert fit.noise_sigma_S == pytest.approx(0.5e-6, rel=0.1)
    assert fit.noise_rms < 0.02 < fit.independent_rms


def test_state_dependence_and_missing_reads_are_seen():
    data = synthetic(1.0)
    change = data.change_S * (1 + data.start_S[:, None] / 40e-6)
    change[::3, 2] = np.nan
    fit = fit_relaxation(RelaxationRecord(data.time_s, data.start_S, change, data.band, {}))
    assert np.all(fit.band_sigma_p < 1e-6)
    assert fit.cells[2] == 4000 - 1334 and fit.complete == fit.cells[2]


def test_measured_relaxation_sample(tmp_path):
    fit = fit_relaxation(read_relaxation(DATA / "array_techC_relaxation_sample.tsv.gz"))
    np.testing.assert_allclose(fit.time_s, [0.01, 0.1, 1, 4, 1e5])
    # A tenth of the cells; all 16,292 have 0.93, 1.56, 2.05, 2.31, 3.64 uS and an exponent of 1.84 +- 0.06.
    np.testing.assert_allclose(fit.sigma_S * 1e6, [0.93, 1.56, 2.05, 2.31, 3.64], rtol=0.1)
    assert fit.memory_exponent == pytest.approx(1.84, abs=3 * fit.memory_error)
    assert fit.memory_exponent - 3 * fit.memory_error > 1.0
    assert fit.memory_rms < 0.5 * fit.independent_rms
    assert np.all(fit.ks_distance > 2 * fit.ks_critical) and np.all(fit.band_sigma_p < 0.01)
    assert load(save(fit, tmp_path / "fit.h5"), RelaxationFit).memory_exponent == fit.memory_exponent


def pink(exponent: float, samples: int, draw: np.random.Generator) -> np.ndarray:
    lines = np.arange(1, samples // 2 + 1) ** (-exponent / 2) * np.exp(2j * np.pi * draw.random(samples // 2))
    wave = np.fft.irfft(np.concatenate([[0], lines]), samples)
    return wave / wave.std()


def test_known_spectrum_comes_back():
    draw = np.random.default_rng(0)
    values = np.array([50e-6 + 0.2e-6 * pink(alpha, 65536, draw) for alpha in (0.8, 1.0, 1.2)])
    fit = fit_read_noise(ReadNoiseRecord(np.arange(3), values, 400.0, {}))
    np.testing.assert_allclose(fit.exponent, [0.8, 1.0, 1.2], atol=0.05)
    np.testing.assert_allclose(fit.sigma_S, 0.2e-6, rtol=1e-3)
    assert not fit.telegraph.any() and fit.telegraph_share == 0.0


def telegraph_record(samples: int = 40_000) -> np.ndarray:
    traps = Traps(*(torch.full((1, 1), value, dtype=torch.float64) for value in (0.2, 0.3, 2.0)))
    process = TelegraphProcess(traps, generator=torch_generator(5))
    seen = np.empty(samples)
    for index in range(samples):
        process.advance((index + 1) / 400.0)
        seen[index] = 2.0 * float(process.full[0, 0])
    return seen


def test_known_telegraph_comes_back(tmp_path):
    draw = np.random.default_rng(1)
    steps = telegraph_record()
    noisy = steps + 0.3 * pink(1.0, steps.size, draw)
    fit = fit_read_noise(ReadNoiseRecord(np.zeros(1, int), 50e-6 + 1e-6 * noisy[None], 400.0, {}))
    assert fit.telegraph[0]
    assert fit.step_S[0] == pytest.approx(2.0e-6, rel=0.03)
    assert fit.occupancy[0] == pytest.approx(0.3, abs=0.04)
    assert fit.share[0] == pytest.approx(np.var(steps) / np.var(noisy), rel=0.05)
    assert fit.dwell_high_s[0] == pytest.approx(0.2 / 0.7, rel=0.2)
    assert fit.dwell_low_s[0] == pytest.approx(0.2 / 0.3, rel=0.2)
    assert math.isinf(fit.sigma_exponent_error)
    assert load(save(fit, tmp_path / "fit.h5"), ReadNoiseFit).share[0] == fit.share[0]


def test_measured_read_noise_sample():
    fit = fit_read_noise(read_read_noise(DATA / "array_techA_read_noise_sample.tsv.gz"))
    np.testing.assert_allclose(fit.mean_S * 1e6, [8.59, 93.55, 130.45, 183.66, 252.81], atol=0.01)
    assert np.all((fit.exponent > 0.6) & (fit.exponent < 1.8))
    assert np.all(fit.chi2 > 5)  # no record is a pure power law
    assert fit.telegraph[3] and fit.transitions[3] > 100
    assert fit.sigma_exponent_error > 0.2  # five cells do not fix sigma(G)


def synthetic_bake(cells: int = 20_000) -> BakeRecord:
    kelvin = np.array([320.0, 340.0, 360.0, 380.0, 400.0])
    before, after = [], []
    for index, value in enumerate(kelvin):
        array = CellArray(CARD, 1, cells, seed=index, effects=Effects(programming=False, read_noise=False))
        array.program(np.full((1, cells), 50e-6))
        before.append(array.conductance_S.numpy()[0])
        array.advance(3600.0, temperature_K=float(value))
        after.append(array.conductance_S.numpy()[0])
    return BakeRecord(kelvin, np.array(before), np.array(after), 3600.0, {})


def test_activation_of_our_own_bake_comes_back():
    fit = fit_bake(synthetic_bake(), sigma_slope_S=CARD.statistics.relaxation.sigma_slope_S)
    known = retention_activation_J(CARD)
    assert fit.line_activation_J == pytest.approx(known, abs=4 * fit.line_activation_error_J)
    assert fit.line_activation_error_J < 0.05 * known
    assert fit.line_chi2 < 20  # three degrees of freedom


def test_activation_of_one_process_comes_back():
    draw, kelvin, cells = np.random.default_rng(2), np.linspace(373.15, 533.15, 5), 5000
    factor = np.exp(-0.8 * 11604.518 * (1 / kelvin - 1 / kelvin[-1]))
    mean, sigma = 2 - 30 * factor, np.sqrt(9 + 400 * factor)
    after = 100e-6 + 1e-6 * (mean[:, None] + sigma[:, None] * draw.standard_normal((5, cells)))
    fit = fit_bake(BakeRecord(kelvin, np.full((5, cells), 100e-6), after, 3600.0, {}))
    for energy, error in (
        (fit.sigma_activation_J, fit.sigma_activation_error_J),
        (fit.mean_activation_J, fit.mean_activation_error_J),
    ):
        assert energy == pytest.approx(0.8 * EV, abs=4 * error) and error < 0.05 * EV
    assert fit.sigma_chi2 < 15 and fit.mean_chi2 < 15


def test_measured_bake_sample_says_what_it_cannot(tmp_path):
    fit = fit_bake(read_bake(DATA / "array_techA_bake_sample.tsv.gz"))
    np.testing.assert_allclose(fit.temperature_K - 273.15, [100, 140, 180, 220, 260])
    assert np.all(fit.mean_S[:3] > 0) and np.all(fit.mean_S[3:] < 0)
    assert "both signs" in fit.remark
    assert fit.mean_chi2 > 20 and fit.line_chi2 > 100
    assert 0.5 * EV < fit.sigma_activation_J < 0.8 * EV
    assert math.isnan(fit.line_activation_J)
    assert load(save(fit, tmp_path / "fit.h5"), BakeFit).remark == fit.remark


def test_a_bake_that_does_nothing_has_no_energy():
    flat = np.full((5, 30), 1e-4) + 1e-7 * np.random.default_rng(0).standard_normal((1, 30))
    with pytest.raises(ConvergenceError, match="bake at temperatures further apart"):
        fit_bake(BakeRecord(np.linspace(300, 400, 5), np.full((5, 30), 1e-4), flat, 3600.0, {}))


def rows(name: str) -> list[list[str]]:
    with gzip.open(DATA / name, "rt") as stream:
        return [line.rstrip("\n").split("\t") for line in stream]


@pytest.mark.parametrize(
    ("reader", "name", "spoil", "words"),
    [
        (read_relaxation, "array_techC_relaxation", lambda r: r[6].pop(), "line 7 has 6 tab-separated cells"),
        (read_relaxation, "array_techC_relaxation", lambda r: r[2].__setitem__(3, ""), "line 3, column 4: the value is missing"),
        (read_relaxation, "array_techC_relaxation", lambda r: r[2].__setitem__(3, "nan"), "line 3, column 4: nan is not finite"),
        (read_relaxation, "array_techC_relaxation", lambda r: r.append(r[-1]), "read twice at one nominal time"),
        (read_relaxation, "array_techC_relaxation", lambda r: r.__delitem__(slice(10, None)), "do not make laws"),
        (read_read_noise, "array_techA_read_noise", lambda r: r[1].pop(), "line 2 has 20001"),
        (read_read_noise, "array_techA_read_noise", lambda r: [row.__delitem__(slice(100, None)) for row in r], "too few for a spectrum"),
        (read_bake, "array_techA_bake", lambda r: r.pop(), "one read at time 0 and one after"),
        (read_bake, "array_techA_bake", lambda r: r[0].__setitem__(4, "warm"), "'warm' is not a number"),
        (read_bake, "array_techA_bake", lambda r: r.__delitem__(slice(1000, None)), "give 4 or more"),
    ],
)  # fmt: skip
def test_spoiled_files_get_one_sentence(tmp_path, reader, name, spoil, words):
    table = rows(f"{name}_sample.tsv.gz")
    spoil(table)
    path = tmp_path / "spoiled.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in table))
    with pytest.raises(DataError) as error:
        reader(path)
    assert words in str(error.value) and "spoiled.tsv" in str(error.value) and "\n" not in str(error.value)


def test_truncated_missing_and_foreign_gzip(tmp_path):
    whole = (DATA / "array_techA_bake_sample.tsv.gz").read_bytes()
    path = tmp_path / "cut.tsv.gz"
    for content in (whole[: len(whole) // 2], b"no gzip", whole[:100] + b"\0" * 50 + whole[150:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="truncated or not a gzipped text file"):
            read_bake(path)
    with pytest.raises(DataError, match="no such file"):
        read_bake(tmp_path / "none.tsv.gz")
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(DataError, match="the file is empty"):
        read_relaxation(tmp_path / "empty.tsv")
