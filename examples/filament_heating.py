# # Filament heating
#
# How hot does the cell get? Continuity and heat, coupled through a conductivity that depends on both unknowns:
#
# $$ \nabla\cdot(\sigma\nabla V) = 0, \qquad -\nabla\cdot(k\nabla T) = \sigma|\nabla V|^2 $$
#
# with Mott-Gurney hopping in the conductive metal oxide (Falcone et al., arXiv 2502.04524, eqs. 4 to 6).

from pathlib import Path

import numpy as np

from femristor.device import load_card
from femristor.fem import ElectroThermal
from femristor.plot import map_figure, save_png

# ## The cell, meshed once for all states and biases

card = load_card("cmo_hfox")
cell = ElectroThermal(card, resolution=0.6)
bias = np.linspace(0.1, 1.2, 12)

# ## A sweep at a frozen state
#
# Current and heat are the consistent fluxes of the discrete equations, so V I = P holds to rounding.

for label in ("lrs", "hrs"):
    solution = cell.sweep(bias, card.state(label))
    heating = solution.dome_temperature_mean_K - solution.ambient_K
    print(
        f"{label}: {solution.current_A[-1] * 1e6:.0f} uA and {solution.dome_temperature_mean_K[-1]:.0f} K at "
        f"{bias[-1]:.1f} V, {heating[-1] / solution.power_W[-1] * 1e-6:.2f} K/uW"
    )
    assert np.allclose(bias * solution.current_A, solution.power_W, rtol=1e-8)

# ## Where it is hot
#
# The maps of both states at the same bias; for ParaView use `femristor iv --fields DIR`.

maps = [cell.fields(1.2, card.state(label)) for label in ("lrs", "hrs")]
print(save_png(map_figure(maps), Path("filament_heating.png")))
