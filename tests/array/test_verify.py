"""Program-verify by pulses: streams, agreement with the plain twin, threads and batches, resume, sigma, levels, cost."""

import os
import signal

import numba
import numpy as np
import pytest

from femristor.array.programming.kernels import STEPS
from femristor.array.programming.levels import level_distribution, programming_cost, sigma_line
from femristor.array.programming.plan import VerifyPlan, read_modes
from femristor.array.programming.twin import verify_plain
from femristor.array.programming.verify import Verify, program_array, spread_cells
from femristor.array.results.verify import ABOVE, ACCEPTED, BELOW, ProgramCheckpoint, ProgramVerify
from femristor.compact.dynamics.integrator import Cells
from femristor.compact.ibm import IbmModel
from femristor.compact.kernels.hop_streams import WORDS, bits, cell_streams, normal
from femristor.compact.kernels.noise import fresh_hints, pulse
from femristor.compact.noise.programming import programming_schemes
from femristor.compact.noise.stochastic import HopNoise, NoisyCells, switching_volume_m3
from femristor.core.errors import InputError, StoreError
from femristor.core.rng import generator
from femristor.core.store import load, save
from femristor.device import load_card
from femristor.device.load_line import BARE, channel_load
from femristor.device.pulse_scheme import PulseScheme
from femristor.device.selector import reference_selector

WIDTH = 2.5e-6


@pytest.fixture(scope="module")
def card():
    return load_card("cmo_hfox")


@pytest.fixture(scope="module")
def model(card):
    return IbmModel(card)


@pytest.fixture(scope="module")
def cells(card, model):
    load_line = channel_load(card, reference_selector(card).channel)
    return NoisyCells(model, HopNoise(switching_volume_m3(model), 8.6), load_line)


@pytest.fixture(scope="module")
def plan(cells, card):
    return VerifyPlan(tuple(programming_schemes(cells, card)))


@pytest.fixture(scope="module")
def levels(card):
    return np.tile(np.linspace(9e-6, 88.19e-6, 35)[:, None], (1, 32))


@pytest.fixture(scope="module")
def programmed(cells, card, levels, plan):
    return program_array(cells, card, levels, plan, Verify(0.002, read_noise="off"), seed=1)


def test_streams_are_xoshiro256_and_normal():
    state = np.zeros(WORDS, np.uint64)
    state[:4] = [1, 2, 3, 4]
    assert [int(bits(state)) for _ in range(3)] == [41943041, 58720359, 3588806011781223]
    streams = cell_streams(3, 4, 1)
    np.testing.assert_array_equal(streams[:2], cell_streams(3, 2, 1))
    drawn = np.array([normal(streams[0]) for _ in range(40000)])
    assert abs(drawn.mean()) < 4 / 200 and drawn.var() == pytest.approx(1, abs=0.03)
    assert np.mean(drawn**4) == pytest.approx(3, abs=0.2)
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.02


def test_one_pulse_of_the_coarse_steps_has_the_moments_of_fine_ones(cells, model, plan):
    """Mean and variance of ln G after a programming pulse: tolerance and steps used against a hundred times finer."""
    scheme, count = plan.schemes[1], 6000
    packed = Cells.of_model(model, 1, cells.load)
    kind, (patches, rows, columns), ionic = packed.packed
    law = (kind, (patches[0], rows, columns, ionic), cells.field(patches), packed.parameters[0])
    shape = np.array([scheme.set_V, scheme.reset_V, scheme.edge_s, scheme.width_s - 2 * scheme.edge_s])
    start, per_hop = float(np.log(model.density_at(45e-6, 0.2))), 8.6 / cells.noise.volume_m3
    for sign in (1.0, -1.0):
        moments = []
        for tolerance, steps, seed in ((1e-4, STEPS, 1), (1e-6, (0.05,) * 5, 2)):
            streams, hints = cell_streams(seed, count, 9), fresh_hints()
            ends = [
                pulse(*law, packed.loads[0], start, shape, sign, tolerance, hints, per_hop, own, steps)[0]
                for own in streams
            ]
            moments.append((np.mean(ends) - start, np.std(ends)))
        error = moments[1][1] / np.sqrt(count)
        assert abs(moments[0][0] - moments[1][0]) < 4 * error
        assert moments[0][1] == pytest.approx(moments[1][1], rel=4 / np.sqrt(count))


def test_without_noise_the_twin_sends_the_same_pulses(card, model):
    """Deterministic: the same pulses in the same directions, conductances to 0.5 %; identical and incremental."""
    quiet = NoisyCells(model, HopNoise(switching_volume_m3(model), 0.0), BARE)
    targets = np.array([20e-6, 40e-6, 60e-6])
    scheme = PulseScheme(1.25, -1.25, WIDTH)
    for plan in (
        VerifyPlan((scheme,), (10e-6, 90e-6)),
        VerifyPlan.incremental((scheme,), step_V=0.03, start_V=(1.1, 1.1), max_V=(1.3, 1.3)),
    ):
        fast = program_array(quiet, card, targets[:, None], plan, Verify(0.05, 15, "off", tolerance=1e-7))
        outcome, true, read, sent = verify_plain(
            quiet, targets, plan, acceptance=0.05, most=15, start_density_m3=7e24, modes=np.zeros((2, 0)),
            generator=generator(0), steps=100,
        )  # fmt: skip
        np.testing.assert_array_equal(fast.outcome[:, 0], outcome)
        np.testing.assert_array_equal(np.stack([fast.set_pulses, fast.reset_pulses], -1)[:, 0], sent)
        np.testing.assert_allclose(fast.conductance_S[:, 0], true, rtol=5e-3)
        np.testing.assert_allclose(true, read)


def test_with_noise_the_twin_needs_as_many_pulses(card, model):
    """Hops and independent read noise: mean pulses and true errors agree within four standard errors."""
    noisy = NoisyCells(model, HopNoise(switching_volume_m3(model), 6.0), BARE)
    plan = VerifyPlan((PulseScheme(1.22, -1.25, WIDTH),), (10e-6, 90e-6))
    targets = np.full((20, 20), 45e-6)
    fast = program_array(noisy, card, targets, plan, Verify(0.03, 60), seed=2)
    modes = read_modes(card.statistics.read_noise, "independent")
    outcome, true, read, sent = verify_plain(
        noisy, targets.ravel(), plan, acceptance=0.03, most=60, start_density_m3=7e24, modes=modes,
        generator=generator(3), steps=24,
    )  # fmt: skip
    good = outcome == ACCEPTED
    assert good.mean() == pytest.approx(fast.accepted.mean(), abs=0.03) and good.mean() > 0.95
    ours, theirs = fast.pulses.ravel(), sent.sum(axis=1)
    error = np.sqrt(ours.var() / ours.size + theirs.var() / theirs.size)
    assert abs(ours.mean() - theirs.mean()) < 4 * error
    spread = np.std((fast.conductance_S - 45e-6)[fast.accepted])
    assert spread == pytest.approx(np.std(true[good] - 45e-6), rel=0.15)
    assert np.all(np.abs(read[good] - 45e-6) <= 0.03 * 45e-6)


def test_answer_depends_on_the_seed_alone(cells, card, levels, plan, programmed):
    """Threads and batches change nothing; the seed does."""
    few = levels[::5, :3]
    one = program_array(cells, card, few, plan, seed=5)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        same = program_array(cells, card, few, plan, seed=5, batch=4)
    finally:
        numba.set_num_threads(before)
    other = program_array(cells, card, few, plan, seed=6)
    for name in ("conductance_S", "read_S", "set_pulses", "reset_pulses", "set_J", "reads_A"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert not np.array_equal(one.conductance_S, other.conductance_S)


def test_resume_gives_the_same_answer(cells, card, levels, plan, tmp_path):
    """Interrupted after two batches: they are kept, and the end is as without a break."""
    few, path = levels[::5, :4], tmp_path / "job.h5"

    class Break:
        def __enter__(self):
            self.done = 0
            return self

        def __exit__(self, *_):
            return False

        def task(self, *_):
            return self

        def advance(self, amount=1.0, note=""):
            self.done += amount
            if self.done >= 10:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        program_array(cells, card, few, plan, seed=7, batch=5, checkpoint=path, progress=Break())
    assert load(path, ProgramCheckpoint).finished == 10
    resumed = program_array(cells, card, few, plan, seed=7, batch=5, checkpoint=path)
    whole = program_array(cells, card, few, plan, seed=7)
    for name in ("conductance_S", "read_S", "set_pulses", "reset_pulses", "outcome", "density_m3"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    with pytest.raises(StoreError, match="another programming job"):
        program_array(cells, card, few, plan, seed=8, checkpoint=path)


def test_levels_stay_apart_and_errors_fill_the_window(programmed, card):
    """Without read noise the error is uniform in the acceptance: sigma = 0.2 % G/sqrt 3, inside the card's 8 %."""
    assert programmed.accepted.mean() > 0.97
    relative = (programmed.conductance_S / programmed.target_S - 1)[programmed.accepted]
    assert np.max(np.abs(relative)) <= 0.002
    line = sigma_line(programmed)
    assert line.slope == pytest.approx(0.002 / np.sqrt(3), abs=4 * line.slope_error)
    assert abs(line.offset_S) < 4 * line.offset_error_S
    assert line.slope == pytest.approx(card.statistics.programming[0.002].slope, rel=0.15)
    found = level_distribution(programmed, card)
    assert found.overlap_sampled < 1e-6 and found.misread_fraction < 0.02
    assert 50 < programmed.mean_pulses < 130


def test_two_per_cent_needs_fewer_pulses_and_overlaps(cells, card, levels, plan):
    found = program_array(cells, card, levels, plan, Verify(0.02), seed=1)
    assert 9 < found.mean_pulses < 20
    distribution = level_distribution(found, card)
    assert distribution.overlap_sampled == pytest.approx(distribution.overlap_law, abs=0.03)


def test_read_noise_has_the_law_and_its_correlation(card):
    """One verify read has the law's sigma; flicker keeps part of it from read to read, independent reads nothing."""
    law = card.statistics.read_noise
    wanted = law.coefficient_S * np.sqrt(np.log((300e-6 + law.reference_time_s) / (2 * law.reference_time_s)))
    independent = read_modes(law, "independent")
    np.testing.assert_allclose(independent[0], wanted)
    assert independent[1, 0] == 0 and read_modes(law, "off").shape == (2, 0)
    flicker = read_modes(law, "flicker", pulse_s=WIDTH)
    assert np.sqrt(np.sum(flicker[0] ** 2)) == pytest.approx(wanted, rel=0.15)
    assert np.all(np.diff(flicker[1]) > 0) and flicker[1, -1] > 0.999


def test_read_noise_is_left_in_the_true_conductance(cells, card, levels, plan):
    """Accepted reads fill the window; the truth is off by about one read's noise, more than 0.2 % allows."""
    found = program_array(cells, card, levels[::3], plan, Verify(0.002), seed=3)
    good = found.accepted
    assert np.max(np.abs(found.read_S / found.target_S - 1)[good]) <= 0.002
    true = (found.conductance_S - found.target_S)[good]
    law = read_modes(card.statistics.read_noise, "independent")[0, 0] * np.log10(found.target_S[good] * 1e6)
    assert np.std(true / law) == pytest.approx(1.0, abs=0.15)


def test_failures_have_their_direction(cells, card, plan):
    """Set pulses too weak end below, reset pulses too weak end above."""
    weak_set = VerifyPlan((PulseScheme(0.9, -1.4, WIDTH),), (10e-6, 90e-6))
    weak_reset = VerifyPlan((PulseScheme(1.5, -0.7, WIDTH),), (10e-6, 90e-6))
    below = program_array(cells, card, [[80e-6]], weak_set, Verify(0.01, 30), seed=1)
    above = program_array(cells, card, [[12e-6]], weak_reset, Verify(0.01, 30), seed=1)
    assert below.outcome[0, 0] == BELOW and above.outcome[0, 0] == ABOVE
    assert below.set_pulses[0, 0] == 30 and above.reset_pulses[0, 0] == 30
    assert np.isnan(below.mean_pulses) and below.counts["below"] == 1


def test_incremental_pulses_restart_their_ladder(card, model):
    """Energy of three set pulses in a row from 1.0 V in steps of 0.1 V, then a maximum of 1.15 V."""
    quiet = NoisyCells(model, HopNoise(switching_volume_m3(model), 0.0), BARE)
    plan = VerifyPlan.incremental(
        (PulseScheme(1.2, -1.2, WIDTH),), step_V=0.1, start_V=(1.0, 1.0), max_V=(1.15, 1.2)
    )
    found = program_array(quiet, card, [[80e-6]], plan, Verify(0.01, 3, "off"), seed=0)
    joule = 0.0
    for volt in (1.0, 1.1, 1.15):
        time, applied = PulseScheme(volt, -1.2, WIDTH).waveform(np.array([1]))
        at = np.linspace(0.0, WIDTH, 2001)
        v = np.interp(at, time - time[0], applied)
        joule += np.trapezoid(v * model.current_A(v, np.full(at.size, 7e24)), at)
    assert found.set_pulses[0, 0] == 3 and found.set_J[0, 0] == pytest.approx(joule, rel=0.2)
    assert plan.by == "incremental" and plan.step_V == 0.1


def test_spread_cells_need_other_pulses(cells, card, model, levels, plan):
    few = levels[::5, :8]
    own = spread_cells(model, {"radius": 0.03}, few.size, seed=1)
    spread = NoisyCells(model, cells.noise, cells.load, spread=own)
    found = program_array(spread, card, few, plan, Verify(0.02), seed=1, spread="radius=0.03")
    plain = program_array(cells, card, few, plan, Verify(0.02), seed=1)
    assert found.spread == "radius=0.03" and not np.array_equal(found.pulses, plain.pulses)
    assert found.accepted.mean() > 0.95


def test_cost_counts_pulses_and_reads(programmed):
    cost = programming_cost(programmed)
    reads = float(np.sum(programmed.pulses + 1))
    assert cost.latency_s == pytest.approx(np.sum(programmed.pulses) * WIDTH + reads * 300e-6)
    assert cost.parts["read"] == pytest.approx(0.2 * 300e-6 * programmed.reads_A.sum())
    volts = np.abs(np.concatenate([programmed.set_V, programmed.reset_V]))
    assert cost.parts["set"] < programmed.set_pulses.sum() * volts.max() * 400e-6 * WIDTH
    assert programming_cost(programmed, at_once=32).latency_s < cost.latency_s


def test_result_is_stored(programmed, tmp_path):
    back = load(save(programmed, tmp_path / "array.h5"), ProgramVerify)
    np.testing.assert_array_equal(back.conductance_S, programmed.conductance_S)
    assert back.counts == programmed.counts and back.acceptance == 0.002


def test_bad_input(cells, card, model, plan, programmed):
    with pytest.raises(InputError, match="outside the window"):
        program_array(cells, card, [[5e-6]], plan)
    with pytest.raises(InputError, match="no array of cells"):
        program_array(cells, card, [20e-6], plan)
    with pytest.raises(InputError, match="not possible"):
        Verify(0.0)
    with pytest.raises(InputError, match="one pair a range"):
        VerifyPlan(plan.schemes[:2])
    with pytest.raises(InputError, match="no spread"):
        spread_cells(model, {"colour": 0.1}, 3, seed=0)
    with pytest.raises(InputError, match="pink"):
        read_modes(card.statistics.read_noise, "pink")
    small = program_array(cells, card, [[20e-6, 30e-6]], plan, Verify(0.05))
    with pytest.raises(InputError, match="three groups"):
        sigma_line(small)
    with pytest.raises(InputError, match="one target a row"):
        level_distribution(small, card)


def test_interrupt_inside_the_kernel_is_an_interrupt(cells, card, plan, monkeypatch):
    """Ctrl-C waits until the kernel has returned, which a kernel with threads does not survive otherwise."""
    from femristor.array.programming import kernels as verify_kernels

    real, finished = verify_kernels.program, []

    def interrupted(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        found = real(*arguments)
        finished.append(True)
        return found

    monkeypatch.setattr(verify_kernels, "program", interrupted)
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            program_array(cells, card, [[20e-6]], plan)
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert finished
