"""plot: figures of every stage in the paper's axes, ours over the reference. The only user of matplotlib.

Each function takes results of a room and returns a `matplotlib.figure.Figure`; `save_png` and `png_bytes`
write it. Nothing here computes physics.
"""

from femristor.core.environment import prepare

# Before matplotlib looks for its folders.
prepare()

from femristor.plot.style import png_bytes, save_png  # noqa: E402

__all__ = ["png_bytes", "save_png"]
