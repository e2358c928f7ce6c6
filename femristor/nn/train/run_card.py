"""Run cards: a TOML file that says which networks to train on which devices, and what the paper found.

    schema = 1
    task = "mnist"                      # or "text"
    title = "MNIST on the array's device"
    card = "cmo_hfox"
    seeds = [0, 1, 2]
    [settings]                          # of every run: fields of TrainSettings or TextSettings
    epochs = 10
    [quick]                             # what --quick replaces
    epochs = 1
    [[run]]
    name = "nsr20"
    device = "paper"                    # "paper", "symmetric", "fp", or a device file beside the card
    device_settings = { nsr = "20 %" }
    rule = "agad"
    rule_settings = { fast_lr = 0.1 }
    settings = { lr = 0.01 }
    paper = "97.6 %"                    # a share for mnist, a perplexity for text
    [[grid]]                            # a run for each value of one key of the device
    name = "states"
    key = "n_states"
    values = [10, 30, 100]

Keys are strict, shares take "20 %" or 0.2. A wrong key or unit is one sentence that names file and key.
"""

import difflib
import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from femristor.core.errors import CardError, InputError
from femristor.core.io.files import read_text
from femristor.core.io.toml import parse_toml
from femristor.core.units import parse_quantity
from femristor.nn.train.mnist import TrainSettings
from femristor.nn.train.text import TextSettings
from femristor.nn.update.rules.names import rule_named

SCHEMA = 1
TASKS = {"mnist": TrainSettings, "text": TextSettings}
CARD_KEYS = ("schema", "task", "title", "card", "seeds", "settings", "quick", "run", "grid")
RUN_KEYS = (
    "name",
    "label",
    "device",
    "device_settings",
    "rule",
    "rule_settings",
    "settings",
    "paper",
    "source",
    "note",
)
GRID_KEYS = (*RUN_KEYS, "key", "values")
DEVICE_KEYS = {
    "n_states": "n_states_mean",
    "n_states_std": "n_states_std",
    "skew": "skew_mean",
    "skew_std": "skew_std",
    "gamma": "gamma_mean",
    "gamma_std": "gamma_std",
    "asymmetry": "asymmetry_mean",
    "asymmetry_std": "asymmetry_std",
    "nsr": "noise_to_signal",
    "bound_std": "bound_std",
}
SHARES = ("skew", "skew_std", "nsr", "bound_std")


@dataclass(frozen=True)
class RunPlan:
    """One training, for any number of seeds.

    Attributes:
        name: in the card, and of its folder.
        label: for people.
        task: "mnist" or "text".
        device: "paper", "symmetric", "fp" or the path of a device file.
        device_settings: fields of `SoftBoundsDevice` that differ from the card's; `noise_to_signal` for tables too.
        rule: update rule, None in floating point.
        settings: `TrainSettings` or `TextSettings`, seed 0.
        paper: the paper's number (accuracy from 0 to 1, or perplexity), None where it prints none.
        source: where that number is from.
        note: for people.
        axis: swept key, "" for a run by itself.
        value: its value, NaN for a run by itself.
    """

    name: str
    label: str
    task: str
    device: str
    device_settings: dict[str, float]
    rule: object | None
    settings: TrainSettings | TextSettings
    paper: float | None = None
    source: str = ""
    note: str = ""
    axis: str = ""
    value: float = float("nan")


@dataclass(frozen=True)
class RunCard:
    """An experiment.

    Attributes:
        path: of the file.
        title: for people.
        task: "mnist" or "text".
        card: device card, a shipped name or a path.
        seeds: one training a run and seed.
        runs: what is trained.
    """

    path: Path
    title: str
    task: str
    card: str
    seeds: tuple[int, ...]
    runs: tuple[RunPlan, ...] = field(default=())


def load_run_card(path: str | Path, *, quick: bool = False) -> RunCard:
    """Read and check a run card.

    Args:
        path: TOML file.
        quick: put its [quick] settings in place of those of all runs.

    Returns:
        The card.

    Raises:
        CardError: one sentence that names file, key and remedy.
        DataError: the file is missing or empty.
    """
    source = Path(path)
    raw = parse_toml(read_text(source, "run card"), str(source))
    try:
        return _card(raw, source, quick=quick)
    except InputError as error:
        raise CardError(f"{source}: {error}") from None


def _card(raw: dict, source: Path, *, quick: bool) -> RunCard:
    if raw.get("schema") != SCHEMA:
        raise InputError(
            f"schema is {raw.get('schema')!r}, but this femristor reads {SCHEMA}; set schema = {SCHEMA}."
        )
    _known(raw, CARD_KEYS, "")
    task = raw.get("task")
    if task not in TASKS:
        raise InputError(f"task is {task!r}; give {' or '.join(TASKS)}.")
    seeds = raw.get("seeds", [0])
    if not isinstance(seeds, list) or not seeds or not all(_is_int(seed) and seed >= 0 for seed in seeds):
        raise InputError(f"seeds is {seeds!r}; give a list of whole numbers, 0 or more.")
    if len(set(seeds)) != len(seeds):
        raise InputError(f"seeds is {seeds!r}; a seed twice is no second sample, remove it.")
    common = _table(raw, "settings", "settings")
    over = _table(raw, "quick", "quick") if quick else {}
    runs: list[RunPlan] = []
    for number, entry in enumerate(_entries(raw, "run")):
        runs.append(_run(entry, f"run {entry.get('name', number + 1)}", task, common, over, source.parent))
    for number, entry in enumerate(_entries(raw, "grid")):
        runs += _grid(entry, f"grid {entry.get('name', number + 1)}", task, common, over, source.parent)
    names = [run.name for run in runs]
    if not runs or len(set(names)) != len(names):
        raise InputError(
            "a card needs [[run]] or [[grid]] entries, each with a name of its own; correct them."
        )
    card = str(raw.get("card", "cmo_hfox"))
    return RunCard(
        path=source,
        title=str(raw.get("title", source.stem)),
        task=task,
        card=str(source.parent / card) if card.endswith(".toml") else card,
        seeds=tuple(seeds),
        runs=tuple(runs),
    )


def _run(entry: dict, place: str, task: str, common: dict, over: dict, folder: Path) -> RunPlan:
    _known(entry, RUN_KEYS, place)
    name = entry.get("name")
    if not isinstance(name, str) or not name or not all(c.isalnum() or c in "-_." for c in name):
        raise InputError(f"{place}: name is {name!r}; give one of letters, digits, '-', '_' and '.'.")
    device = entry.get("device", "paper")
    if not isinstance(device, str):
        raise InputError(f"{place}: device is {device!r}; give paper, symmetric, fp or a file.")
    if device not in ("paper", "symmetric", "fp"):
        device = str(folder / device)
    rule = None
    if device == "fp":
        for key in ("rule", "rule_settings", "device_settings"):
            if key in entry:
                raise InputError(f"{place}: {key} has no use in floating point; remove it.")
    else:
        rule = _rule(entry, place)
    settings = {**common, **_table(entry, "settings", place), **over}
    return RunPlan(
        name=name,
        label=str(entry.get("label", name)),
        task=task,
        device=device,
        device_settings=_device_settings(entry, place),
        rule=rule,
        settings=typed_settings(TASKS[task], settings, f"{place}: settings"),
        paper=None if "paper" not in entry else _paper(entry["paper"], task, f"{place}: paper"),
        source=str(entry.get("source", "")),
        note=str(entry.get("note", "")),
    )


def _grid(entry: dict, place: str, task: str, common: dict, over: dict, folder: Path) -> list[RunPlan]:
    _known(entry, GRID_KEYS, place)
    key, values = entry.get("key"), entry.get("values")
    if key not in DEVICE_KEYS:
        raise InputError(f"{place}: key is {key!r}; give one of {', '.join(DEVICE_KEYS)}.")
    if not isinstance(values, list) or not values:
        raise InputError(f"{place}: values is {values!r}; give a list with at least one.")
    base = {k: v for k, v in entry.items() if k not in ("key", "values")}
    runs = []
    for raw in values:
        value = _device_number(key, raw, f"{place}: values")
        inner = {**_table(entry, "device_settings", place), key: raw}
        run = _run({**base, "device_settings": inner}, place, task, common, over, folder)
        runs.append(
            replace(
                run, name=f"{run.name}-{value:g}", label=f"{run.label}, {key} {raw}", axis=key, value=value
            )
        )
    return runs


def _rule(entry: dict, place: str):
    name = entry.get("rule", "agad")
    settings = _table(entry, "rule_settings", place)
    known = [item.name for item in fields(rule_named(name))] if isinstance(name, str) else []
    for key in settings:
        if key not in known:
            raise InputError(f"{place}: unknown key rule_settings.{key}; {_hint(key, known)}")
    try:
        return rule_named(name, **settings)
    except TypeError:
        raise InputError(
            f"{place}: rule_settings {settings!r} has a value of the wrong kind; give numbers."
        ) from None


def _device_settings(entry: dict, place: str) -> dict[str, float]:
    found = {}
    for key, raw in _table(entry, "device_settings", place).items():
        if key not in DEVICE_KEYS:
            raise InputError(f"{place}: unknown key device_settings.{key}; {_hint(key, DEVICE_KEYS)}")
        found[DEVICE_KEYS[key]] = _device_number(key, raw, f"{place}: device_settings.{key}")
    return found


def _device_number(key: str, raw, place: str) -> float:
    if key in SHARES:
        return share(raw, place)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise InputError(f"{place} is {raw!r}; give a plain number.")
    return _finite(raw, place)


def share(raw, place: str) -> float:
    """A number, or text with a percent sign.

    Args:
        raw: 0.2 or "20 %".
        place: where it stands, for the message.

    Returns:
        0.2.

    Raises:
        InputError: neither, or another unit.
    """
    if isinstance(raw, str):
        return parse_quantity(raw, "", place)
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise InputError(f'{place} is {raw!r}; give a number such as 0.2 or "20 %".')
    return _finite(raw, place)


def _finite(raw: float, place: str) -> float:
    """TOML has words for NaN and infinity."""
    if not math.isfinite(raw):
        raise InputError(f"{place} is {raw!r}; give a finite number.")
    return float(raw)


def _paper(raw, task: str, place: str) -> float:
    if task == "mnist":
        found = share(raw, place)
        if not 0 <= found <= 1:
            raise InputError(f'{place} is {raw!r}; an accuracy is a share, "97.6 %" or 0.976.')
        return found
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not raw >= 1:
        raise InputError(f"{place} is {raw!r}; a perplexity is a plain number of 1 or more.")
    return _finite(raw, place)


def typed_settings(cls: type, raw: dict, place: str):
    """A settings dataclass from TOML values, each of its own type.

    Args:
        cls: `TrainSettings` or `TextSettings`.
        raw: key to value.
        place: where they stand, for the message.

    Returns:
        The settings.

    Raises:
        InputError: an unknown key, a value of another type, or what the dataclass refuses.
    """
    known = {item.name: item.type for item in fields(cls) if item.name not in ("seed", "threads")}
    found = {}
    for key, value in raw.items():
        if key not in known:
            raise InputError(f"{place}: unknown key {key}; {_hint(key, known)}")
        kind = known[key]
        fits = {
            int: _is_int(value),
            float: isinstance(value, int | float) and not isinstance(value, bool),
            bool: isinstance(value, bool),
            str: isinstance(value, str),
        }.get(kind, isinstance(value, list) and all(map(_is_int, value)))
        if not fits:
            wanted = (
                getattr(kind, "__name__", "list of int") if kind in (int, float, bool, str) else "list of int"
            )
            raise InputError(
                f"{place}.{key} is {value!r}, but a value of type {wanted} is expected; correct it."
            )
        found[key] = tuple(value) if isinstance(value, list) else kind(value)
    try:
        return cls(**found)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _is_int(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _entries(raw: dict, key: str) -> list[dict]:
    found = raw.get(key, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError(f"{key} must be written as [[{key}]] tables; correct it.")
    return found


def _table(raw: dict, key: str, place: str) -> dict:
    found = raw.get(key, {})
    if not isinstance(found, dict):
        raise InputError(f"{place}: {key} is {found!r}; give a table of keys and values.")
    return found


def _known(raw: dict, known, place: str) -> None:
    for key in raw:
        if key not in known:
            raise InputError(f"{place}{': ' if place else ''}unknown key {key}; {_hint(key, known)}")


def _hint(key: str, known) -> str:
    close = difflib.get_close_matches(key, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}."
