"""The work behind `femristor infer`: data, training, cases, ranks."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from femristor.array.weights import weight_arrays
from femristor.cli.frame.options import Context
from femristor.core.errors import InputError
from femristor.core.io.files import output_folder
from femristor.core.jobs import exclusive
from femristor.core.messages import NullProgress
from femristor.core.provenance import Provenance
from femristor.core.store import load, save
from femristor.core.units import parse_numbers
from femristor.device import load_card
from femristor.device.card import DeviceCard
from femristor.nn.inference.draws import launched_ranks, process_group, share_network
from femristor.nn.inference.experiment import DEFAULT_TIMES_S, InferenceDesign, inference_experiment
from femristor.nn.inference.networks import (
    DEFAULT_AWARE_FIT,
    DEFAULT_FIT,
    build_network,
    fit_images,
    fit_text,
    labelled,
    text_data,
)
from femristor.nn.inference.settings import InferenceSettings
from femristor.nn.inference.weights import load_weights, pack_weights
from femristor.nn.results.inference import InferenceExperiment, NetworkWeights
from femristor.nn.train.hardware_aware import HardwareAwareSettings, derived_settings

Trained = tuple[Any, NetworkWeights]
"""A network and what its file holds."""


@dataclass(frozen=True)
class CardCells:
    """`weight_arrays(card)` that can be sent to other processes."""

    card: DeviceCard

    def __call__(self, weights, **named):
        """Cells for these weights."""
        return weight_arrays(self.card)(weights, **named)


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    mapping: str
    compensation: str
    aware: bool

    @property
    def tag(self) -> str:
        """For file names."""
        return "-".join([self.mapping, self.compensation, "aware" if self.aware else "plain"])


class InferRun:
    """One call of the command; a context manager that opens and closes the process group of torchrun."""

    def __init__(self, network: str, options: dict, context: Context) -> None:
        self.network, self.options, self.seed = network, options, context.seed
        self.rank, self.ranks = launched_ranks()
        self.progress = NullProgress() if self.rank else context.progress
        self.card = load_card(options["card"])
        self.cells = CardCells(self.card)
        self.design = self._design("single", "none")
        if options["processes"] < 1:
            raise InputError(f"{options['processes']} processes cannot work; give 1 or more.")
        self.fits = {
            False: _fit(DEFAULT_FIT[network], options["epochs"]),
            True: _fit(DEFAULT_AWARE_FIT[network], options["aware_epochs"]),
        }
        self._aware_settings(self.design.settings)
        self.raw, self.data = self._data()
        self._trained: dict[str, Trained] = {}

    def __enter__(self) -> "InferRun":
        self._open = ExitStack()
        self.folder = self._open.enter_context(output_folder(self.options["out"]))
        if not self.rank:
            self._open.enter_context(exclusive(self.folder, "wait for it, or give another --out"))
        self._open.enter_context(process_group())
        return self

    def __exit__(self, *error) -> None:
        self._open.__exit__(*error)

    def _design(self, mapping: str, compensation: str) -> InferenceDesign:
        chosen = self.options
        settings = InferenceSettings(
            mapping=mapping,
            compensation=compensation,
            input_bits=chosen["input_bits"] or None,
            output_bits=chosen["output_bits"] or None,
            input_range=chosen["input_range"],
            bias=chosen["bias"],
            acceptance=chosen["acceptance"],
        )
        times = DEFAULT_TIMES_S if chosen["times"] is None else _times(chosen["times"])
        return InferenceDesign(times, chosen["draws"], chosen["max_tile"], settings)

    def _data(self):
        chosen = self.options
        if self.network == "text":
            from femristor.nn.train.datasets import load_text

            raw = load_text(chosen["data"])
            return raw, text_data(raw, characters=chosen["test_characters"])
        from femristor.nn.train.datasets import load_mnist

        raw = load_mnist(chosen["data"])
        return raw, labelled(raw, test_images=chosen["test_images"])

    def all_cases(self) -> list[InferenceExperiment]:
        """Every case asked for, one after the other; each is kept in its file."""
        chosen = self.options
        cases = [Case(chosen["mapping"], chosen["compensation"], chosen["hardware_aware"])]
        if chosen["every_case"]:
            cases = [
                Case(mapping, compensation, aware)
                for aware in (False, True)
                for mapping in ("single", "pair")
                for compensation in ("none", "shift")
            ]
        return [self._case(case) for case in cases]

    def _case(self, case: Case) -> InferenceExperiment:
        design = self._design(case.mapping, case.compensation)
        model, weights = self._weights(design.settings) if case.aware else self._plain()
        draws = self.folder / f"draws-{case.tag}.h5"
        details = {f"training.{key}": value for key, value in weights.settings.items()}
        if self.network == "text":
            tested = {"test_characters": self.options["test_characters"], "streams": self.data.streams}
        else:
            tested = {"test_images": self.options["test_images"]}
        found = inference_experiment(
            model,
            self.data,
            self.cells,
            design=design,
            seed=self.seed,
            name=self.network,
            details=details | tested,
            card=self.card,
            inputs=self.raw.hashes,
            processes=self.options["processes"],
            checkpoint=draws,
            resume=self.options["resume"] and draws.is_file(),
            progress=self.progress,
        )
        if not self.rank:
            save(found, self.folder / f"experiment-{case.tag}.h5")
        return found

    def _plain(self) -> Trained:
        if "plain" not in self._trained and self.options["weights"]:
            self._trained["plain"] = load_weights(self.options["weights"], self.network)
        return self._get("plain", None)

    def _aware_settings(self, settings: InferenceSettings) -> HardwareAwareSettings:
        return derived_settings(self.cells, settings, time_s=self.options["aware_time"])

    def _weights(self, settings: InferenceSettings) -> Trained:
        aware = self._aware_settings(settings)
        return self._get(f"aware-{settings.mapping}{'-shift' if aware.shift else ''}", aware)

    def _get(self, tag: str, aware: HardwareAwareSettings | None) -> Trained:
        if tag not in self._trained:
            start = None if aware is None else self._plain()
            path = self.folder / f"weights-{tag}.h5"
            described = self._described(aware, start)
            if self.rank:
                network = build_network(self.network, seed=self.seed)
                found = pack_weights(
                    network, self.network, described, value=0.0, provenance=Provenance("nn.infer")
                )
            else:
                network, found = self._make(path, described, aware, start)
            share_network(network)
            self._trained[tag] = (network.eval(), found)
        return self._trained[tag]

    def _make(self, path: Path, described: dict, aware, start) -> Trained:
        """Weights of an interrupted run, or new ones."""
        if self.options["resume"] and path.is_file() and load(path, NetworkWeights).settings == described:
            return load_weights(path, self.network)
        network = build_network(self.network, seed=self.seed)
        if start is not None:
            network.load_state_dict(start[0].state_dict())
        shared = {"aware": aware, "seed": self.seed + 1 if aware else self.seed, "progress": self.progress}
        fit = self.fits[aware is not None]
        if self.network == "text":
            fit_text(network, self.raw, fit, characters=self.options["train_characters"], **shared)
        else:
            fit_images(network, self.raw, fit, train_images=self.options["train_images"], **shared)
        provenance = Provenance.create("nn.infer", card=self.card, seed=self.seed, inputs=self.raw.hashes)
        value = self.data.measure(network)
        found = pack_weights(network, self.network, described, value=value, provenance=provenance)
        save(found, path)
        return network, found

    def _described(self, aware: HardwareAwareSettings | None, start) -> dict:
        fit = self.fits[aware is not None]
        amount = "train_characters" if self.network == "text" else "train_images"
        own = {
            **asdict(fit),
            amount: self.options[amount],
            "hardware_aware": aware is not None,
            "seed": self.seed,
        }
        if aware is None:
            return own
        before = {f"before.{key}": value for key, value in start[1].settings.items()}
        return own | {f"aware.{key}": value for key, value in asdict(aware).items()} | before


def _fit(default, epochs: int | None):
    return default if epochs is None else replace(default, epochs=epochs)


def _times(text: str) -> tuple[float, ...]:
    return parse_numbers(text, "--times")
