"""The cell as a Verilog-A module: a table, or IBM's published law; for OpenVAF and the simulators that load OSDI.

Pins te and be carry the current, pin u holds the state ln(N/1e21 m^-3) in volts. Nothing is to be connected to u: read
it. The state is `ddt` of its node; static and small-signal analyses, and the operating point before a transient, hold it
at the parameter n0. The temperature of IBM's law is an algebraic node above the ambient, which is `$temperature`.
"""

from femristor.compact.export.text import (
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
from femristor.compact.table.interpolate import TableModel
from femristor.core.constants import Q_E
from femristor.core.io.text import netlist_text

DIGITS = 17
"""Default digits of a table's numbers: all."""
MODULE = "femristor_cell"
AMBIENT = "(ambient > 0.0) ? ambient : $temperature"
"""Ambient in K: the parameter, or the circuit's temperature."""
HELD = 'analysis("static") || analysis("ac") || analysis("noise")'
"""Where the state is held at n0."""


def verilog(model: TableModel | IbmModel, *, digits: int = DIGITS, fixed: bool = False) -> str:
    """Text of the module `femristor_cell(te, be, u)`.

    Args:
        model: what is exported.
        digits: decimal digits of a table's numbers.
        fixed: hold the model's ambient; otherwise the cell follows `$temperature`, a table as far as it has several
            ambients.

    Returns:
        Text.

    Raises:
        InputError: too few digits for the table, or ambients of a table that are no parabola in 1/T.
    """
    if isinstance(model, IbmModel):
        about, body = about_ibm(model, fixed=fixed), _ibm(model, fixed)
    else:
        written = WrittenTable.of(model, digits, fixed=fixed)
        about, body = about_table(written), _table(written)
    usage = [
        f"State: N = {STATE_UNIT_M3:g}*exp(V(u)); connect nothing to u. It starts at n0 [1/m^3], which static and",
        "small-signal analyses hold; a transient that skips its operating point starts u at ln(n0/1e21) by .ic.",
        "Node g makes the simulator's error control resolve the state (parameter fine); it carries nothing else.",
    ]
    lines = [
        *(f"// {netlist_text(line)}" for line in (*about, *usage)),
        '`include "disciplines.vams"',
        "",
        f"module {MODULE}(te, be, u);",
        "inout te, be, u;",
        "electrical te, be, u, g;",
        *body,
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _state_lines(rate: str) -> list[str]:
    """Balance of the state's node, and the node that the error control looks at."""
    return [
        f"I(u) <+ {CAPACITANCE_F:g}*ddt(V(u));",
        f"if ({HELD})",
        f"    I(u) <+ V(u)-ln(n0/{STATE_UNIT_M3:g});",
        "else",
        f"    I(u) <+ -{CAPACITANCE_F:g}*{rate};",
        "I(g) <+ V(g);",
        f"I(g) <+ {CAPACITANCE_F:g}*ddt(2+sin(fine*V(u)));",
        "end",
    ]


def _table(written: WrittenTable) -> list[str]:
    law = written.model.table.ionic
    low, high = (float(end) for end in written.knots_u[[0, -1]])
    names = dict(zip(written.coefficients, ("ln_current", "ln_set", "ln_reset"), strict=True))

    def leaf(i: int, j: int) -> str:
        start = f"s=x-{number(float(written.knots_u[i]), 17)}; t=y-{number(float(written.knots_V[j]), 17)};\n"
        return start + "".join(f"{variable}={logarithm(name, (i, j))};\n" for name, variable in names.items())

    def logarithm(name: str, patch: tuple[int, int]) -> str:
        *lower, text = (written.bicubic(name, patch, "s", "t", term) for term in range(written.terms))
        for term in reversed(lower):
            text = f"{term}\n    +w*({text})"
        return text

    def choose(axis: str, knot: float, below: str, above: str) -> str:
        place = "x" if axis == "u" else "y"
        return f"if ({place}<{number(knot, 17)}) begin\n{below}end else begin\n{above}end\n"

    blocked = ""
    if law.saturation_exponent:
        full = number(STATE_UNIT_M3 / law.density_max_m3, 17)
        blocked = f"*pow(max(1.0-{full}*exp(V(u)),0.0),{law.saturation_exponent!r})"
    ambient = []
    if written.line is not None:
        place = written.line.text("kelvin", lambda value: number(value, 17))
        ambient = [f"kelvin = {AMBIENT};", f"w = {place};"]
    return [
        f"parameter real n0 = {start_density_m3(written.model)!r} from (0:inf);",
        f"parameter real fine = {FINE}.0 from [0:inf);",
        *(["parameter real ambient = 0.0 from [0:inf);"] if ambient else []),
        f"real v, x, y, s, t, ln_current, ln_set, ln_reset, rate{', kelvin, w' if ambient else ''};",
        "analog begin",
        *ambient,
        "v = V(te,be);",
        f"x = min(max(V(u), {number(low, 17)}), {number(high, 17)});",
        f"y = min(abs(v), {number(float(written.knots_V[-1]), 17)});",
        written.nested(leaf, choose) + "I(te,be) <+ v*exp(ln_current);",
        f"rate = {number(law.hop_distance_m / law.length_m, 17)}*v{blocked};",
        f"if (v >= 0.0) rate = rate*exp(ln_set)*min(1.0, max(0.0, ({number(high + EDGE, 17)}-V(u))/{EDGE:g}));",
        f"else rate = rate*exp(ln_reset)*min(1.0, max(0.0, (V(u)-{number(low - EDGE, 17)})/{EDGE:g}));",
        *_state_lines("rate"),
    ]


def _ibm(model: IbmModel, fixed: bool) -> list[str]:
    given = {"n0": float(start_density_m3(model)), "fine": float(FINE)} | ibm_numbers(model, fixed=fixed)
    clamp = f"max(-{ARGUMENT_MAX:g}, min({ARGUMENT_MAX:g}, %s))"
    drift = clamp % "z*hop*V(m,be)/(2.0*len*thermal)"
    return [
        "electrical m, tk;",
        *(f"parameter real {name} = {value!r} from {_window(name)};" for name, value in given.items()),
        "real kelvin, density, thermal, distance, barrier, wall, rate;",
        "analog begin",
        f"kelvin = {AMBIENT};",
        f"density = {STATE_UNIT_M3:g}*exp(V(u));",
        f"thermal = {number(BOLTZMANN_V_PER_K, 17)}*max(V(tk), {COLD:g}*kelvin);",
        "distance = max(aemin, ae0-ae1*density);",
        "barrier = max(0.0, de0-de1*density);",
        "I(te,m) <+ V(te,m)/rs;",
        f"I(m,be) <+ 2.0*{number(Q_E, 17)}*area*nu*density*distance*exp(-barrier/thermal)",
        f"    *sinh({clamp % 'distance*V(m,be)/(2.0*len*thermal)'});",
        "I(tk) <+ V(tk)-kelvin-rth*V(te,be)*V(te,m)/rs;",
        "if (V(te,be) >= 0.0) wall = eset0+eset1*density; else wall = ereset;",
        f"rate = 2.0*nui*hop/len*exp(-wall/thermal)*sinh({drift})",
        "    *pow(max(1.0-density/nmax, 0.0), nexp);",
        *_state_lines("rate"),
    ]


def _window(name: str) -> str:
    return "(0:inf)" if name in ("n0", "rs", "len", "nmax") else "[0:inf)"
