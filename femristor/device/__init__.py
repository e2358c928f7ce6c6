"""device: the card. In: a TOML file with units and sources. Out: frozen SI dataclasses.

`load_card("cmo_hfox")` gives the shipped cell; give the path of your own card for your stack.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
