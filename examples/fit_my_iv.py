# # Fit my I-V
#
# Read curves in, trap density, hopping distance and barrier out, with the field and the temperature of the
# conductive metal oxide from finite elements at every step of the fit:
#
# $$ J = e N a_e \nu\, e^{-\Delta E/kT}\, 2\sinh\frac{e a_e E}{2kT} $$
#
# The curves here are the two reference read curves that come with the package; yours are CSV files with a header
# such as `V_V,I_A` or `voltage [mV],current [uA]`.

from femristor.device import load_card
from femristor.device.card.io import parse_card, replaced_card_text
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.transport.hopping.fit import fit_hopping
from femristor.transport.reference import reference_curve

# ## Curves and a solver

card = load_card("cmo_hfox")
curves = [reference_curve("lrs"), reference_curve("hrs")]
solver = ElectroThermal(card, resolution=0.6)

# ## The fit
#
# One ambient temperature cannot tell the barrier from the density, so the barrier is held at the card's value;
# `free=("dE",)` frees it, `fixed={"a_e": 2.5e-9}` holds the distance, `bounds=` limits.

fit = fit_hopping(curves, card, solver)
for state in fit.states:
    numbers = ", ".join(
        f"{p.name} = {p.value:.4g} {p.unit}" + (" (held)" if p.fixed else f" +- {p.standard_error:.2g}")
        for p in state.parameters
        if p.name in ("N", "a_e", "dE")
    )
    print(f"{state.label}: {numbers}; rms of ln I {100 * state.rms_ln:.2f} %")
    for sentence in state.warnings:
        print(f"  note: {sentence}")

# ## A card with the fitted numbers
#
# Each fitted number carries the fit as its source.

fitted = parse_card(replaced_card_text("cmo_hfox", fit.changes(), name="fitted"), "fitted card")
print(fitted.describe("states.lrs.dome_density"))
assert all(state.rms_ln < 0.02 for state in fit.states)
