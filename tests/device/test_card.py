"""The device card: SI numbers, sources, and one sentence for every mistake."""

import dataclasses

import numpy as np
import pytest

from femristor.core.constants import EV
from femristor.core.errors import CardError, DataError, InputError
from femristor.device import diff_cards, load_card, new_card_text
from femristor.device.card.io import parse_card, replaced_card_text, shipped_cards
from femristor.device.family import turning_densities
from femristor.device.laws import mott_gurney, vacancy

TEXT = new_card_text("mine")


def test_shipped_card_is_si():
    card = load_card()
    assert card.filament.radius_m == pytest.approx(11e-9)
    assert card.layer("oxide").thickness_m / card.material("filament").conductivity_S_per_m == pytest.approx(
        8.333e-14, rel=1e-3
    )
    assert card.ionic.barrier_reset_J == pytest.approx(1.18 * EV)
    assert card.polarity == "8W"
    assert card.statistics.programming[0.002].slope == 0.00106879
    with pytest.raises(dataclasses.FrozenInstanceError):
        card.name = "x"


def test_every_number_has_source_and_confidence():
    card = load_card()
    assert len(card.sources) > 80
    for key, note in card.sources.items():
        assert note.confidence in "SDEMF", key
        assert note.source in card.bibliography, key
    assert "IBM compact model" in card.describe("filament.radius")


@pytest.mark.parametrize(
    ("density", "distance_nm", "barrier_meV"),
    [(2e24, 3.58, 79.2), (7e24, 3.42, 78.0), (1.64e25, 3.13, 75.8), (3.77e25, 2.48, 70.9)],
)
def test_hopping_lines_give_the_published_table(density, distance_nm, barrier_meV):
    law = load_card().hopping
    assert law.distance_m(density) * 1e9 == pytest.approx(distance_nm, abs=0.006)
    assert law.barrier_J(density) / EV * 1e3 == pytest.approx(barrier_meV, abs=0.06)


def test_states():
    card = load_card()
    assert card.state("N=2e25").dome.density_m3 == 2e25
    assert card.state("lrs") is card.states["lrs"]
    for text in ("xrs", "N=abc", "N=-1", "N=1e30"):
        with pytest.raises(InputError):
            card.state(text)


def test_mott_gurney_limits():
    law = load_card().hopping
    p = law.parameters(3.77e25)
    args = (p.density_m3, p.distance_m, p.barrier_J)
    low = mott_gurney.low_field_conductivity(293.0, *args, attempt_Hz=law.attempt_frequency_Hz)
    small = mott_gurney.conductivity(1.0, 293.0, *args, attempt_Hz=law.attempt_frequency_Hz)
    assert small == pytest.approx(low, rel=1e-9)
    field = np.array([1e6, 1e7, 1e8])
    rising = mott_gurney.conductivity(field, 293.0, *args, attempt_Hz=law.attempt_frequency_Hz)
    assert np.all(np.diff(rising) > 0)
    # closed form of the 0-D cell at 5 mV, published 79.4 uS
    area, length, series = 1.44 * np.pi * 11e-9**2, 12e-9, 223.22
    conductance = 1 / (length / (low * area) + series)
    assert conductance == pytest.approx(79.4e-6, rel=0.005)


def test_hop_rate_detailed_balance():
    card = load_card()
    law = card.ionic
    kwargs = dict(
        attempt_Hz=law.attempt_frequency_Hz, distance_m=law.hop_distance_m, charge_number=law.charge_number
    )
    assert vacancy.hop_rate(0.0, 500.0, law.barrier_reset_J, **kwargs) == 0
    up = vacancy.hop_rate(1e8, 500.0, law.barrier_reset_J, **kwargs)
    assert vacancy.hop_rate(-1e8, 500.0, law.barrier_reset_J, **kwargs) == pytest.approx(-up)
    assert vacancy.density_rate(law.density_max_m3, up, law) == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'radius = { value = "11 nm"',
            'radus = { value = "11 nm"',
            "unknown key filament.radus; did you mean radius",
        ),
        ('distance_min = "2 nm"', "", "key hopping.distance_min is missing"),
        ('"11 nm"', '"11 V"', 'filament.radius: "11 V" has the wrong unit'),
        ('"11 nm"', '"11"', "filament.radius"),
        ('"11 nm"', '"-11 nm"', 'filament.radius is "-11 nm", but it must be above 0'),
        ('"3.5 nm"', '"0 nm"', "layers.1.thickness"),
        ('"11 nm"', '"20 um"', r"must be smaller than device.cell_width"),
        ('"8W"', '"9W"', "must be '8W' or 'C8W'"),
        (', source = "C", confidence = "S" }\n\n[dome]', " }\n\n[dome]", "filament.radius names no source"),
        (
            'source = "C", confidence = "S" }\n\n[dome]',
            'source = "Q", confidence = "S" }\n\n[dome]',
            "cites 'Q'",
        ),
        ("[dome]", "[dome", "not valid TOML"),
        ("schema_version = 1", "schema_version = 2", "schema 2 is newer"),
        ('role = "cap"', 'role = "oxide"', "in this order"),
        ('material = "W"', 'material = "Au"', "material Au is used but not defined"),
        ('density_min = "3e23 1/m^3"', 'density_min = "3e27 1/m^3"', "must be below"),
        ('conduction = "mott-gurney"', 'conduction = "ohmic"', "electrical_conductivity is missing"),
        ('levels = { value = "35"', 'levels = { value = "35.5"', "whole number"),
    ],
)
def test_mistakes(old, new, words):
    assert old in TEXT
    with pytest.raises(CardError, match=words) as caught:
        parse_card(TEXT.replace(old, new, 1), "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)


def test_missing_file_names_the_shipped_cards():
    with pytest.raises(DataError, match="cmo_hfox"):
        load_card("nowhere.toml")
    assert "cmo_hfox" in shipped_cards()


def test_replace_and_diff():
    entry = {"value": "10 nm", "source": "M", "confidence": "F", "note": "fit"}
    changed = parse_card(replaced_card_text("cmo_hfox", {"filament.radius": entry}), "c.toml")
    assert diff_cards(load_card(), changed) == [("filament.radius", "11 nm", "10 nm")]
    assert changed.hash != load_card().hash
    assert changed.sources["filament.radius"].confidence == "F"
    with pytest.raises(CardError, match="wrong unit"):
        replaced_card_text("cmo_hfox", {"filament.radius": {**entry, "value": "10 V"}})


def test_hash_ignores_notes():
    changed = parse_card(TEXT.replace("upper bound;", "an upper bound;"), "c.toml")
    assert changed.hash == load_card().hash


def test_family_holds_both_states_and_is_monotone():
    card = load_card()
    for label in ("lrs", "hrs"):
        state = card.states[label]
        found = card.state_at(state.dome.density_m3)
        for region in ("dome", "surround"):
            ours, theirs = getattr(found, region), getattr(state, region)
            assert ours.density_m3 == pytest.approx(theirs.density_m3, rel=1e-12)
            assert ours.distance_m == pytest.approx(theirs.distance_m, rel=1e-12)
            assert ours.barrier_J == pytest.approx(theirs.barrier_J, rel=1e-12)
    around = [card.state_at(n).surround.density_m3 for n in np.geomspace(3e23, 8e25, 40)]
    slope = np.diff(np.log(around)) / np.diff(np.log(np.geomspace(3e23, 8e25, 40)))
    np.testing.assert_allclose(slope, slope[0], rtol=1e-9)
    assert 0 < slope[0] < 1
    assert turning_densities(card.states["hrs"], card.states["lrs"], card.hopping) == ()


def test_family_holds_states_fitted_off_the_lines():
    changes = {"states.hrs.dome_distance": {"value": "1.5 nm", "source": "M", "confidence": "F"}}
    card = parse_card(replaced_card_text("cmo_hfox", changes), "c.toml")
    assert card.state_at(card.states["hrs"].dome.density_m3).dome.distance_m == pytest.approx(1.5e-9)
    assert len(turning_densities(card.states["hrs"], card.states["lrs"], card.hopping)) == 2
    lrs = card.states["lrs"].dome
    assert card.state_at(lrs.density_m3).dome.distance_m == pytest.approx(lrs.distance_m)
