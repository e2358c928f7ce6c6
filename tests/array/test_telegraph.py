"""Telegraph noise: exact transitions, stationary variance, spectrum, dwell times, and its share of the read noise."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import torch_generator
from femristor.array.retention.read_noise import ReadNoiseProcess, read_noise_sigma_S
from femristor.array.retention.telegraph import TelegraphLaw, TelegraphProcess, Traps, draw_traps
from femristor.core.errors import InputError
from femristor.device import load_card

CARD = load_card("cmo_hfox")
NOISE = CARD.statistics.read_noise


def same_traps(cells: int, tau_s: float, occupancy: float, amplitude: float = 1.0) -> Traps:
    return Traps(
        *(torch.full((1, cells), value, dtype=torch.float64) for value in (tau_s, occupancy, amplitude))
    )


@pytest.mark.parametrize("occupancy", [0.2, 0.5, 0.9])
def test_stationary_variance_and_exact_transitions(occupancy):
    cells, tau = 100_000, 3.0
    process = TelegraphProcess(same_traps(cells, tau, occupancy), generator=torch_generator(1))
    start = process.full[0].clone()
    now = 0.0
    for elapsed in (0.01, 1.0, 10.0):
        now += elapsed
        process.advance(now)
        full = process.full[0]
        assert float(full.mean()) == pytest.approx(occupancy, abs=5 * 0.5 / math.sqrt(cells))
        assert float(full.var()) == pytest.approx(occupancy * (1 - occupancy), rel=0.03)
        memory = float(torch.corrcoef(torch.stack([start, full]))[0, 1])
        assert memory == pytest.approx(math.exp(-now / tau), abs=5 / math.sqrt(cells))
    assert float(process.traps.variance[0]) == pytest.approx(occupancy * (1 - occupancy))


def test_one_long_step_is_many_short_ones():
    cells = 100_000
    found = []
    for steps, seed in ((1, 2), (50, 3)):
        process = TelegraphProcess(same_traps(cells, 2.0, 0.3), generator=torch_generator(seed))
        begun = process.full.clone()
        for time in np.linspace(0, 1.5, steps + 1)[1:]:
            process.advance(float(time))
        found.append([float(process.full[begun == s].mean()) for s in (0.0, 1.0)])
    exact = [0.3 * (1 - math.exp(-0.75)), 0.3 + 0.7 * math.exp(-0.75)]
    np.testing.assert_allclose(found, [exact, exact], atol=0.012)


def followed(traps: Traps, samples: int, step_s: float) -> np.ndarray:
    process = TelegraphProcess(traps, generator=torch_generator(4))
    trace = np.empty((samples, traps.tau_s.shape[1]))
    for index in range(samples):
        process.advance((index + 1) * step_s)
        trace[index] = (traps.amplitude * process.full).sum(0)
    return trace


def test_spectrum_is_the_lorentzian_and_dwells_are_exponential():
    tau, occupancy, step = 0.05, 0.25, 0.002
    traps = same_traps(64, tau, occupancy, 2.0)
    trace = followed(traps, 8192, step)
    frequency, density = signal.welch(trace, 1 / step, nperseg=2048, axis=0)
    for f in (0.5, 1.0, 3.0, 10.0, 30.0):
        near = np.abs(frequency - f) < 0.26 + 0.1 * f
        expected = np.mean([float(traps.density_per_Hz(x)[0]) for x in frequency[near]])
        assert density[near].mean() == pytest.approx(expected, rel=0.08), f
    turns = np.diff(trace, axis=0)
    full = np.sum(trace > 0) * step
    empty = trace.size * step - full
    # Two passages within one sample are missed: the rates seen are those of the sampled chain.
    seen = -math.expm1(-step / tau) * tau / step
    assert full / np.sum(turns < 0) == pytest.approx(float(traps.dwell_full_s[0, 0]) / seen, rel=0.05)
    assert empty / np.sum(turns > 0) == pytest.approx(float(traps.dwell_empty_s[0, 0]) / seen, rel=0.05)
    assert float(traps.dwell_full_s[0, 0]) == pytest.approx(tau / 0.75)
    starts = np.flatnonzero((turns > 0)[:, 0])
    ends = np.flatnonzero((turns < 0)[:, 0])
    ends = ends[ends > starts[0]]
    lengths = (ends[: starts.size] - starts[: ends.size]) * step
    assert lengths.std() == pytest.approx(lengths.mean(), rel=0.25)  # exponential: spread equals mean


@pytest.mark.parametrize("time_s", [1e-3, 1.0, 86400.0])
def test_share_keeps_the_sigma_of_the_law(time_s):
    cells, law = 60_000, TelegraphLaw()
    source = torch_generator(7)
    steady = ReadNoiseProcess(NOISE, (cells,), generator=source, share=1 - law.share)
    traps = TelegraphProcess(draw_traps(law, NOISE, (cells,), generator=source), generator=source)
    conductance = torch.full((cells,), 50e-6, dtype=torch.float64)
    for process in (steady, traps):
        process.advance(time_s)
    telegraph = traps.noise_S(NOISE, conductance)
    total = telegraph + steady.noise_S(conductance)
    sigma = float(read_noise_sigma_S(NOISE, conductance, time_s)[0])
    assert float(total.std()) == pytest.approx(sigma, rel=0.03)
    assert float((telegraph**2).mean()) / sigma**2 == pytest.approx(law.share, rel=0.12)
    assert abs(float(telegraph.mean())) < 5 * float(telegraph.std()) / math.sqrt(cells)
    # Few large steps: far heavier tails than normal ones.
    assert float((telegraph**4).mean() / (telegraph**2).mean() ** 2) > 6


def test_number_of_traps_is_poisson_over_even_log_time():
    law = TelegraphLaw(share=0.5, traps_per_efold=0.2)
    traps = draw_traps(law, NOISE, (20_000,), generator=torch_generator(8))
    present = traps.amplitude > 0
    efolds = math.ceil(math.log(1e10 / (2e-6 * math.exp(np.euler_gamma))))
    number = present.sum(0).to(torch.float64)
    assert float(number.mean()) == pytest.approx(0.2 * efolds, rel=0.02)
    assert float(number.var()) == pytest.approx(0.2 * efolds, rel=0.05)
    place = torch.log(traps.tau_s[present])
    assert float(place.std()) == pytest.approx(efolds / math.sqrt(12), rel=0.02)
    assert float(traps.amplitude[present].mean()) == pytest.approx(law.amplitude, rel=0.02)


def test_telegraph_is_off_by_default_and_then_draws_nothing():
    assert not Effects().telegraph and not Effects.none().telegraph
    plain, other = (
        CellArray(CARD, 3, 4, seed=9, telegraph=law) for law in (TelegraphLaw(), TelegraphLaw(0.9, 1.0))
    )
    for array in (plain, other):
        array.program(np.full((3, 4), 5e-5))
        array.advance(10.0)
    assert (plain.read_conductance_S() == other.read_conductance_S()).all()
    assert Effects.of(["telegraph"]) == Effects(
        programming=False, relaxation=False, read_noise=False, telegraph=True
    )


def test_array_with_telegraph_reads_the_same_at_one_time_and_jumps_later():
    effects = Effects.of(["telegraph"])
    array = CellArray(CARD, 40, 50, seed=1, effects=effects, telegraph=TelegraphLaw(1.0, 0.1))
    array.program(np.full((40, 50), 5e-5))
    assert (array.read_conductance_S() == 5e-5).all()
    array.advance(1.0)
    first = array.read_conductance_S()
    array.advance(1.0)
    assert (array.read_conductance_S() == first).all()
    moved = (first != 5e-5).double().mean()
    assert 0.2 < float(moved) < 0.9  # some cells have no trap that has moved


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TelegraphLaw(share=1.2), "telegraph share of 1.2"),
        (lambda: TelegraphLaw(traps_per_efold=0.0), "traps an e-fold"),
        (lambda: TelegraphLaw(traps_per_efold=50.0), "traps an e-fold"),
        (lambda: ReadNoiseProcess(NOISE, (2,), generator=torch_generator(0), share=-0.1), "share of -0.1"),
    ],
)
def test_impossible_laws(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_no_way_back_in_time():
    process = TelegraphProcess(same_traps(2, 1.0, 0.5), generator=torch_generator(0))
    process.advance(5.0)
    with pytest.raises(InputError, match="cannot go back to 1 s"):
        process.advance(1.0)
