"""The cell as a subcircuit for ngspice: a table, or IBM's published law.

The state is a node, `u = ln(N/1e21 m^-3)` volts on a capacitor that the rate charges; the simulator integrates it.
Temperatures and energies are volts (kT/q): ngspice guards divisions with small numbers that would drown joules.
A second capacitor sees sin(60 u), so that the simulator's own error control resolves the state at any time step.
"""

import textwrap

from femristor.compact.export_load import WRAP, comment, spice_load, wrapped
from femristor.compact.export_text import (
    ARGUMENT_MAX,
    BOLTZMANN_V_PER_K,
    CAPACITANCE_F,
    COLD,
    EDGE,
    FINE,
    STATE_UNIT_M3,
    WrittenTable,
    about_ibm,
    about_table,
    ibm_numbers,
    number,
    start_density_m3,
)
from femristor.compact.ibm import IbmModel
from femristor.compact.interpolate import TableModel
from femristor.core.constants import Q_E
from femristor.device.load_line import Load

DIGITS = 10
"""Default digits of a table's numbers."""
OPTIONS = "method=gear reltol=1e-6 gmin=1e-30"
"""Options that the subcircuits are tested with; trap does as well, a larger reltol costs accuracy."""


def spice(model: TableModel | IbmModel, *, load: Load | None = None, digits: int = DIGITS) -> str:
    """Text of a netlist with `femristor_cell te be`, and with a load also `femristor_load` and `femristor_1t1r`.

    Args:
        model: what is exported.
        load: what is in series in the subcircuit `femristor_1t1r`; None leaves both out.
        digits: decimal digits of a table's numbers.

    Returns:
        Text.

    Raises:
        InputError: too few digits for the table.
    """
    if isinstance(model, IbmModel):
        about, cell = about_ibm(model), _ibm(model)
    else:
        written = WrittenTable.of(model, digits)
        about, cell = about_table(written), _table(written)
    usage = [
        "",
        "X1 top bottom femristor_cell n0=2e24     n0: density at the start [1/m^3]",
        f"State: N = {STATE_UNIT_M3:g}*exp(v(x1.u)). Step sizes follow from the state (parameter fine). Tested with",
        f".options {OPTIONS}",
        "and .tran ... uic; without uic the .ic inside holds the state in the operating point.",
        "",
    ]
    parts = [comment([*about, *usage]), cell]
    if load is not None:
        parts += [spice_load(load), _series(model)]
    return "\n".join(parts) + "\n"


def _series(model) -> str:
    given = {"n0": start_density_m3(model), "fine": FINE}
    if isinstance(model, IbmModel):
        given["ambient"] = model.ambient_K
    head = " ".join(f"{name}={number(value)}" for name, value in given.items())
    passed = " ".join(f"{name}={{{name}}}" for name in given)
    lines = [
        comment(
            ["cell behind its load; with X1 of this the state is v(x1.xc.u), the cell's voltage v(x1.te)"]
        ),
        f".subckt femristor_1t1r a be params: {head}",
        "Xl a te be femristor_load",
        f"Xc te be femristor_cell {passed}",
        ".ends femristor_1t1r",
    ]
    return "\n".join(lines)


def _state_lines() -> list[str]:
    """The capacitor of the state, its start, and the gauge of its steps."""
    start = f"{{ln(n0/{STATE_UNIT_M3:g})}}"
    return [
        f"Cu u 0 {CAPACITANCE_F:g} ic={start}",
        f".ic v(u)={start}",
        "Bg g 0 V = 2+sin({fine}*V(u))",
        f"Cg g 0 {CAPACITANCE_F:g} ic={{2+sin(fine*ln(n0/{STATE_UNIT_M3:g}))}}",
    ]


def _table(written: WrittenTable) -> str:
    law, model = written.model.table.ionic, written.model
    current, up, down = (_patches(written, name) for name in written.coefficients)
    blocked = ""
    if law.saturation_exponent:
        full = number(STATE_UNIT_M3 / law.density_max_m3)
        blocked = f"*pow(max(1-{full}*exp(V(u)),0),{number(law.saturation_exponent)})"
    low, high = written.knots_u[[0, -1]]
    over = f"min(1,max(0,({number(high + EDGE)}-V(u))/{EDGE:g}))"
    under = f"min(1,max(0,(V(u)-{number(low - EDGE)})/{EDGE:g}))"
    factor = number(CAPACITANCE_F * law.hop_distance_m / law.length_m)
    lines = [
        f".subckt femristor_cell te be params: n0={number(start_density_m3(model))} fine={FINE}",
        *_state_lines(),
        f"Bv v 0 V = min(abs(V(te,be)),{number(written.knots_V[-1])})",
        f"Bx x 0 V = min(max(V(u),{number(low)}),{number(high)})",
        f"Bi te be I = V(te,be)*exp({current})",
        f"Br 0 u I = {factor}*V(te,be){blocked}*(V(te,be)>=0{WRAP}? {over}*exp({up}){WRAP}: {under}*exp({down}))",
        ".ends femristor_cell",
    ]
    return "\n".join(lines)


def _patches(written: WrittenTable, name: str) -> str:
    node = {"u": "V(x)", "v": "V(v)"}

    def leaf(i: int, j: int) -> str:
        s, t = (
            f"({node[axis]}-{number(float(knot), written.digits)})"
            for axis, knot in (("u", written.knots_u[i]), ("v", written.knots_V[j]))
        )
        return WRAP + written.bicubic(name, (i, j), s, t)

    def choose(axis: str, knot: float, below: str, above: str) -> str:
        return f"({node[axis]}<{number(knot, written.digits)}?{below}:{above})"

    return written.nested(leaf, choose)


def _ibm(model: IbmModel) -> str:
    given = {"n0": start_density_m3(model), "fine": FINE} | ibm_numbers(model)
    head = " ".join(f"{name}={number(value)}" for name, value in given.items())
    density, warm = f"({STATE_UNIT_M3:g}*exp(V(u)))", f"max(V(tk),{{{COLD:g}*ambient}})"
    thermal = f"({number(BOLTZMANN_V_PER_K)}*{warm})"
    distance, barrier = f"max({{aemin}},{{ae0}}-{{ae1}}*{density})", f"max(0,{{de0}}-{{de1}}*{density})"

    def sinh(argument: str) -> str:
        return f"sinh(max(-{ARGUMENT_MAX:g},min({ARGUMENT_MAX:g},{argument})))"

    hops = f"exp(-{barrier}/{thermal})*" + sinh(f"{distance}*V(m,be)/({{2*len}}*{thermal})")
    wall = f"(V(te,be)>=0 ? {{eset0}}+{{eset1}}*{density} : {{ereset}})"
    blocked = f"pow(max(1-{density}/{{nmax}},0),{{nexp}})"
    rate = f"exp(-{wall}/{thermal})*" + sinh(f"{{z*hop/(2*len)}}*V(m,be)/{thermal}") + f"*{blocked}"
    lines = [
        "\n+ ".join(textwrap.wrap(f".subckt femristor_cell te be params: {head}", 100)),
        *_state_lines(),
        ".ic v(tk)={ambient}",
        "Rs te m {rs}",
        wrapped(f"Bi m be I = {{2*{number(Q_E)}*area*nu}}*{density}*{distance}*{hops}"),
        "Bt tk 0 V = {ambient} + {rth/rs}*V(te,be)*V(te,m)",
        wrapped(f"Br 0 u I = {{{CAPACITANCE_F:g}*2*nui*hop/len}}*{rate}"),
        ".ends femristor_cell",
    ]
    return "\n".join(lines)
