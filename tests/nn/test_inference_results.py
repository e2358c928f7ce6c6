"""The kept results in docs/results: complete, consistent, and one draw of each computed again."""

import json
from pathlib import Path

import numpy as np
import pytest

from femristor.array.weights import weight_arrays
from femristor.device import load_card
from femristor.nn.inference.experiment import DEFAULT_TIMES_S, interval
from femristor.nn.inference.networks import labelled, text_data
from femristor.nn.inference.program import ProgrammedNetwork
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.inference.weights import load_weights
from femristor.nn.train.datasets import load_mnist, load_text

FOLDER = Path(__file__).parents[2] / "docs" / "results"
NETWORKS = ("mnist", "cnn", "text")


def kept(network: str) -> dict:
    return json.loads((FOLDER / f"inference_{network}.json").read_text())


@pytest.mark.parametrize("network", NETWORKS)
def test_kept_results_are_complete(network):
    result = kept(network)
    assert result["schema"] == 1 and result["network"] == network
    assert all(result[key] for key in ("command", "date", "machine", "interval"))
    cases = {
        (case["settings"]["mapping"], case["settings"]["compensation"], case["hardware_aware"])
        for case in result["cases"]
    }
    assert len(cases) == len(result["cases"]) == 8
    for case in result["cases"]:
        values = np.array(case["values"])
        assert values.shape == (7, 10) and case["time_s"] == list(DEFAULT_TIMES_S)
        mean, half = interval(values)
        assert np.allclose(mean, case["mean"]) and np.allclose(half, case["half_width"])
    assert (FOLDER / f"inference_{network}.png").stat().st_size < 150_000


@pytest.mark.parametrize("network", NETWORKS)
def test_first_draw_of_the_plain_network_again(network):
    case = next(
        case
        for case in kept(network)["cases"]
        if not case["hardware_aware"] and case["settings"]["compensation"] == "shift"
    )
    settings = case["settings"]
    model, weights = load_weights(FOLDER / f"inference_{network}_weights.h5", network)
    if network == "text":
        data = text_data(load_text(), characters=settings["test_characters"], streams=settings["streams"])
        tolerance = {"rel": 1e-3}
    else:
        data = labelled(load_mnist(), test_images=settings["test_images"])
        # Rounding of another processor may turn a few of the 10,000 images.
        tolerance = {"abs": 5e-4}
    periphery = InferenceSettings(mapping=settings["mapping"], compensation="shift")
    laid = ProgrammedNetwork(model, periphery, max_tile=512, calibration=data.calibration)
    laid.program(weight_arrays(load_card("cmo_hfox")), seed=settings["seed"], draw=0)
    assert data.measure(model) == pytest.approx(case["floating_point"], **tolerance)
    assert weights.value == pytest.approx(case["floating_point"], **tolerance)
    # The way of a cell to a time goes through all times before.
    for number, time in enumerate(case["time_s"]):
        laid.advance(time)
        if number in (0, 6):
            assert data.measure(laid) == pytest.approx(case["values"][number][0], **tolerance)
