"""Forming fit on a closed-form cell: radius, sigma_CMO, their covariance, and what cannot be fitted."""

import math

import numpy as np
import pytest

from femristor.core import store
from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.io.ivfile import read_iv_csv, write_iv_csv
from femristor.core.provenance import Status
from femristor.device.card.io import diff_cards, parse_card, replaced_card_text
from femristor.transport.forming.fit import fit_forming
from femristor.transport.forming.synthetic import synthetic_forming_curves
from femristor.transport.result import FormingFit

VOLT = np.linspace(0.005, 0.1, 20)


def line(resistance, label):
    return IVCurve(VOLT, VOLT / resistance, label=label)


def test_exact_curves_give_exact_numbers(card, ohmic):
    fit = fit_forming(synthetic_forming_curves(ohmic, noise=0.0), card, ohmic)
    assert fit.parameter("radius").value == pytest.approx(11e-9, rel=1e-8)
    assert fit.parameter("sigma_CMO").value == pytest.approx(5e3, rel=1e-8)
    assert fit.status is Status.CONVERGED
    # the same resistance with a better conductor around it needs a narrower filament
    assert fit.radius_sensitivity < 0
    assert fit.pristine_range_S_per_m == (1e3, 1e4)
    assert fit.radius_range_m[0] > 11e-9 > fit.radius_range_m[1]


def test_errors_cover_radius_and_conductivity(card, ohmic):
    hits = np.zeros(2)
    for seed in range(100):
        fit = fit_forming(
            synthetic_forming_curves(ohmic, seed=seed), card, ohmic, pristine_range_S_per_m=(2.9e3, 3.1e3)
        )
        for index, (name, truth) in enumerate((("radius", 11e-9), ("sigma_CMO", 5e3))):
            found = fit.parameter(name)
            hits[index] += abs(found.value - truth) < 2 * found.standard_error
            assert found.relative_error < 0.01
    assert np.all(hits >= 88)
    assert np.all(hits <= 99)


def test_covariance_is_that_of_the_two_slopes(card, ohmic):
    fit = fit_forming(synthetic_forming_curves(ohmic, seed=1), card, ohmic)
    relative = [regime.conductance_error_S / regime.conductance_S for regime in fit.regimes]
    radius, sigma = fit.parameter("radius"), fit.parameter("sigma_CMO")
    r_first = ohmic.derivatives(radius.value, 3e3).log_by_log_radius
    second = ohmic.derivatives(radius.value, sigma.value)
    r_second, s_second = second.log_by_log_radius, second.log_by_log_conductivity
    jacobian = np.array([[1 / r_first, 0.0], [-r_second / (s_second * r_first), 1 / s_second]])
    np.testing.assert_allclose(
        fit.covariance, jacobian @ np.diag(np.square(relative)) @ jacobian.T, rtol=1e-6
    )
    assert fit.covariance[0, 1] < 0


def test_a_file_says_that_it_is_synthetic(card, ohmic, tmp_path):
    path = write_iv_csv(synthetic_forming_curves(ohmic), tmp_path / "forming.csv")
    fit = fit_forming(read_iv_csv(path), card, ohmic)
    assert fit.regimes[0].curve.origin.startswith("forming.csv: synthetic: radius 11 nm")
    assert any("formed is forming.csv: synthetic" in note for note in fit.provenance.notes)


def test_one_curve_alone(card, ohmic):
    formed, after = synthetic_forming_curves(ohmic, noise=0.0)
    alone = fit_forming([formed], card, ohmic)
    assert alone.parameter("radius").value == pytest.approx(11e-9, rel=1e-8)
    assert math.isnan(alone.parameter("sigma_CMO").value)
    assert alone.changes().keys() == {f"sources.{alone.source_key}", "filament.radius"}
    second = fit_forming([after], card, ohmic)
    assert second.parameter("radius").fixed
    assert second.parameter("sigma_CMO").value == pytest.approx(5e3, rel=1e-8)
    unnamed = fit_forming([line(2e4, "my cell")], card, ohmic)
    assert not unnamed.parameter("radius").fixed


def test_stored_and_written_to_a_card(card, ohmic, tmp_path):
    fit = fit_forming(synthetic_forming_curves(ohmic, seed=2, radius_m=10e-9), card, ohmic)
    back = store.load(store.save(fit, tmp_path / "fit.h5"), FormingFit)
    assert back.changes() == fit.changes()
    np.testing.assert_array_equal(back.regimes[0].used, fit.regimes[0].used)
    changed = parse_card(replaced_card_text("cmo_hfox", fit.changes(), name="mine"), "mine.toml")
    assert changed.filament.radius_m == pytest.approx(fit.parameter("radius").value, rel=1e-8)
    assert changed.sources["filament.radius"].confidence == "F"
    assert fit.provenance.inputs["curve 1, formed at 293 K"][:16] in changed.describe("filament.radius")
    assert "synthetic: radius 10 nm" in changed.describe("filament.radius")
    assert "filament.radius" in {key for key, _, _ in diff_cards(card, changed)}
    # the uniform state conducts as sigma_CMO at low field, background included
    state, law = changed.state("after_forming"), changed.hopping
    from femristor.device.laws.mott_gurney import low_field_conductivity

    density = state.dome.density_m3 + law.background_density_m3
    sigma = low_field_conductivity(
        293.0, density, state.dome.distance_m, state.dome.barrier_J, attempt_Hz=law.attempt_frequency_Hz
    )
    assert sigma == pytest.approx(fit.parameter("sigma_CMO").value, rel=1e-6)
    assert state.dome == state.surround


@pytest.mark.parametrize(
    ("curves", "words"),
    [
        ([], "no curve to fit"),
        ([line(1e4, "formed"), line(1e4, "formed again")], "Two curves are labelled formed"),
        ([line(1e4, "formed"), line(1e4, "lrs")], "'lrs' says neither formed nor after"),
        ([line(1.0, "formed")], "no filament radius between 0.5 and 100 nm gives 1 ohm"),
        ([line(1e9, "formed")], "no filament radius between 0.5 and 100 nm gives 1e\\+09 ohm"),
        ([line(100.0, "after")], "no conductivity of the CMO gives 100 ohm .* filament in the oxide"),
        ([line(-1e4, "formed")], "conductance of -0.0001 S"),
    ],
)
def test_refusals(curves, words, card, ohmic):
    with pytest.raises(InputError, match=words):
        fit_forming(curves, card, ohmic)


def test_given_window_that_is_not_linear_warns(card, ohmic):
    bent = IVCurve(VOLT, VOLT / 1.5e4 * (1 + 0.1 * (VOLT / 0.1) ** 2), label="formed")
    assert any(
        "not linear" in text for text in fit_forming([bent], card, ohmic, window_V=(0.0, 0.1)).warnings
    )
    found = fit_forming([bent], card, ohmic)
    assert found.regimes[0].window_V[1] < 0.05
    assert found.regimes[0].conductance_S == pytest.approx(1 / 1.5e4, rel=1e-9)
