"""device: the card. In: a TOML file with units and sources. Out: frozen SI dataclasses.

`load_card("cmo_hfox")` gives the shipped cell; give the path of your own card for your stack.
"""

from femristor.device.card import DeviceCard
from femristor.device.card.io import diff_cards, load_card, new_card_text
from femristor.device.state import CellState, HoppingParameters

__all__ = ["CellState", "DeviceCard", "HoppingParameters", "diff_cards", "load_card", "new_card_text"]
