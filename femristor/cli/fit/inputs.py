"""What the `femristor fit` commands read: options such as NAME=VALUE and low:high, and the curves of their files."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from femristor.core.constants import T_SINK_K
from femristor.core.curves import IVCurve
from femristor.core.errors import InputError, OutputError
from femristor.core.io.files import ensure_output_dir, sha256_file
from femristor.core.io.ivfile import label_of, read_iv_csv, states_ambient
from femristor.core.units import parse_number


@dataclass(frozen=True)
class Curves:
    """Curves of all files, name and SHA-256 of each file, and sentences on what was assumed of them."""

    curves: list[IVCurve]
    inputs: dict[str, str]
    assumed: tuple[str, ...] = ()


def pair(text: str, option: str, example: str) -> tuple[str, str]:
    """Split NAME=VALUE.

    Raises:
        InputError: there is no name or no value.
    """
    name, mark, value = text.partition("=")
    if not (mark and name.strip() and value.strip()):
        raise InputError(f"{option} {text}: write it as {option} {example}.")
    return name.strip(), value.strip()


def number(text: str, option: str) -> float:
    """A finite number.

    Raises:
        InputError: it is none.
    """
    return parse_number(text, option)


def span(text: str | None, option: str) -> tuple[float, float] | None:
    """Read low:high.

    Raises:
        InputError: not two rising numbers.
    """
    if text is None:
        return None
    low, mark, high = text.partition(":")
    if not mark:
        raise InputError(f"{option} {text}: write it as {option} low:high.")
    limits = number(low, option), number(high, option)
    if not limits[0] < limits[1]:
        raise InputError(f"{option} {text} is empty; the lower number comes first.")
    return limits


def read_curves(
    files: Sequence[str], labels: Sequence[str], ambients: Sequence[str], columns: Sequence[str]
) -> Curves:
    """Read the curves of the data files.

    Args:
        files: paths.
        labels: LABEL=FILE; the file is read even if it is not among `files`.
        ambients: K for all files, or FILE=K for one of them.
        columns: QUANTITY=NAME, e.g. current=I_A.

    Returns:
        Curves.

    Raises:
        InputError: no file, or an option that cannot be read.
    """
    named = {path: label for label, path in (pair(text, "--label", "lrs=FILE") for text in labels)}
    paths = list(dict.fromkeys([*files, *named]))
    if not paths:
        raise InputError("There is no data file; give one or more CSV files, or --label lrs=FILE.")
    mapping = dict(pair(text, "--column", "current=NAME") for text in columns)
    general, single = None, {}
    for text in ambients:
        if "=" in text:
            path, value = pair(text, "--ambient", "FILE=328")
            single[path] = number(value, "--ambient")
        else:
            general = number(text, "--ambient")
    for path in single:
        if path not in paths:
            raise InputError(
                f"--ambient {path}=...: {path} is not one of the data files; give its path as there."
            )
    curves, inputs, cold, alone = [], {}, [], []
    for path in paths:
        ambient = single.get(path, general)
        options = {} if ambient is None else {"ambient_K": ambient}
        found = read_iv_csv(path, mapping, label=named.get(path, ""), **options)
        curves += found
        name = Path(path).name
        if ambient is None and not states_ambient(path, mapping):
            cold.append(name)
        if path not in named and len(found) == 1 and found[0].label == label_of(path):
            alone.append(name)
        inputs[name if name not in inputs else f"{name} ({len(inputs) + 1})"] = sha256_file(path)
    return Curves([_relabelled(curve) for curve in curves], inputs, _assumed(cold, alone))


def _assumed(cold: list[str], alone: list[str]) -> tuple[str, ...]:
    """Sentences on files that do not say their temperature, and on files taken as states of their own."""
    said = []
    if cold:
        said.append(
            f"Ambient of {T_SINK_K:g} K is assumed for {', '.join(cold)}: no column and no --ambient says it."
        )
    if len(alone) > 1:
        said.append(
            f"Each of {', '.join(alone)} is taken as a state of its own, labelled by the file's name; curves of one state "
            "share a label (--label lrs=FILE for each)."
        )
    return tuple(said)


def _relabelled(curve: IVCurve) -> IVCurve:
    return replace(curve, label=" ".join(curve.label.split()))


def check_outputs(path: str | None, out: str | None) -> Path | None:
    """Path of the card to write; both outputs are checked before the long work.

    Raises:
        InputError: the card is not a .toml file, or the fit no .h5 file.
        OutputError: a folder that cannot be written.
    """
    if out is not None and Path(out).suffix != ".h5":
        raise InputError(f"--out {out}: a fit is written as HDF5; use the ending .h5.")
    if out is not None:
        _check_folder(Path(out))
    if path is None:
        return None
    target = Path(path)
    if target.suffix != ".toml":
        raise InputError(
            f"--card {target}: the fitted card is a TOML file, so end its name in .toml; the card that the fit "
            "starts from is --base."
        )
    _check_folder(target)
    return target


def _check_folder(target: Path) -> None:
    """A file is made and removed: access rights alone say little for root and special file systems."""
    folder = ensure_output_dir(target.parent)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"Cannot write {target}: {error.strerror}; choose another output path.") from error


def write_results(
    fit, base: str, card: Path | None, out: str | None, changes: dict | None = None
) -> list[str]:
    """Write the card and the HDF5 file that were asked for.

    Args:
        fit: FormingFit or HoppingFit.
        base: card that the fit started from.
        card: TOML file to write, or None.
        out: HDF5 file to write, or None.
        changes: entries of the card; those of the fit by default.

    Returns:
        Lines that say what was written.
    """
    from femristor.core import store
    from femristor.core.io.files import atomic_write
    from femristor.device.card.io import replaced_card_text

    lines = []
    if card is not None:
        text = replaced_card_text(base, fit.changes() if changes is None else changes, name=card.stem)
        with atomic_write(card) as stream:
            stream.write(text)
        lines.append(f"wrote {card}; compare it with: femristor card diff {base} {card}")
    if out is not None:
        lines.append(f"wrote {store.save(fit, out)}")
    return lines
