# # My own stack
#
# A card is a text file with units. This example starts from the shipped cell, makes the oxide thicker, the filament
# narrower and the conductive metal oxide a better conductor of heat, and asks what that does to the current and the
# temperature of the low-resistive state.

from pathlib import Path

import numpy as np

from femristor.device import diff_cards, load_card, replaced_card_text
from femristor.fem import ElectroThermal

# ## The card
#
# On the command line: `femristor card new my_stack > my_stack.toml`, then edit. Every number names its source.


def mine(value: str) -> dict[str, str]:
    return {"value": value, "source": "LAB", "confidence": "E", "note": "an example"}


changes = {
    "sources.LAB": "my notebook, page 12",
    "filament.radius": mine("8 nm"),
    "dome.radius": mine("10 nm"),
    "materials.CMO.thermal_conductivity": mine("6 W/m/K"),
}
path = Path("my_stack.toml")
path.write_text(replaced_card_text("cmo_hfox", changes, name="my_stack"))

# ## What changed, and a check
#
# `load_card` refuses a wrong unit, an unknown key or a filament wider than the cell, in one sentence. It warns that the
# states of the card were found with another filament: they are to be fitted again to curves of this stack.

shipped, card = load_card("cmo_hfox"), load_card(path)
for key, before, after in diff_cards(shipped, card):
    print(f"{key}: {before} -> {after}")

# ## Fields of both cells
#
# `resolution` 0.6 is a coarse mesh, good to a per cent in the current.

bias = np.linspace(0.1, 1.0, 10)
for entry in (shipped, card):
    solution = ElectroThermal(entry, resolution=0.6).sweep(bias, entry.state("lrs"))
    print(
        f"{entry.name}: {solution.current_A[0] / bias[0] * 1e6:.1f} uS at {bias[0]:.1f} V, "
        f"{solution.current_A[-1] * 1e6:.0f} uA and {solution.dome_temperature_mean_K[-1]:.0f} K in the dome at 1 V"
    )
