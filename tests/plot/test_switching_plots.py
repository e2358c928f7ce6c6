"""Loops and pulse trains of several models over each other, and the film strip."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from femristor.core import store
from femristor.core.errors import OutputError
from femristor.core.io import files
from femristor.core.traces import PulseTrace, SwitchingTrace
from femristor.fem.results.switching import FrameStrip, SwitchingFrame
from femristor.plot.filmstrip import filmstrip_figure, save_animation
from femristor.plot.style import png_bytes
from femristor.plot.switching import loops_figure, pulses_figure

DATA = Path(__file__).parents[2] / "docs" / "data"


def trace(gain: float) -> SwitchingTrace:
    volt = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0, 20)])
    current = gain * volt
    return SwitchingTrace(
        np.arange(40.0), volt, 0.9 * volt, current, np.full(40, 1e25), 293 + volt, "x", "none", 293.0
    )


def test_loops_show_each_model_over_both_voltages():
    figure = loops_figure({"one": [trace(1e-4)], "two": [trace(2e-5), trace(3e-5)]})
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["one", "two"]
    assert lines[1].get_xdata().size == 80
    assert figure.axes[1].get_lines()[0].get_xdata().max() == pytest.approx(0.9)
    assert np.isnan(lines[0].get_ydata()[0])
    assert png_bytes(figure)[:4] == b"\x89PNG"


def test_pulses_start_before_the_first_pulse():
    train = store.load(DATA / "train.h5", PulseTrace)
    line = pulses_figure({"fields": train}).axes[0].get_lines()[0]
    assert line.get_xdata()[[0, -1]].tolist() == [0, train.conductance_S.size]
    assert line.get_ydata()[0] == pytest.approx(1e6 * train.start_conductance_S)


def frame() -> SwitchingFrame:
    radius = np.array([0.0, 20e-9, 0.0, 20e-9, 20e-9, 0.0])
    height = np.array([0.0, 0.0, 20e-9, 0.0, 20e-9, 20e-9])
    ones = np.ones(6)
    return SwitchingFrame(
        radius,
        height,
        np.arange(6).reshape(2, 3),
        1e25 * ones,
        300 * ones,
        1e7 * ones,
        1.0,
        -1.2,
        -1e-4,
        11e-9,
        13e-9,
    )


def test_a_strip_has_a_column_a_frame():
    figure = filmstrip_figure(FrameStrip((frame(), frame()), "two"))
    titles = [axis.get_title() for axis in figure.axes]
    assert titles.count("-1.20 V\n-100 µA") == 2


def test_an_animation_is_written_at_once(tmp_path, monkeypatch):
    strip = FrameStrip((frame(), replace(frame(), voltage_applied_V=1.0)), "two")
    save_animation(strip, tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as picture:
        assert (picture.format, picture.n_frames, picture.info["duration"]) == ("GIF", 2, 160)
    whole = (tmp_path / "a.gif").read_bytes()

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(OutputError, match=r"Cannot write .*a\.gif: No space left on device"):
        save_animation(strip, tmp_path / "a.gif")
    assert (tmp_path / "a.gif").read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
