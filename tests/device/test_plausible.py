"""Magnitudes of a card: what no cell can have is refused with its reason, whatever the key."""

import tomllib
import typing

import pytest

from femristor.core.errors import CardError
from femristor.device import load_card
from femristor.device.card.io import card_path, parse_card
from femristor.device.card.plausible import BY_UNIT
from femristor.device.card.schema import CardText, Entry, Unit

TEXT = card_path("cmo_hfox").read_text(encoding="utf-8")
ABSURD = {
    "barrier_set": ('"0.936 eV"', '"1e200 J"', "ionic.barrier_set"),
    "barrier_0": ('"1.27558e-20 J"', '"1e200 J"', "hopping.barrier_0"),
    "frequency": ('"2e13 Hz"', '"1e300 Hz"', "hopping.attempt_frequency"),
    "conductivity": ('"5.9e6 S/m"', '"1e200 S/m"', "materials.W.electrical_conductivity"),
    "heat": ('"0.5 W/m/K"', '"1e-200 W/m/K"', "materials.HfOx.thermal_conductivity"),
    "density": ('"2e23 1/m^3"', '"1e200 1/m^3"', "hopping.background_density"),
    "slope": ('"3.0738e-35 m^4"', '"-1e100 m^4"', "hopping.distance_slope"),
    "thickness": ('"3.5 nm"', '"3.5e-30 m"', "layers.1.thickness"),
    "ambient": ('"293 K"', '"1e-9 K"', "device.ambient"),
    "exponent": ('"10"', '"1e9"', "ionic.saturation_exponent"),
    "charge": ('charge_number = "2"', 'charge_number = "200"', "ionic.charge_number"),
    "pulse": ('"2.5 us"', '"1e30 s"', "statistics.pulses.pulse_width"),
    "amplitude": ('"-1.30 V"', '"-1e9 V"', "statistics.pulses.reset_amplitude"),
    "dipole": ('"8.33e-29 C m"', '"1 C m"', "forming.dipole"),
    "wire": ('"0.35 ohm"', '"1e100 ohm"', "statistics.wire_segment"),
    "melting": ('"2148 K"', '"1e5 K"', "range.temperature_max"),
}


@pytest.mark.parametrize("what", ABSURD)
def test_absurd_magnitudes_are_refused_with_a_reason(what):
    old, new, key = ABSURD[what]
    assert old in TEXT
    with pytest.raises(CardError) as caught:
        parse_card(TEXT.replace(old, new, 1), "card.toml")
    message = str(caught.value)
    assert message.startswith(f"card.toml: {key} is ")
    assert (
        "must lie between" in message and "because" in message and "correct the number or its unit" in message
    )


def test_every_unit_of_the_schema_has_bounds():
    units, pending = set(), [CardText]
    while pending:
        part = pending.pop()
        if isinstance(part, type) and hasattr(part, "model_fields"):
            for item in part.model_fields.values():
                units |= {mark.unit for mark in item.metadata if isinstance(mark, Unit)}
                pending.append(item.annotation)
        units |= {mark.unit for mark in getattr(part, "__metadata__", ()) if isinstance(mark, Unit)}
        pending += [inner for inner in typing.get_args(part) if inner is not Entry]
    assert len(units) > 15
    assert units == set(BY_UNIT)


def test_limit_of_temperature_does_not_change_the_hash():
    line = next(line for line in TEXT.splitlines() if line.startswith("temperature_max"))
    without = parse_card(TEXT.replace(line, ""), "card.toml")
    lower = parse_card(TEXT.replace('"2148 K"', '"900 K"'), "card.toml")
    assert without.hash == lower.hash == load_card().hash == "819706b1e3ef27da"
    assert (without.range.temperature_max_K, lower.range.temperature_max_K) == (2148.0, 900.0)
    assert tomllib.loads(TEXT)["range"]["temperature_max"]["source"] in load_card().bibliography
