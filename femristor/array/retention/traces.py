"""Cells followed over the time after programming, beside the laws they were drawn from."""

from collections.abc import Sequence

import numpy as np

from femristor.array.cell_array import CellArray, Effects
from femristor.array.checks import finite_tensor, torch_generator
from femristor.array.results.cells import RelaxationTrace
from femristor.array.retention.relaxation import relaxation_mean_S, relaxation_sigma_S
from femristor.array.retention.telegraph import TelegraphLaw
from femristor.core.bounds import check_memory
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance, Status
from femristor.device.card import DeviceCard

TEN_YEARS_S = 10 * 365 * 86400.0
DEFAULT_TIMES_S = (0.01, 0.1, 1.0, 60.0, 600.0, 3600.0, 86400.0, 604800.0, TEN_YEARS_S)


def follow_relaxation(
    card: DeviceCard,
    *,
    levels_S: Sequence[float] = (50e-6,),
    cells: int = 1000,
    times_s: Sequence[float] = DEFAULT_TIMES_S,
    acceptance: float = 0.002,
    read_noise: bool = False,
    telegraph: TelegraphLaw | None = None,
    memory_exponent: float | None = None,
    temperature_K: float | Sequence[float] | None = None,
    seed: int = 0,
) -> RelaxationTrace:
    """Program cells to some levels and follow the change of each over rising times.

    Args:
        card: device card.
        levels_S: targets within the window [S].
        cells: cells a level, at least 2.
        times_s: rising times since programming, above 0.
        acceptance: of program-verify.
        read_noise: add the read noise to every read.
        telegraph: add telegraph noise, which takes its share of the read noise.
        memory_exponent: of relaxation (see `RelaxationProcess`); the card's by default.
        temperature_K: one for all times or one for each, held from the time before until it; the card's by default.
        seed: of the noise.

    Returns:
        RelaxationTrace.

    Raises:
        InputError: too few cells, times that do not rise, targets outside the window, temperatures that do not fit.
    """
    times = np.asarray(times_s, dtype=float)
    if times.ndim != 1 or times.size < 1 or not np.all(np.diff(times, prepend=0.0) > 0):
        raise InputError(
            f"The times {list(times_s)} do not rise from above 0 s; sort them and remove duplicates."
        )
    if cells < 2:
        raise InputError(f"{cells} cells a level have no spread; use 2 or more.")
    target = finite_tensor(levels_S, "programmed level").reshape(-1)
    check_memory(
        24.0 * times.size * len(target) * cells + 24.0 * times.size**2,
        f"{cells} cells of each of {len(target)} levels at {times.size} times (--cells, --levels-uS, --times)",
        "give fewer of them",
    )
    temperature = _temperatures(card, temperature_K, times)
    array = CellArray(
        card,
        len(target),
        cells,
        generator=torch_generator(seed, 11),
        effects=Effects(read_noise=read_noise, telegraph=telegraph is not None),
        memory_exponent=memory_exponent,
        telegraph=TelegraphLaw() if telegraph is None else telegraph,
    )
    array.program(target[:, None].expand(len(target), cells), acceptance=acceptance)
    start = array.read_conductance_S()
    change, effective = np.empty((times.size, len(target), cells)), np.empty(times.size)
    for index, time in enumerate(times):
        array.advance(float(time), temperature_K=float(temperature[index]))
        effective[index] = array.effective_time_s
        change[index] = (array.read_conductance_S() - start).cpu().numpy()
    law = card.statistics.relaxation
    sigma = np.array([relaxation_sigma_S(law, time) for time in effective])
    exponent = law.memory_exponent if memory_exponent is None else memory_exponent
    flat = change.reshape(times.size, -1)
    return RelaxationTrace(
        time_s=times,
        target_S=target.numpy(),
        change_S=change,
        mean_S=flat.mean(axis=1),
        sigma_S=flat.std(axis=1, ddof=1),
        law_mean_S=np.array([relaxation_mean_S(law, time) for time in effective]),
        law_sigma_S=sigma,
        correlation=_correlation(flat),
        law_correlation=law_correlation(sigma, exponent),
        memory_exponent=float(exponent),
        temperature_K=temperature,
        effective_time_s=effective,
        telegraph_share=0.0 if telegraph is None else telegraph.share,
        status=Status.SAMPLED,
        provenance=Provenance.create("array.relaxation", card=card, seed=seed),
    )


def _temperatures(card: DeviceCard, temperature_K, times: np.ndarray) -> np.ndarray:
    given = np.atleast_1d(np.asarray(card.ambient_K if temperature_K is None else temperature_K, dtype=float))
    if given.shape not in ((1,), times.shape):
        raise InputError(
            f"{given.size} temperatures do not fit {times.size} times; give one for all or one for each time."
        )
    return np.broadcast_to(given, times.shape).copy()


def law_correlation(sigma: np.ndarray, exponent: float) -> np.ndarray:
    """Correlation of the process between all pairs of times, (min sigma/max sigma)^exponent.

    Args:
        sigma: (times,) standard deviations, in any unit.
        exponent: memory exponent.

    Returns:
        (times, times); 0 where a sigma is 0.
    """
    ratio = _ratio(np.minimum.outer(sigma, sigma), np.maximum.outer(sigma, sigma))
    return np.where(ratio > 0, ratio**exponent, 0.0)


def _correlation(flat: np.ndarray) -> np.ndarray:
    moved = flat - flat.mean(axis=1, keepdims=True)
    sigma = np.sqrt(np.mean(moved**2, axis=1))
    return _ratio(moved @ moved.T / flat.shape[1], np.outer(sigma, sigma))


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
