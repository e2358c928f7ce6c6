"""Standard output that carries the result and nothing else while `--json` is on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from femristor.core.io.files import standard_output


@contextmanager
def stdout_for_result(*, json: bool) -> Iterator[TextIO]:
    """Give the stream for the result and, with `json`, send all other output to standard error.

    Solver libraries print from C, so the file descriptor itself is redirected where standard output is a real one.

    Args:
        json: whether standard output must carry one JSON object only.

    Yields:
        Stream that still leads to the user's standard output.
    """
    if not json:
        yield sys.stdout
        return
    if not _is_real(sys.stdout) or not _has_descriptor(2):
        stream = sys.stdout
        with redirect_stdout(sys.stderr):
            yield stream
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with (
            os.fdopen(os.dup(kept), "w", encoding="utf-8") as stream,
            redirect_stdout(sys.stderr),
            standard_output(kept),
        ):
            yield stream
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _is_real(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError, AttributeError):
        return False


def _has_descriptor(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
