"""Other memories: laws in numbers, cells against their laws, and against aihwkit where it is installed."""

import math
import warnings

import pytest
import torch

from femristor.array.checks import torch_generator
from femristor.array.statistics import other_memories as laws
from femristor.array.statistics.other_memories import PcmCells, WanCells, weight_arrays_pcm, weight_arrays_wan
from femristor.core.errors import InputError

ALL = ("programming", "relaxation", "read_noise")
TEN_YEARS_S = 3.1536e8


def cells(kind, weights, *, effects=ALL, mapping="single", seed=0):
    return kind(weights, mapping=mapping, effects=effects, generator=torch_generator(seed, 3))


def level(kind, share: float, count: int = 200) -> torch.Tensor:
    """A matrix of one weight in the interior; the last row holds the ends of the range."""
    weights = torch.full((count, count), share, dtype=torch.float64)
    weights[-1, 0], weights[-1, 1:] = 0.0, 1.0
    return weights


@pytest.mark.parametrize(("time_s", "sigma"), [(1.0, 2.0229), (86400.0, 3.9090), (172800.0, 3.9291)])
def test_wan_at_the_measured_times(time_s, sigma):
    """sum_k c_k/2^k at half the largest conductance, by hand."""
    half = torch.tensor([20.0], dtype=torch.float64)
    assert float(laws.wan_sigma_uS(half, time_s)) == pytest.approx(sigma, abs=1e-4)


def test_wan_between_and_beyond_the_times_is_linear_in_the_logarithm():
    g = torch.tensor([4.0, 20.0, 36.0], dtype=torch.float64)
    first, day, last = (laws.wan_sigma_uS(g, time) for time in laws.WAN_TIMES_S)
    torch.testing.assert_close(laws.wan_sigma_uS(g, math.sqrt(86400.0)), (first + day) / 2)
    torch.testing.assert_close(laws.wan_sigma_uS(g, 172800.0**2), 2 * last - first)
    torch.testing.assert_close(laws.wan_sigma_uS(g, 0.0), first)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_wan_cells_have_the_law(share):
    live = cells(WanCells, level(WanCells, share))
    for time in (1.0, 86400.0, TEN_YEARS_S):
        live.advance(time)
        error = 40 * (live.weights()[:-1] - share)
        expected = laws.wan_sigma_uS(torch.tensor([40.0 * share], dtype=torch.float64), time)
        assert float(error.std()) == pytest.approx(float(expected), rel=0.03)
        assert abs(float(error.mean())) < 0.1


def test_pcm_in_numbers_and_in_cells():
    """At full conductance: nu 0.049 +- 0.008 (clamped), programming sigma 1.055 uS."""
    top = torch.tensor([25.0], dtype=torch.float64)
    mean, deviation = laws.pcm_drift_law(top)
    assert (float(mean), float(deviation)) == (0.049, 0.008)
    assert float(laws.pcm_programming_sigma_uS(top)) == pytest.approx(0.26348 + 1.9650 - 1.1731)
    live = cells(PcmCells, level(PcmCells, 0.5), effects=("relaxation",))
    live.advance(86400.0)
    nu = -torch.log(live.weights()[:-1] / 0.5) / math.log(86420.0 / 20.0)
    assert float(nu.mean()) == pytest.approx(0.049, abs=5e-4)
    assert float(nu.std()) == pytest.approx(0.008, abs=5e-4)
    noisy = cells(PcmCells, level(PcmCells, 0.5), effects=("read_noise",))
    noisy.advance(100.0)
    relative = (noisy.weights()[:-1] / 0.5).std()
    by_hand = 0.0088 / 0.5**0.65 * math.sqrt(math.log(120.0 / 500e-9))
    assert float(relative) == pytest.approx(by_hand, rel=0.03)


@pytest.mark.parametrize("kind", [WanCells, PcmCells])
@pytest.mark.parametrize("mapping", ["single", "pair"])
def test_without_effects_the_weights_stay(kind, mapping):
    weights = torch.randn(9, 5, generator=torch_generator(1, 1), dtype=torch.float64)
    live = cells(kind, weights, effects=(), mapping=mapping)
    live.advance(TEN_YEARS_S)
    torch.testing.assert_close(live.weights(), weights, rtol=0, atol=1e-12)
    assert live.revision == 1 and math.isnan(live.moments(1.0)[0])


@pytest.mark.parametrize("kind", [WanCells, PcmCells])
def test_same_seed_same_bits(kind):
    weights = torch.randn(9, 5, generator=torch_generator(1, 1), dtype=torch.float64)
    runs = [cells(kind, weights, seed=seed) for seed in (4, 4, 5)]
    for run in runs:
        run.advance(10.0)
    assert torch.equal(runs[0].weights(), runs[1].weights())
    assert not torch.equal(runs[0].weights(), runs[2].weights())


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: cells(WanCells, [[1.0, 2.0]], mapping="x"), "use one of single, pair"),
        (lambda: cells(WanCells, [[1.0, 2.0]], effects=("drift",)), "drift"),
        (lambda: cells(PcmCells, [1.0, 2.0]), "are no matrix"),
        (lambda: cells(PcmCells, [[1.0, float("nan")]]), "NaN"),
        (lambda: cells(PcmCells, [[1.0, 0.0]]).advance(-1.0), "from 0 s on"),
    ],
)
def test_bad_input_is_one_sentence(act, words):
    with pytest.raises(InputError, match=words) as error:
        act()
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["wan", "pcm"])
def test_statistics_are_those_of_aihwkit(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("aihwkit", reason="the peer aihwkit is not installed")
        from aihwkit.inference.noise.pcm import PCMLikeNoiseModel
        from aihwkit.inference.noise.reram import ReRamWan2022NoiseModel
    column = torch.linspace(-1, 1, 41, dtype=torch.float64)
    weights = column.expand(4000, 41).contiguous()
    make, model = (
        (weight_arrays_wan(), ReRamWan2022NoiseModel(g_max=40.0))
        if name == "wan"
        else (weight_arrays_pcm(), PCMLikeNoiseModel(g_max=25.0))
    )
    torch.manual_seed(0)
    live = make(weights, mapping="pair", acceptance=0.002, effects=ALL, stream=(7,))
    for time in (1.0, 86400.0):
        # Not apply_drift_noise: for Wan it scales what it returns by the largest PROGRAMMED weight, here 1.1.
        theirs = model.apply_noise(weights, time)
        live.advance(time)
        ours = live.weights()
        error = 5 * float(theirs.std(dim=0).max()) / math.sqrt(4000)
        torch.testing.assert_close(ours.mean(0), theirs.mean(0), rtol=0, atol=1.5 * error)
        torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0.1, atol=2e-3)
