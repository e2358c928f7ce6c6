"""plot: figures of every stage in the paper's axes, ours over the reference. The only user of matplotlib.

Each function takes results of a room and returns a `matplotlib.figure.Figure`; `save_png` and `png_bytes`
write it. Nothing here computes physics.
"""

import lazy_loader

from femristor.core.environment import prepare

# Before matplotlib looks for its folders.
prepare()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
