"""transport: from I-V curves to the numbers of the device card.

In: `IVCurve` (measured or from `fem`), a device card, and a solver handed over as an argument.
Out: `FormingFit` (filament radius, sigma_CMO) and `HoppingFit` (N, a_e, dE of each state).

Equations: the linear regime `I = G V`; the resistance `R(r, sigma_CMO)` of the ohmic cell; the hopping law
of `femristor.device.laws.mott_gurney` with E and T of the field solution. Assumptions: the state is frozen
while the curve is read, and the current is odd in the voltage. Your own solver needs the methods of
`femristor.transport.solver`; nothing here imports finite elements.
"""
