"""Cases by family: changed files for every command that reads them, and every option of every command."""

import zlib
from collections.abc import Iterator
from itertools import pairwise

import click
import numpy as np
from fuzz_mutate import hdf5_change, text_change
from fuzz_runner import Case
from fuzz_tables import (
    CARDS,
    CHECKPOINTS,
    CSV,
    FEW_ONLY,
    FLOATS,
    GOOD,
    HDF5,
    INTEGERS,
    KEEPS,
    PATH_VALUES,
    PATHS,
    SLOW_CARDS,
    SLOW_CHECKPOINTS,
    SLOW_GOOD,
    TEXT_VALUES,
)


class Cases:
    """Draws cases of each family from a pantry."""

    def __init__(self, pantry: dict[str, bytes], seed: int, *, slow: bool):
        """Arguments: content by name, the seed of all draws, whether finite elements and trainings take part."""
        self._pantry, self._seed, self._slow = pantry, seed, slow
        self._good = [(line, command_of(line)) for line in (*GOOD, *(SLOW_GOOD if slow else ()))]

    def family(self, name: str, count: int) -> Iterator[Case]:
        """`count` cases of a family: cards, csv, hdf5, options, checkpoints."""
        for number in range(count):
            draw = np.random.default_rng([self._seed, zlib.crc32(name.encode()), number])
            yield getattr(self, f"_{name}")(draw)

    def _changed(self, draw, family: str, table: dict, change, times: int = 1) -> Case:
        names = [name for name in table if name in self._pantry]
        name = names[int(draw.integers(len(names)))]
        line = str(draw.choice(table[name]))
        content, notes = self._pantry[name], []
        for _ in range(times):
            if content:
                content, note = change(draw, content)
                notes.append(note)
        files = self._beside(line.format(name)) | {name: content}
        note = f"{name}: {', '.join(notes)}"
        return Case(family, line.format(name).split(), files, (*KEEPS, "read_curves.csv", "device.h5"), note)

    def _beside(self, line: str) -> dict[str, bytes]:
        """Files of the pantry that a line names."""
        return {name: self._pantry[name] for name in self._pantry if name in line.split()}

    def _cards(self, draw) -> Case:
        lines = CARDS + (SLOW_CARDS if self._slow else ())
        return self._changed(
            draw, "cards", {"card.toml": lines}, text_change, 1 if draw.random() < 0.8 else 3
        )

    def _csv(self, draw) -> Case:
        table = CSV
        if not self._slow:
            table = {
                name: tuple(
                    x
                    for x in lines
                    if not x.startswith(
                        ("fit hopping", "fit forming", "train", "experiment run", "fit pulses")
                    )
                )
                for name, lines in CSV.items()
            }
            table = {name: lines for name, lines in table.items() if lines}
        return self._changed(draw, "csv", table, text_change, 1 if draw.random() < 0.8 else 2)

    def _hdf5(self, draw) -> Case:
        table = HDF5
        if not self._slow:
            table = {
                name: tuple(x for x in lines if not x.startswith(("infer", "train")))
                for name, lines in HDF5.items()
            }
            table = {name: lines for name, lines in table.items() if lines}
        return self._changed(draw, "hdf5", table, hdf5_change)

    def _checkpoints(self, draw) -> Case:
        return self._changed(
            draw, "checkpoints", CHECKPOINTS | (SLOW_CHECKPOINTS if self._slow else {}), hdf5_change
        )

    def _options(self, draw) -> Case:
        line, command = self._good[int(draw.integers(len(self._good)))]
        argv = line.split()
        options = [item for item in command.params if isinstance(item, click.Option)]
        if draw.random() < 0.9:
            options = [item for item in options if item.name not in ("seed", "as_json")] or options
        for _ in range(1 + int(draw.random() < 0.4) + int(draw.random() < 0.2)):
            argv = _with(draw, argv, options[int(draw.integers(len(options)))])
        if draw.random() < 0.03:
            argv.insert(int(draw.integers(len(argv) + 1)), str(draw.choice(TEXT_VALUES)))
        files = {
            name: content
            for name, content in self._pantry.items()
            if len(content) < 2_000_000 and not name.startswith("infer")
        }
        return Case("options", argv, files, _written(argv, command), " ".join(argv))


def command_of(line: str) -> click.Command:
    """The click command that a line calls."""
    from femristor.cli.main import cli

    command: click.Command = cli
    for word in line.split():
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
    return command


def _with(draw, argv: list[str], option: click.Option) -> list[str]:
    name = str(draw.choice(option.opts))
    if option.is_flag:
        return [*argv, name]
    values = [_value(draw, option, name.lstrip("-")) for _ in range(max(1, option.nargs))]
    if name in argv and not option.multiple:
        at = argv.index(name)
        return [*argv[: at + 1], *values, *argv[at + 1 + len(values) :]]
    return [*argv, name, *values]


def _value(draw, option: click.Option, name: str) -> str:
    kind = option.type
    if isinstance(kind, click.Choice):
        return str(draw.choice([*kind.choices, *kind.choices, "", "NONE", "x\ny"]))
    if isinstance(kind, click.types.IntParamType):
        return str(
            draw.choice(INTEGERS if name not in FEW_ONLY else [*INTEGERS[:5], "100000", *INTEGERS[5:]])
        )
    if isinstance(kind, click.types.FloatParamType):
        return str(draw.choice(FLOATS))
    if name in PATHS and draw.random() < 0.8:
        return PATH_VALUES[int(draw.integers(len(PATH_VALUES)))]
    return TEXT_VALUES[int(draw.integers(len(TEXT_VALUES)))]


OUTPUTS = {
    "out",
    "csv",
    "figure",
    "filmstrip",
    "checkpoint",
    "save-state",
    "fields",
    "cache",
    "transients",
    "report",
}


def _written(argv: list[str], command: click.Command) -> tuple[str, ...]:
    """What a call may write to: the values of its outputs, given or by default."""
    named = [value for name, value in pairwise(argv) if name.lstrip("-") in OUTPUTS and value]
    if argv[:2] in (["fit", "hopping"], ["fit", "forming"]):
        named += [value for name, value in pairwise(argv) if name == "--card"]
    known = [
        item.default for item in command.params if item.name in OUTPUTS and isinstance(item.default, str)
    ]
    return (*named, *known, "femristor-experiment")
