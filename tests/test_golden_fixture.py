"""The golden fixture itself: what it accepts, what it says, what it writes."""

import numpy as np
import pytest

V = np.array([0.1, 0.2, 0.3])
I_A = np.array([1e-6, 2e-6, 3e-6])


@pytest.fixture
def pair(golden, tmp_path):
    """A comparing and a writing golden on a folder of this test's own."""
    return type(golden)(tmp_path, False), type(golden)(tmp_path, True)


def test_written_golden_is_accepted(pair):
    compare, write = pair
    write("iv", {"voltage_V": V, "current_A": I_A}, 1e-6)
    assert write.refreshed == ["iv.csv: new"]
    compare("iv", {"voltage_V": V, "current_A": I_A * (1 + 5e-7)}, 1e-6)


def test_difference_names_curve_point_values_and_remedy(pair):
    compare, write = pair
    write("iv", {"voltage_V": V, "current_A": I_A}, 1e-6)
    moved = I_A * np.array([1.0, 1.02, 1.001])
    with pytest.raises(pytest.fail.Exception) as failure:
        compare("iv", {"voltage_V": V, "current_A": moved}, 1e-4)
    text = str(failure.value)
    expected = "current_A: 2 of 3 points, worst at point 1 (voltage_V = 0.2): expected 2e-06, got 2.04e-06"
    assert expected in text
    assert "relative difference 0.02" in text
    assert "make golden" in text


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"voltage_V": V, "current_A": [1e-6, np.nan, 3e-6]}, "got nan"),
        ({"voltage_V": V[:2], "current_A": I_A[:2]}, "expected 3 points, got 2"),
        ({"voltage_V": V, "power_W": I_A}, "columns: expected voltage_V, current_A; got voltage_V, power_W"),
    ],
)
def test_other_shapes_and_nan_are_differences(pair, columns, words):
    compare, write = pair
    write("iv", {"voltage_V": V, "current_A": I_A}, 1e-6)
    with pytest.raises(pytest.fail.Exception, match="differs") as failure:
        compare("iv", columns, 1e-6)
    assert words in str(failure.value)


def test_missing_golden_tells_how_to_write_it(pair):
    with pytest.raises(pytest.fail.Exception, match="does not exist; write it with"):
        pair[0]("none", {"x": V}, 1e-6)
