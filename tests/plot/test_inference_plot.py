"""Figure of inference over time: percent, bands, one panel a mapping."""

import numpy as np
import pytest

from femristor.core.provenance import Provenance, Status
from femristor.nn.results.inference import InferenceExperiment
from femristor.plot.nn.inference import inference_figure


def made(mapping="single", compensation="none", *, aware=False, metric="accuracy", half=0.01):
    mean = np.array([0.98, 0.95])
    settings = {"mapping": mapping, "compensation": compensation, "training.hardware_aware": aware}
    return InferenceExperiment(
        "cnn", metric, np.array([0.0, 3e8]), mean[:, None], mean, np.full(2, half), 0.985, 10, 1, settings,
        Status.SAMPLED, Provenance("test"),
    )  # fmt: skip


def test_panels_curves_and_bands():
    runs = [made(), made(compensation="shift"), made("pair", aware=True)]
    figure = inference_figure(runs)
    single, pair = figure.axes
    assert single.get_ylabel() == "accuracy [%]" and "differential pairs" in pair.get_title()
    labels = [text.get_text() for text in single.get_legend().get_texts()]
    assert labels == ["plain", "plain, shift compensated", "floating point"]
    curve = single.get_lines()[0]
    assert curve.get_ydata() == pytest.approx([98.0, 95.0]) and curve.get_xdata()[0] == pytest.approx(0.1)
    band = single.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((94.0, 99.0))


def test_perplexity_is_no_percentage_and_one_draw_has_no_band():
    axis = inference_figure([made(metric="perplexity", half=np.nan)]).axes[0]
    assert axis.get_ylabel() == "perplexity" and not axis.collections
    assert axis.get_lines()[0].get_ydata() == pytest.approx([0.98, 0.95])
