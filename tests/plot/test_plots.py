"""Figures draw the numbers they are given, with units on their axes."""

import numpy as np
import pytest

from femristor.array.retention.traces import follow_relaxation
from femristor.array.statistics.levels import program_levels
from femristor.core.curves import IVCurve
from femristor.core.errors import OutputError
from femristor.device import load_card
from femristor.plot import iv as curves
from femristor.plot import png_bytes, save_png
from femristor.plot.array import levels as array
from femristor.plot.style import new_figure

CARD = load_card()


def every_axis_has_units(figure):
    for axis in figure.axes:
        for label in (axis.get_xlabel(), axis.get_ylabel()):
            if label:
                assert "[" in label or label in ("epoch", "training loss", "pulse number"), label


def test_iv_figure_draws_both():
    volt = np.linspace(-0.2, 0.2, 9)
    ours, theirs = (
        IVCurve(volt, volt * 9e-5, label="lrs"),
        IVCurve(volt, volt * 8e-5, label="lrs", origin="file"),
    )
    figure = curves.iv_figure([ours], [theirs], "title")
    every_axis_has_units(figure)
    line = figure.axes[0].lines[-1]
    np.testing.assert_allclose(line.get_ydata()[-1], 0.2 * 90, rtol=1e-12)
    assert len(figure.axes[0].lines) == 2


def test_level_and_relaxation_figures():
    levels = program_levels(CARD, levels=5, cells=8, times_s=(0.0,), seed=1)[0]
    figure = array.level_figure(levels)
    every_axis_has_units(figure)
    assert len(figure.axes[0].lines) == 5
    trace = follow_relaxation(CARD, levels_S=(30e-6,), cells=12, times_s=(1.0, 600.0), seed=1)
    figure = array.relaxation_figure(trace, cells=5)
    every_axis_has_units(figure)
    assert len(figure.axes[0].lines) == 5


def test_png_is_the_same_twice_and_is_written_whole(tmp_path):
    figure, axes = new_figure()
    axes[0, 0].plot([0, 1], [0, 1])
    first = png_bytes(figure)
    assert first.startswith(b"\x89PNG")
    assert png_bytes(figure) == first
    assert save_png(figure, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_png(figure, tmp_path / "file" / "a.png")


@pytest.mark.parametrize("name", [r"$\frac$", "5 $ and 6 $", r"$\mathdefault{x$", "a\nb$^$"])
def test_a_dollar_in_a_name_starts_no_formula(name):
    figure, axes = new_figure()
    axes[0, 0].semilogy([1, 2], [1e-9, 1e-3], label=name)
    axes[0, 0].set_title(name)
    axes[0, 0].legend()
    figure.suptitle(name)
    assert png_bytes(figure).startswith(b"\x89PNG")
    ticks = [label.get_text() for label in axes[0, 0].get_yticklabels()]
    assert any("mathdefault" in text for text in ticks), "powers of ten are formulas still"
