"""Numbers that were fitted or modelled tell when the stack that they hold for has changed."""

import pytest

from femristor.core.messages import gathered
from femristor.device.card import DeviceCard
from femristor.device.card.fitted_on import stack_numbers, stale_numbers
from femristor.device.card.io import card_path, load_card, parse_card, replaced_card_text

CARD = card_path("cmo_hfox").read_text(encoding="utf-8")


def changed(*pairs: tuple[str, str]) -> DeviceCard:
    text = CARD
    for old, new in pairs:
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    return parse_card(text, "mine.toml")


def test_shipped_card_holds_for_its_own_stack():
    card = load_card()
    assert card.fitted_on["M"] == stack_numbers(card, "M")
    assert stale_numbers(card) == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('value = "3.5 nm"', 'value = "5 nm"', "oxide.thickness was 3.5 nm and is 5 nm"),
        ('radius = { value = "11 nm"', 'radius = { value = "9 nm"', "filament.radius was 11 nm and is 9 nm"),
        ("4.2e4 S/m", "8e4 S/m", "filament.electrical_conductivity was 4.2e4 S/m and is 8e4 S/m"),
        ("3.6369 nm", "3.0 nm", "hopping.distance_0 was 3.6369 nm and is 3.0 nm"),
        ("0.5 W/m/K", "1.2 W/m/K", "oxide.thermal_conductivity was 0.5 W/m/K and is 1.2 W/m/K"),
    ],
)
def test_a_changed_stack_makes_modelled_numbers_stale(old, new, words):
    found = stale_numbers(changed((old, new)))
    keys, moved = found["M"]
    assert moved == (words,)
    assert {"states.lrs.dome_density", "states.hrs.surround_density", "vacancies.dome_density"} <= set(keys)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('value = "3.5 nm"', 'value = "3.5e-9 m"'),
        ('value = "3.5 nm"', 'value = "3.51 nm"'),
        ('"1e-8 S/m"', '"1e-9 S/m"'),
        ('width = "2 um"', 'width = "3 um"'),
        ("SiOx", "SiO2"),
    ],
    ids=["other unit", "0.3 %", "an insulator stays one", "selector", "another name"],
)
def test_what_moves_no_fit_is_not_told(old, new):
    assert stale_numbers(parse_card(CARD.replace(old, new), "mine.toml")) == {}


def test_numbers_that_the_user_states_are_not_stale():
    text = CARD.replace('value = "3.5 nm"', 'value = "5 nm"').replace('confidence = "M"', 'confidence = "S"')
    assert stale_numbers(parse_card(text, "mine.toml")) == {}


def test_a_fitted_card_carries_its_stack_and_tells_when_it_changes(tmp_path):
    entry = {"value": "2e25 1/m^3", "source": "F_1", "confidence": "F", "note": "standard error 1 %"}
    text = replaced_card_text("cmo_hfox", {"sources.F_1": "a fit", "states.lrs.dome_density": entry}, "mine")
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with gathered() as told:
        assert load_card(path).fitted_on["F_1"]["oxide.thickness"] == "3.5 nm"
    assert told == []
    path.write_text(text.replace('value = "3.5 nm"', 'value = "7 nm"'), encoding="utf-8")
    with gathered() as told:
        load_card(path)
    assert len(told) == 2 and all("mine.toml" in line and "stale" in line for line in told)
    (line,) = (line for line in told if "F_1" in line)
    assert "states.lrs.dome_density" in line and "oxide.thickness was 3.5 nm and is 7 nm" in line
    assert "femristor fit hopping" in line


def test_the_stack_moves_no_hash_and_names_a_source():
    card = load_card()
    bare = CARD[: CARD.index("# The stack for which")]
    assert parse_card(bare, "bare.toml").hash == card.hash
    with pytest.raises(Exception, match=r"fitted_on\.Q.*not in \[sources\]"):
        parse_card(bare + '[fitted_on.Q]\n"oxide.thickness" = "3 nm"\n', "bad.toml")
    with pytest.raises(Exception, match=r"fitted_on: oxide\.thickness.*3,5 nm"):
        parse_card(bare + '[fitted_on.M]\n"oxide.thickness" = "3,5 nm"\n', "bad.toml")


def test_only_fits_and_models_carry_a_stack():
    mine = {"value": "8 nm", "source": "LAB", "confidence": "S"}
    card = parse_card(
        replaced_card_text("cmo_hfox", {"sources.LAB": "notebook", "filament.radius": mine}), "mine.toml"
    )
    assert set(card.fitted_on) == {"M"}
    assert stale_numbers(card)["M"][1] == ("filament.radius was 11 nm and is 8 nm",)
