"""Results in files and in pictures."""

from pathlib import Path

from femristor.core import store


def _storable(result):
    """The result itself, or what a pair of run and network keeps."""
    return result if hasattr(type(result), "__store_name__") else getattr(result, "run", result)


def save(result, path: str | Path) -> Path:
    """Write a result to HDF5; an existing file is replaced only when all is written.

    Args:
        result: of any room; of a training its run, of a reduced cell its table.
        path: HDF5 file.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
        StoreError: no result.
    """
    if getattr(result, "table", None) is not None and not hasattr(type(result), "__store_name__"):
        result = result.table
    return store.save(_storable(result), path)


def load(path: str | Path):
    """Read a result.

    Args:
        path: HDF5 file of `save`, or of any command.

    Returns:
        The result, of the class it was saved from.

    Raises:
        StoreError: missing, truncated, damaged, or not ours.
    """
    return store.load(path)


def figure(result, path: str | Path | None = None):
    """The figure of a result, by its type.

    Args:
        result: of any room.
        path: PNG file to write too.

    Returns:
        matplotlib's Figure.

    Raises:
        InputError: no figure of such a result.
        OutputError: the file cannot be written.
    """
    from femristor.plot.dispatch import figure_of
    from femristor.plot.style import save_png

    drawn = figure_of(_storable(result))
    if path is not None:
        save_png(drawn, path)
    return drawn
