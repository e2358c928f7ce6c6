"""A load line as a subcircuit: a resistor, a smooth limit or a transistor, each direction with its own."""

import textwrap

from femristor.compact.export_text import WIRE_OHM, number
from femristor.device.load_line import BARE_KIND, LIMITED_KIND, OHMIC_KIND, Load, LoadLine

WRAP = "\n+ "
"""Continues a line."""
LINE = 100
"""Characters of a line, where it can be broken."""
LINEAR = 36
"""Beyond it ln(1 + exp(x)) is x to rounding."""


def spice_load(load: Load, *, read: bool = False) -> str:
    """A load as `femristor_load a te ref`: a is the applied voltage, te the cell's top, ref its bottom and the bulk.

    Args:
        load: the load; a resistance of 0 becomes 1 mohm.
        read: with the gate of reads for V > 0.

    Returns:
        Text.
    """
    up, down = _line_current(load.line(1.0, read=read)), _line_current(load.line(-1.0))
    lines = [
        comment([f"load: {load.label}"]),
        ".subckt femristor_load a te ref",
        wrapped(f"Bl a te I = V(a,ref)>=0 ? {up} : {down}"),
        ".ends femristor_load",
    ]
    return "\n".join(lines)


def comment(lines: list[str]) -> str:
    """Lines of a netlist that are not read."""
    return "\n".join(f"* {line}".rstrip() for line in lines)


def wrapped(line: str) -> str:
    """A long line in pieces that go on with +, broken after operators."""
    for operator in ("*", ":", "?"):
        line = line.replace(operator, f"{operator} ")
    return WRAP.join(textwrap.wrap(line, LINE, break_long_words=False, break_on_hyphens=False))


def _line_current(line: LoadLine) -> str:
    """Current from `a` to `te` in one direction."""
    if line.kind == BARE_KIND:
        return f"V(a,te)/{number(WIRE_OHM)}"
    if line.kind == OHMIC_KIND:
        return f"V(a,te)/{number(line.ohm)}"
    if line.kind == LIMITED_KIND:
        return f"{number(line.limit_A)}*tanh(V(a,te)/{number(line.ohm * line.limit_A)})"
    return _channel_current(line)


def _channel_current(line: LoadLine) -> str:
    """The transistor of `device.laws.channel`; in reset its source is the top of the cell."""
    twice = number(2 * line.thermal_V)
    pinch = number((line.gate_V - line.threshold_V) / line.slope)
    drain, source = ("V(a,te)", "0") if line.sign > 0 else ("-V(a,ref)", "-V(te,ref)")

    def charge(volt: str) -> str:
        x = f"(({pinch}-({volt}))/{twice})"
        return f"({twice}*({x}>{LINEAR} ? {x} : ln(1+exp(min({x},{LINEAR})))))"

    s, d = charge(source), charge(drain)
    half = f"(0.5*({s}-{d})*({s}+{d}))"
    larger = f"(sqrt(sqrt(pow({s},8)+pow({d},8)+1e-60))+1e-30)"
    lost = f"(1+{number(0.5 * line.loss_per_V)}*({s}+{d}))"
    fast = f"sqrt(1+{half}*{half}/({number(line.critical_V**2)}*{larger}))"
    return f"{number(line.sign * line.slope * line.beta)}*{half}/({lost}*{fast})"
