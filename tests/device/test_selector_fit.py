"""Fit of the selector: recovers a known transistor, the carried record to its accuracy, one-sentence errors."""

import gzip
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest

from femristor.core import store
from femristor.core.errors import DataError, InputError, StoreError
from femristor.core.messages import gathered
from femristor.device import load_card
from femristor.device.card.io import shipped_cards
from femristor.device.laws.channel import Channel
from femristor.device.load_line import channel_load, current, selector_load
from femristor.device.selector import (
    SelectorFit,
    default_load,
    fit_selector,
    has_reference_selector,
    read_selector_csv,
    reference_selector,
)

TRUE = Channel(1.8e-3, 0.47, 1.25, 0.15, 0.45)


@pytest.fixture(scope="module")
def card():
    return load_card()


def write(path, header, columns):
    np.savetxt(path, np.column_stack(columns), delimiter=",", header=header, comments="", fmt="%.10g")
    return path


def characteristic(path, gates=(0.8, 1.1, 1.4, 2.4, 3.3)):
    gate, drain = (x.ravel() for x in np.meshgrid(gates, np.linspace(0.0, 1.4, 29)))
    return write(path, "V_DS_V,I_D_uA,V_GS_V", (drain, TRUE.current_A(gate, drain, 0.0) * 1e6, gate))


def test_recovers_a_known_transistor(card, tmp_path):
    fit = fit_selector(read_selector_csv(characteristic(tmp_path / "out.csv"), card), card)
    np.testing.assert_allclose(fit.value, TRUE.numbers()[:5], rtol=3e-2)
    assert fit.max_error < 2e-3
    assert fit.points == 145 and fit.gates_V.size == 5
    again = store.load(store.save(fit, tmp_path / "fit.h5"), SelectorFit)
    assert again.channel == fit.channel


def test_one_gate_leaves_the_rest_to_the_card(card, tmp_path):
    """A single gate does not tell the threshold: its error is the prior's, the currents are still met."""
    path = characteristic(tmp_path / "one.csv", gates=(1.4,))
    one = fit_selector(read_selector_csv(path, card), card)
    five = fit_selector(read_selector_csv(characteristic(tmp_path / "five.csv"), card), card)
    assert one.standard_error[1] > 3 * five.standard_error[1]
    assert one.max_error < 5e-3


def test_carried_record_of_the_1t1r_sweep(card):
    """Both gates of the record by one transistor, to 1 % where the current is above 1 % of the largest."""
    fit = reference_selector(card)
    assert fit.median_error < 6e-3 and fit.max_error < 2.5e-2
    load = channel_load(card, fit.channel)
    path = resources.files("femristor") / "data" / "reference" / "sweep_1t1r_1e00Vps_hrs_1.3V.csv.gz"
    with gzip.open(str(path), "rt") as stream:
        record = np.genfromtxt(stream, delimiter=",", names=True)
    for sign in (1, -1):
        told = sign * record["V_cell_V"] > 0.02
        found = current(load.line(sign), record["V_cell_V"][told], record["V_device_V"][told])
        assert np.median(np.abs(found / record["I_A"][told] - 1)) < 1e-2


def other_card(tmp_path, **replaced):
    text = shipped_cards()["cmo_hfox"].read_text(encoding="utf-8")
    before, selector, after = text.partition("\n[selector]\n")
    for key, (old, new) in replaced.items():
        assert f'{key} = "{old}"' in after
        after = after.replace(f'{key} = "{old}"', f'{key} = "{new}"', 1)
    path = tmp_path / "other.toml"
    path.write_text(before + selector + after, encoding="utf-8")
    return load_card(path)


def test_default_is_the_record_for_the_shipped_transistor_and_the_own_law_for_another(card, tmp_path):
    assert default_load(card).channel == reference_selector(card).channel
    assert "fitted to" in default_load(card).label
    # Other gates drive the same transistor; the record was still taken at its own ones.
    driven = other_card(tmp_path, gate_set=("1.4 V", "1.2 V"))
    assert default_load(driven).channel == reference_selector(driven).channel == default_load(card).channel
    assert default_load(driven).gate_set_V == 1.2 and default_load(card, gate_set_V=1.3).gate_set_V == 1.3
    narrow = other_card(tmp_path, width=("2 um", "1 um"))
    assert has_reference_selector(driven) and not has_reference_selector(narrow)
    assert default_load(narrow) == selector_load(narrow) and "selector of" in default_load(narrow).label


def test_errors_name_file_and_remedy(card, tmp_path):
    with pytest.raises(InputError, match="no gate column"):
        read_selector_csv(write(tmp_path / "a.csv", "V_DS_V,I_A", ([0, 1], [0, 1e-4])), card)
    with pytest.raises(DataError, match="no column for drain"):
        read_selector_csv(write(tmp_path / "b.csv", "x,I_A", ([0, 1], [0, 1e-4])), card)
    with pytest.raises(DataError, match="no column gate=VG"):
        read_selector_csv(characteristic(tmp_path / "c.csv"), card, {"gate": "VG"})
    flat = write(tmp_path / "d.csv", "V_DS_V,I_A,V_GS_V", (np.arange(9), np.zeros(9), np.ones(9)))
    with pytest.raises(InputError, match="do not tell a transistor"):
        fit_selector(read_selector_csv(flat, card), card)


def test_a_gain_of_another_unit_is_told(tmp_path, card):
    path = characteristic(tmp_path / "t.csv")
    with gathered() as told:
        fit_selector(read_selector_csv(path, card), card)
    assert told == []
    path.write_text(path.read_text().replace("I_D_uA", "I_D_A"))
    with gathered() as told:
        fit_selector(read_selector_csv(path, card), card)
    (line,) = told
    assert "t.csv: the gain of" in line and "times that of the transistor of card cmo_hfox" in line
    assert "unit of the current" in line


def test_a_stored_fit_of_another_shape_is_refused(card, tmp_path):
    fit = reference_selector(card)
    path = store.save(replace(fit, value=fit.value[:2]), tmp_path / "short.h5")
    with pytest.raises(StoreError, match=r"short.h5.*value"):
        store.load(path, SelectorFit)
