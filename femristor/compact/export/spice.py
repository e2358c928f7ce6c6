"""The cell as a subcircuit for ngspice: a table, or IBM's published law.

The state is a node, `u = ln(N/1e21 m^-3)` volts on a capacitor that the rate charges; the simulator integrates it. A
source counts the seconds of a transient: while it is at 0 V, in `.op`, `.dc`, `.ac` and at the start of `.tran`, there
is no rate and u is held at n0. (`time` itself is the swept value in ngspice's `.dc`.)
Temperatures and energies are volts (kT/q): ngspice guards divisions with small numbers that would drown joules.
A second capacitor sees sin(60 u), so that the simulator's own error control resolves the state at any time step.
"""

import textwrap

from femristor.compact.export.load import WRAP, comment, spice_load, wrapped
from femristor.compact.export.text import (
    ARGUMENT_MAX,
    BOLTZMANN_V_PER_K,
    CAPACITANCE_F,
    COLD,
    EDGE,
    FINE,
    STATE_UNIT_M3,
    ZERO_CELSIUS_K,
    WrittenTable,
    about_ibm,
    about_table,
    ibm_numbers,
    number,
    start_density_m3,
)
from femristor.compact.ibm import IbmModel
from femristor.compact.table.interpolate import TableModel
from femristor.core.constants import Q_E
from femristor.device.load_line import Load

DIGITS = 10
"""Default digits of a table's numbers."""
OPTIONS = "method=gear reltol=1e-6 gmin=1e-30"
"""Options that the subcircuits are tested with; trap does as well, a larger reltol costs accuracy."""
CLOCK_END = "1e12"
"""Seconds that the clock of a transient counts."""
NODES = ("lni", "lnup", "lndown")
"""Nodes of what powers of w add to ln(I/V), ln(rate/V) of set and of reset; the power follows."""
AMBIENT = f"({{ambient}}>0 ? {{ambient}} : temper+{ZERO_CELSIUS_K})"
"""Ambient in K: the parameter, or the circuit's temperature."""


def spice(
    model: TableModel | IbmModel, *, load: Load | None = None, digits: int = DIGITS, fixed: bool = False
) -> str:
    """Text of a netlist with `femristor_cell te be`, and with a load also `femristor_load` and `femristor_1t1r a g s b`.

    Args:
        model: what is exported.
        load: what is in series in the subcircuit `femristor_1t1r`; None leaves both out.
        digits: decimal digits of a table's numbers.
        fixed: hold the model's ambient; otherwise the cell follows the circuit's temperature (`.temp`), a table as far
            as it has several ambients.

    Returns:
        Text.

    Raises:
        InputError: too few digits for the table, or ambients of a table that are no parabola in 1/T.
    """
    if isinstance(model, IbmModel):
        given = _start(model) | ibm_numbers(model, fixed=fixed)
        about, cell = about_ibm(model, fixed=fixed), _ibm(given)
    else:
        written = WrittenTable.of(model, digits, fixed=fixed)
        given = _start(model) | ({} if written.line is None else {"ambient": 0.0})
        about, cell = about_table(written), _table(written, given)
    usage = [
        "",
        "X1 top bottom femristor_cell n0=2e24: n0 is the density at the start in 1/m^3; .op, .dc and .ac hold it.",
        f"State: N = {STATE_UNIT_M3:g}*exp(v(x1.u)). Step sizes follow from the state (parameter fine). Tested with",
        f".options {OPTIONS}",
        "and .tran, with uic or without.",
        f"Parameters: {' '.join(given)}. ngspice drops other names without a word.",
        "",
    ]
    parts = [comment([*about, *usage]), cell]
    if load is not None:
        parts += [spice_load(load), _series(given)]
    return "\n".join(parts) + "\n"


def _start(model) -> dict[str, float]:
    return {"n0": start_density_m3(model), "fine": FINE}


def _head(name: str, pins: str, given: dict[str, float]) -> str:
    """First line of a subcircuit."""
    defaults = " ".join(f"{key}={number(value)}" for key, value in given.items())
    return WRAP.join(textwrap.wrap(f".subckt {name} {pins} params: {defaults}", 100))


def _series(given: dict[str, float]) -> str:
    passed = " ".join(f"{name}={{{name}}}" for name in given)
    lines = [
        comment(
            [
                "cell and below it the load: a top, g gate, s source line, b bulk; set with a above s, reset with s above a.",
                "With X1 of this the state is v(x1.xc.u), the cell's voltage v(a) - v(x1.m).",
            ]
        ),
        _head("femristor_1t1r", "a g s b", given),
        WRAP.join(textwrap.wrap(f"Xc a m femristor_cell {passed}", 100)),
        "Xl m g s b femristor_load",
        ".ends femristor_1t1r",
    ]
    return "\n".join(lines)


def _state_lines(rate: str) -> list[str]:
    """The capacitor of the state, its start, what charges or holds it, and the gauge of its steps."""
    start = f"{{ln(n0/{STATE_UNIT_M3:g})}}"
    return [
        f"Cu u 0 {CAPACITANCE_F:g} ic={start}",
        f".ic v(u)={start}",
        f"Vh h 0 PWL(0 0 {CLOCK_END} {CLOCK_END})",
        f"Br 0 u I = V(h)>0 ? {rate} : {start}-V(u)",
        "Bg g 0 V = 2+sin({fine}*V(u))",
        f"Cg g 0 {CAPACITANCE_F:g} ic={{2+sin(fine*ln(n0/{STATE_UNIT_M3:g}))}}",
    ]


def _table(written: WrittenTable, given: dict[str, float]) -> str:
    law, line = written.model.table.ionic, written.line
    blocked = ""
    if law.saturation_exponent:
        full = number(STATE_UNIT_M3 / law.density_max_m3)
        blocked = f"*pow(max(1-{full}*exp(V(u)),0),{number(law.saturation_exponent)})"
    low, high = written.knots_u[[0, -1]]
    over = f"min(1,max(0,({number(high + EDGE)}-V(u))/{EDGE:g}))"
    under = f"min(1,max(0,(V(u)-{number(low - EDGE)})/{EDGE:g}))"
    factor = number(CAPACITANCE_F * law.hop_distance_m / law.length_m)
    current, up, down = (_logarithm(written, *pair) for pair in zip(NODES, written.coefficients, strict=True))
    rate = (
        f"{factor}*V(te,be){blocked}*(V(te,be)>=0{WRAP}? {over}*exp({up}){WRAP}: {under}*exp({down})){WRAP}"
    )
    warm = [
        f"B{stem}{term} {stem}{term} 0 V = {_patches(written, name, term)}"
        for stem, name in zip(NODES, written.coefficients, strict=True)
        for term in range(1, written.terms)
    ]
    lines = [
        _head("femristor_cell", "te be", given),
        *_state_lines(rate),
        f"Bv v 0 V = min(abs(V(te,be)),{number(written.knots_V[-1])})",
        f"Bx x 0 V = min(max(V(u),{number(low)}),{number(high)})",
        *([] if line is None else [f"Bw w 0 V = {line.text(AMBIENT, number)}"]),
        *warm,
        f"Bi te be I = V(te,be)*exp({current})",
        ".ends femristor_cell",
    ]
    return "\n".join(lines)


def _logarithm(written: WrittenTable, stem: str, name: str) -> str:
    """A quantity: the patches at the model's ambient, and what the terms in w, nodes of their own, add to them."""
    centre = _patches(written, name, 0)
    if written.terms == 1:
        return centre
    text = f"V({stem}{written.terms - 1})"
    for term in range(written.terms - 2, 0, -1):
        text = f"(V({stem}{term})+V(w)*{text})"
    reach = number(written.reach(name), 6)
    return f"{centre}{WRAP}+max(-{reach},min({reach},V(w)*{text}))"


def _patches(written: WrittenTable, name: str, term: int) -> str:
    node = {"u": "V(x)", "v": "V(v)"}

    def leaf(i: int, j: int) -> str:
        s, t = (
            f"({node[axis]}-{number(float(knot), written.digits)})"
            for axis, knot in (("u", written.knots_u[i]), ("v", written.knots_V[j]))
        )
        return WRAP + written.bicubic(name, (i, j), s, t, term)

    def choose(axis: str, knot: float, below: str, above: str) -> str:
        return f"({node[axis]}<{number(knot, written.digits)}?{below}:{above})"

    return written.nested(leaf, choose)


def _ibm(given: dict[str, float]) -> str:
    density, warm = f"({STATE_UNIT_M3:g}*exp(V(u)))", f"max(V(tk),{COLD:g}*{AMBIENT})"
    thermal = f"({number(BOLTZMANN_V_PER_K)}*{warm})"
    distance, barrier = f"max({{aemin}},{{ae0}}-{{ae1}}*{density})", f"max(0,{{de0}}-{{de1}}*{density})"

    def sinh(argument: str) -> str:
        return f"sinh(max(-{ARGUMENT_MAX:g},min({ARGUMENT_MAX:g},{argument})))"

    hops = f"exp(-{barrier}/{thermal})*" + sinh(f"{distance}*V(m,be)/({{2*len}}*{thermal})")
    wall = f"(V(te,be)>=0 ? {{eset0}}+{{eset1}}*{density} : {{ereset}})"
    blocked = f"pow(max(1-{density}/{{nmax}},0),{{nexp}})"
    rate = f"exp(-{wall}/{thermal})*" + sinh(f"{{z*hop/(2*len)}}*V(m,be)/{thermal}") + f"*{blocked}"
    lines = [
        _head("femristor_cell", "te be", given),
        *(wrapped(line) for line in _state_lines(f"{{{CAPACITANCE_F:g}*2*nui*hop/len}}*{rate}")),
        "Rs te m {rs}",
        wrapped(f"Bi m be I = {{2*{number(Q_E)}*area*nu}}*{density}*{distance}*{hops}"),
        f"Bt tk 0 V = {AMBIENT} + {{rth/rs}}*V(te,be)*V(te,m)",
        ".ends femristor_cell",
    ]
    return "\n".join(lines)
