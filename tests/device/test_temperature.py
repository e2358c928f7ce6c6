"""How hot a result may be: void above the melting point of tungsten, a notice above the card's limit."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.core.errors import ConvergenceError, InputError, VoidError
from femristor.core.messages import gathered
from femristor.device import load_card
from femristor.device.temperature import (
    LIMIT_K,
    VOID_K,
    check_ambient,
    check_temperatures,
    refuse_void,
    warn_hot,
)

CARD = load_card("cmo_hfox")


@pytest.mark.parametrize("kelvin", [10_500.0, 17_600.0, np.nextafter(VOID_K, np.inf), np.inf, np.nan])
def test_what_melts_tungsten_or_is_no_number_is_refused(kelvin):
    with pytest.raises(VoidError, match="at 5 V, above 3695 K") as caught:
        refuse_void(kelvin, "at 5 V")
    assert isinstance(caught.value, ConvergenceError) and str(caught.value).count(". ") == 0
    assert "lower the voltage" in str(caught.value)


def test_hotter_than_the_card_holds_for_is_told_once():
    assert CARD.range.temperature_max_K == LIMIT_K
    with gathered(silent=True) as told:
        refuse_void(VOID_K)
        warn_hot([300.0, LIMIT_K], CARD, "The cell")
        warn_hot([], CARD, "The cell")
        assert told == []
        warn_hot([2500.0, 2200.0], CARD, "The cell")
        warn_hot([2600.0], CARD, "The cell")
        assert len(told) == 1 and "The cell reaches 2500 K, above 2148 K" in told[0]
        assert "range.temperature_max" in told[0] and CARD.name in told[0]
        warn_hot([2500.0], None, "The table")
    assert "above 2148 K up to which the laws of its cell hold" in told[1]


def test_the_limit_is_the_cards():
    cool = replace(CARD, range=replace(CARD.range, temperature_max_K=600.0))
    with gathered(silent=True) as told:
        warn_hot([650.0], cool, "The cell")
    assert "reaches 650 K, above 600 K" in told[0]


def test_finished_results_name_the_voltage_of_the_worst():
    volt = np.array([1.0, 2.0, -3.0])
    with pytest.raises(VoidError, match="4000 K at -3 V"):
        check_temperatures([[300.0, 3600.0, 4000.0]], CARD, "The cell", volt)
    with pytest.raises(VoidError, match="no finite temperature at 2 V"):
        check_temperatures([300.0, np.nan, 4000.0], CARD, "The cell", volt)
    with gathered(silent=True) as told:
        check_temperatures([300.0, 2149.0, 400.0], CARD, "The cell", volt)
        check_temperatures([], CARD, "The cell", [])
    assert len(told) == 1


@pytest.mark.parametrize("kelvin", [0.0, -1.0, 149.0, 1501.0, np.nan, np.inf])
def test_ambient_outside_the_laws(kelvin):
    with pytest.raises(InputError, match=r"--ambient: .* outside 150 to 1500 K; give kelvin"):
        check_ambient(kelvin)
    assert check_ambient(293) == 293.0
