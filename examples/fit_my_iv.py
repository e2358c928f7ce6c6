# # Fit my I-V
#
# Read curves in, trap density, hopping distance and barrier out, with the field and the temperature of the
# conductive metal oxide from finite elements at every step of the fit:
#
# $$ J = e N a_e \nu\, e^{-\Delta E/kT}\, 2\sinh\frac{e a_e E}{2kT} $$
#
# The curves here are the two reference read curves that come with the package; yours are CSV files with a header
# such as `V_V,I_A` or `voltage [mV],current [uA]`: `fm.read_iv("lrs.csv", "hrs.csv")`.

import femristor as fm
from femristor.transport import reference_curve

# ## The fit
#
# One ambient temperature cannot tell the barrier from the density, so distance and barrier follow the card's lines in it;
# `fixed={"a_e": 2.5e-9}` holds the distance, `bounds=` limits, and with several ambient temperatures `free=("dE",)` frees.

card = fm.load_card("cmo_hfox")
fit = fm.fit_hopping([reference_curve("lrs"), reference_curve("hrs")], card, resolution=0.6)
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

fitted = card.updated(fit, name="fitted")
print(fitted.describe("states.lrs.dome_density"))
assert all(state.rms_ln < 0.02 for state in fit.states)
