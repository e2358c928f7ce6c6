"""What inference over time hands on: the experiment, its unfinished draws, and the weights of a network."""

from dataclasses import dataclass

import numpy as np

from femristor.core.provenance import Provenance, Status
from femristor.core.store import storable
from femristor.nn.results.training import NamedArray

Settings = dict[str, str | int | float | bool | None]


@storable("InferenceExperiment", version=1, undefined=("half_width",))
@dataclass(frozen=True)
class InferenceExperiment:
    """Figure of merit of a trained network on programmed cells, over the time after programming.

    Attributes:
        network: name of the network.
        metric: "accuracy" (part of the test images) or "perplexity".
        time_s: (times,) since programming, rising.
        values: (times, draws) of each programming.
        mean: (times,) over the draws.
        half_width: (times,) half of the 95 % confidence interval of the mean, by Student's t over the draws; NaN
            for one draw.
        floating_point: value of the network before it was programmed.
        cells: weights on crossbars.
        tiles: crossbars.
        settings: everything that the result depends on.
        status: SAMPLED.
        provenance: card, seed, data hashes, versions.
    """

    network: str
    metric: str
    time_s: np.ndarray
    values: np.ndarray
    mean: np.ndarray
    half_width: np.ndarray
    floating_point: float
    cells: int
    tiles: int
    settings: Settings
    status: Status
    provenance: Provenance

    @property
    def draws(self) -> int:
        """Programmings."""
        return int(self.values.shape[1])


@storable("InferenceDraws", version=1, shapes={"numbers": "done", "values": "times done"})
@dataclass(frozen=True)
class InferenceDraws:
    """The draws of an experiment that are done, to go on from.

    Attributes:
        settings: of the experiment; another one cannot go on.
        fingerprint: SHA-256 of the weights.
        numbers: (done,) int64, numbers of the draws.
        values: (times, done).
    """

    settings: Settings
    fingerprint: str
    numbers: np.ndarray
    values: np.ndarray


@storable("NetworkWeights", version=1)
@dataclass(frozen=True)
class NetworkWeights:
    """A trained network.

    Attributes:
        network: name of its architecture.
        tensors: its state.
        settings: how it was trained.
        value: figure of merit on the test data, in floating point.
        provenance: seed, data hashes, versions.
    """

    network: str
    tensors: tuple[NamedArray, ...]
    settings: Settings
    value: float
    provenance: Provenance
