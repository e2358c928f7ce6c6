"""Folders that the libraries and we keep compiled code and finished work in, and what is done where none can be written.

Compiled forms (DOLFINx), kernels (numba, where the package itself is read-only), fonts (matplotlib) and finished field
solutions lie under `$XDG_CACHE_HOME` or `~/.cache`; DOLFINx and matplotlib also look into `$XDG_CONFIG_HOME` or `~/.config`.
"""

import atexit
import errno
import functools
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from femristor.core.errors import FemristorError, OutputError


@dataclass(frozen=True)
class Check:
    """What was found about one part of the environment.

    Attributes:
        name: the part, e.g. "MPI".
        ok: it works.
        detail: version and what was tried, or what went wrong.
        remedy: how to put it right, "" when it works.
        required: femristor cannot do its work without it.
        seconds: time the check took.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True
    seconds: float = 0.0


def run_check(name: str, probe: Callable[[], str], *, remedy: str, required: bool = True) -> Check:
    """Run one probe and turn what it raises into a failed check.

    Args:
        name: the part that is checked.
        probe: returns the detail, or raises what is wrong.
        remedy: shown when it raises.
        required: whether the work needs this part.

    Returns:
        Check.
    """
    begun = time.perf_counter()
    try:
        detail, ok = probe(), True
    except FemristorError as error:
        detail, ok = str(error), False
    except Exception as error:  # whatever a broken library raises is the finding
        detail, ok = " ".join(f"{type(error).__name__}: {error}".split())[:300], False
    elapsed = time.perf_counter() - begun
    return Check(name, ok, detail, "" if ok else remedy, required, round(elapsed, 3))


OWN_VARIABLE = "FEMRISTOR_CACHE"
_PROBE_BYTES = b"0" * 4096


@dataclass(frozen=True)
class Fallback:
    """A temporary folder that stands in for the user's.

    Attributes:
        folder: removed when the process ends.
        wanted: what could not be written.
        reason: why, in words of the system.
    """

    folder: Path
    wanted: Path
    reason: str

    def sentence(self) -> str:
        """What happened, and the remedy."""
        return (
            f"the cache folder {self.wanted} cannot be written ({self.reason}): compiled forms and field solutions of this "
            "run go to a temporary folder and are made again the next time; set XDG_CACHE_HOME to a folder that can be "
            "written."
        )


def user_cache() -> Path:
    """The user's cache folder, `$XDG_CACHE_HOME` or `~/.cache`."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def own_cache(part: str) -> Path:
    """Folder of our own finished work: `$FEMRISTOR_CACHE`, or femristor in the user's cache folder.

    Args:
        part: what is kept there ("compact", "forming").

    Returns:
        Folder, made when something is written.
    """
    own = os.environ.get(OWN_VARIABLE)
    return (Path(own) if own else user_cache() / "femristor") / part


def probe(folder: Path) -> None:
    """Write, read and remove a small file in a folder, which is made.

    Args:
        folder: the folder.

    Raises:
        OutputError: it cannot be made or written, or the disk is full.
    """
    place = folder / f".probe-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with open(place, "xb") as stream:
                stream.write(_PROBE_BYTES)
                stream.flush()
                os.fsync(stream.fileno())
            if place.read_bytes() != _PROBE_BYTES:
                raise OutputError(f"{folder}: a file reads back with another content; use another disk.")
        finally:
            with suppress(OSError):
                place.unlink()
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error})") from error


@functools.cache
def prepare() -> Fallback | None:
    """See that the libraries find a folder for what they keep; rooms call it before they import them.

    Where the user's cannot be written, XDG_CACHE_HOME and MPLCONFIGDIR of this process and its children lead to a
    temporary folder, and one notice says so.

    Returns:
        The temporary folder, None where the user's serve.
    """
    found = None
    for wanted in (user_cache() / "femristor", user_cache() / "fenics"):
        try:
            _check_folder(wanted)
        except OSError as error:
            found = _fall_back(wanted, error.strerror or str(error))
            os.environ["XDG_CACHE_HOME"] = str(found.folder)
            break
    _set_config(found)
    if found is not None:
        from femristor.core.messages import notice

        notice(found.sentence(), about="cache folder")
    return found


def _check_folder(folder: Path) -> None:
    """Raise OSError where a folder cannot be made or is read-only; cheap, a full disk shows in `probe`."""
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _fall_back(wanted: Path, reason: str) -> Fallback:
    try:
        folder = Path(tempfile.mkdtemp(prefix="femristor-"))
    except OSError as error:
        raise OutputError(
            f"Neither {wanted} ({reason}) nor the folder for temporary files ({error.strerror or error}) can be written; "
            "set XDG_CACHE_HOME to a folder that can."
        ) from error
    atexit.register(_remove, folder, os.getpid())
    return Fallback(folder, wanted, reason)


def _remove(folder: Path, owner: int) -> None:
    """Remove a temporary folder, from the process that made it and not from its forked children."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _set_config(found: Fallback | None) -> None:
    """Lead DOLFINx and matplotlib away from a folder of settings that they could not read or make."""
    config, own = _xdg("XDG_CONFIG_HOME", ".config"), user_cache() / "femristor"
    try:
        # To DOLFINx only a file that is not there is no file; a path through a file, or one it may not see, is an error.
        open(config / "dolfinx" / "dolfinx_jit_options.json", "rb").close()
    except FileNotFoundError:
        pass
    except OSError:
        os.environ["XDG_CONFIG_HOME"] = str(own / "config")
    nearest = next(str(path) for path in (config / "matplotlib", *config.parents) if os.path.exists(path))
    if found is not None or not os.access(nearest, os.W_OK | os.X_OK):
        os.environ.setdefault("MPLCONFIGDIR", str(own / "matplotlib"))
    if not _has_home():
        os.environ["HOME"] = str(own)


def _xdg(variable: str, usual: str) -> Path:
    given = os.environ.get(variable)
    if given:
        return Path(given)
    # Without a home a path that cannot be made.
    return (Path.home() if _has_home() else Path(os.devnull)) / usual


def _has_home() -> bool:
    """Whether there is HOME or an entry in the list of users."""
    try:
        return bool(Path.home())
    except RuntimeError:
        return False
