"""Curves, waveforms and their text files."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from femristor.core.curves import IVCurve, Waveform
from femristor.core.errors import DataError, InputError, OutputError
from femristor.core.io.files import atomic_write
from femristor.core.io.ivfile import read_iv_csv, write_iv_csv
from femristor.core.units import parse_quantity


def test_units_in_the_header_are_converted(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("# a comment\nbias [mV],current (uA)\n100,1.5\n200,3.5\n")
    (curve,) = read_iv_csv(file)
    np.testing.assert_allclose(curve.voltage_V, [0.1, 0.2])
    np.testing.assert_allclose(curve.current_A, [1.5e-6, 3.5e-6])
    assert curve.label == "a"
    assert curve.origin == "a.csv"


def test_several_curves_by_label_and_ambient(tmp_path):
    file = tmp_path / "many.csv"
    file.write_text(
        "state;T_ambient [degC];V_V;I_A\nlrs;20;0.1;1\nlrs;20;0.2;2\nhrs;85;0.1;3\nhrs;85;0.2;4\n"
    )
    lrs, hrs = read_iv_csv(file)
    assert (lrs.label, hrs.label) == ("lrs", "hrs")
    assert lrs.ambient_K == pytest.approx(293.15)
    assert hrs.ambient_K == pytest.approx(358.15)


def test_one_voltage_with_several_currents_and_gzip(tmp_path):
    file = tmp_path / "cells.csv.gz"
    file.write_bytes(gzip.compress(b"voltage_V,abs_current_A_001,abs_current_A_002\n0,0,0\n1,2,3\n0,1,1\n"))
    first, second = read_iv_csv(file, sweep=True)
    np.testing.assert_array_equal(first.current_A, [0, 2, 1])
    np.testing.assert_array_equal(second.current_A, [0, 3, 1])


@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=20, unique=True),
    st.floats(1e-12, 1e-2),
)
def test_round_trip_keeps_every_bit(tmp_path_factory, volts, scale):
    volts = np.sort(volts)
    curve = IVCurve(volts, np.tanh(volts) * scale, 301.7, "lrs", "x")
    path = write_iv_csv([curve], tmp_path_factory.mktemp("iv") / "c.csv")
    (back,) = read_iv_csv(path)
    np.testing.assert_array_equal(back.voltage_V, curve.voltage_V)
    np.testing.assert_array_equal(back.current_A, curve.current_A)
    assert back.ambient_K == curve.ambient_K


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("V_V,I_A\n", "no data rows"),
        ("0.1,0.2\n0.2,0.3\n", "name the columns"),
        ("V_V,I_A\n0.1,1\n0.2,nan\n", "line 3"),
        ("V_V,I_A\n0.1,1\n0.2,abc\n", "'abc' is not a number"),
        ("V_V,I_A\n0.1,1\n0.2\n", "line 3 has 1 cells"),
        ("V_V,I_A\n0.1,1\n0.1,2\n", "0.1 V occurs twice"),
        ("V_V,I_A\n0.1,1\n0.3,2\n0.2,2\n", "not sorted"),
        ("time,I_A\n0.1,1\n0.3,2\n", "no voltage column"),
        ("V_V,I_K\n0.1,1\n0.3,2\n", "wrong unit"),
        ("V_V,V_V\n0.1,1\n0.3,2\n", "same header"),
    ],
)
def test_bad_curves_name_the_place(tmp_path, text, words):
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_iv_csv(file)
    assert "bad.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mapping_names_the_columns_there_are(tmp_path):
    file = tmp_path / "c.csv"
    file.write_text("a,b\n0.1,1\n0.2,2\n")
    (curve,) = read_iv_csv(file, {"voltage": "a", "current": "b"})
    assert curve.current_A[1] == 2
    with pytest.raises(DataError, match="no column 'c'; its columns are a, b"):
        read_iv_csv(file, {"voltage": "c", "current": "b"})
    with pytest.raises(DataError, match="no such file"):
        read_iv_csv(tmp_path / "missing.csv")


def test_curve_checks_itself():
    with pytest.raises(InputError, match="one current a voltage"):
        IVCurve(np.arange(3.0), np.arange(2.0))
    with pytest.raises(InputError, match="not physical"):
        IVCurve(np.arange(3.0), np.arange(3.0), ambient_K=-4)
    curve = IVCurve(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21))
    assert curve.is_monotonic
    assert curve.window(0.1, 0.5).voltage_V.size == 5
    with pytest.raises(InputError, match="widen the window"):
        curve.window(0.51, 0.55)
    with pytest.raises(ValueError, match="read-only"):
        curve.voltage_V[0] = 3


def test_waveforms():
    wave = Waveform.triangle((1.3, -1.3), 2.0)
    assert wave.time_s[-1] == pytest.approx(2.6)
    assert wave(0.65) == pytest.approx(1.3)
    assert wave(1.95) == pytest.approx(-1.3)
    pulse = Waveform.pulse(1.5, 1e-6, 1e-7)
    assert pulse(6e-7) == 1.5
    with pytest.raises(InputError, match="rate"):
        Waveform.triangle((1.0,), 0.0)
    with pytest.raises(InputError, match="strictly rise"):
        Waveform(np.array([0.0, 0.0]), np.array([0.0, 1.0]))


def test_interrupted_write_leaves_the_old_file(tmp_path):
    file = tmp_path / "out.txt"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(file) as stream:
        stream.write("half")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_output_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="output folder"), atomic_write(tmp_path / "file" / "below.txt"):
        pass


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("11 nm", "m", 1.1e-8),
        ("4.2e4 S/m", "S/m", 4.2e4),
        ("1.18 eV", "J", 1.18 * 1.602176634e-19),
        ("1.4286e-26 eV m^3", "J m^3", 1.4286e-26 * 1.602176634e-19),
        ("20 degC", "K", 293.15),
        ("7", "", 7.0),
    ],
)
def test_quantities(text, unit, value):
    assert parse_quantity(text, unit, "k") == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("text", ["11 V", "11", "eleven nm", "1e999 m", "nan m", "11 parrots"])
def test_bad_quantities_name_key_and_unit(text):
    with pytest.raises(InputError, match=r"filament\.radius"):
        parse_quantity(text, "m", "filament.radius")


@pytest.mark.parametrize(
    ("text", "unit", "right"),
    [
        ("15,5 nm", "m", "15.5 nm"),
        ("0,3 mA", "A", "0.3 mA"),
        ("3,5", "", "3.5"),
        ("1.234,5 nm", "m", "decimal point"),
        ("1_5 nm", "m", "decimal point"),
        ("15 5 nm", "m", "<number> m"),
        ("2*3 nm", "m", "<number> m"),
        ("nan m", "m", "<number> m"),
        ("٣ nm", "m", "<number> m"),
        ("1e999 m", "m", "not a finite number"),
        ("1" * 5000 + " m", "m", "not a finite number"),
        ("5 m**(9**9**9)", "m", "<number> m"),
        ("5 m^9^9^9", "m", "<number> m"),
        ("5 nm # mine", "m", "<number> m"),
    ],
)
def test_numbers_have_one_spelling(text, unit, right):
    with pytest.raises(InputError, match="thickness: ") as caught:
        parse_quantity(text, unit, "thickness")
    assert right in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("15.5 nm", "m", 1.55e-8),
        ("15.5nm", "m", 1.55e-8),
        ("-3 V", "V", -3.0),
        ("25 degC", "K", 298.15),
        ("1e13 1/s", "1/s", 1e13),
        ("1e13/s", "1/s", 1e13),
        ("1.6e-47 J m^3", "J m^3", 1.6e-47),
        ("3 µm", "m", 3e-6),
        (".5", "", 0.5),
        ("10 %", "", 0.1),
        ("3 W/(m K)", "W/m/K", 3.0),
        ("4e-2 m²/V/s", "m^2/V/s", 0.04),
    ],
)
def test_quantities_that_are_read(text, unit, value):
    assert parse_quantity(text, unit, "thickness") == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("cell", ["0,5", "1_0", "١", "0x10", "", "nan", "1e400"])
def test_cells_have_one_spelling(tmp_path, cell):
    file = tmp_path / "c.csv"
    file.write_text(f"V_V;I_A\n0.1;1\n0.2;{cell}\n")
    with pytest.raises(DataError, match=r"c\.csv: line 3, column I_A"):
        read_iv_csv(file)
