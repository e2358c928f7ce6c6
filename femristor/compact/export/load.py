"""A load as a subcircuit below the cell: a resistor, a smooth limit, or a transistor with its gate as a pin."""

import textwrap

from femristor.compact.export.text import WIRE_OHM, number
from femristor.core.io.text import netlist_text
from femristor.device.laws.channel import Channel
from femristor.device.load_line import BARE_KIND, OHMIC_KIND, Load, LoadLine

WRAP = "\n+ "
"""Continues a line."""
LINE = 100
"""Characters of a line, where it can be broken."""
LINEAR = 36
"""Beyond it ln(1 + exp(x)) is x to rounding."""
GATE_LEAK_OHM = 1e15
"""From gate to bulk: no node hangs in the air; the gate takes no other current."""


def spice_load(load: Load) -> str:
    """A load as `femristor_load d g s b`: d is the bottom of the cell, s the source line, g the gate, b the bulk.

    A transistor is the whole law of its channel: whichever of d and s is lower is its source, and its gate is the pin's.
    Any other load has a line for V(d,s) >= 0 (set) and one below 0 (reset); the gate then changes nothing.

    Args:
        load: the load; a resistance of 0 becomes 1 mohm.

    Returns:
        Text.
    """
    if load.channel is not None:
        element = _channel_lines(load.channel)
        pins = "d g s b: the channel follows the gate's pin, all voltages against the bulk b"
    else:
        up, down = _line_current(load.line(1.0)), _line_current(load.line(-1.0))
        element = [f"Bl d s I = V(d,s)>=0 ? {up} : {down}"]
        pins = "d g s b: gate and bulk change nothing, the lines hold at the gates that the load was made for"
    lines = [
        comment([f"load: {netlist_text(load.label, 160)}", pins]),
        ".subckt femristor_load d g s b",
        *(wrapped(line) for line in element),
        f"Rg g b {number(GATE_LEAK_OHM)}",
        ".ends femristor_load",
    ]
    return "\n".join(lines)


def comment(lines: list[str]) -> str:
    """Lines of a netlist that are not read; whatever a text of others holds, each stays one line."""
    return "\n".join(f"* {netlist_text(line)}".rstrip() for line in lines)


def wrapped(line: str) -> str:
    """A long line in pieces that go on with +, broken after operators."""
    for operator in ("*", ":", "?"):
        line = line.replace(operator, f"{operator} ")
    return WRAP.join(textwrap.wrap(line, LINE, break_long_words=False, break_on_hyphens=False))


def _line_current(line: LoadLine) -> str:
    """Current from `d` to `s` in one direction."""
    if line.kind == BARE_KIND:
        return f"V(d,s)/{number(WIRE_OHM)}"
    if line.kind == OHMIC_KIND:
        return f"V(d,s)/{number(line.ohm)}"
    return f"{number(line.limit_A)}*tanh(V(d,s)/{number(line.ohm * line.limit_A)})"


def _channel_lines(channel: Channel) -> list[str]:
    """The transistor of `device.laws.channel`, odd under exchange of drain and source; its charges are nodes."""
    beta, threshold, slope, loss, critical, thermal = channel.numbers()
    twice = number(2 * thermal)

    def charge(node: str) -> str:
        x = f"(((V(g,b)-{number(threshold)})/{number(slope)}-V({node},b))/{twice})"
        return f"Bq{node} q{node} 0 V = {twice}*({x}>{LINEAR} ? {x} : ln(1+exp(min({x},{LINEAR}))))"

    half = "(0.5*(V(qs)-V(qd))*(V(qs)+V(qd)))"
    # (s^8 + d^8)^(1/4) by the ratio of the smaller to the larger charge: no iterate of Newton overflows.
    most, least = "max(abs(V(qs)),abs(V(qd)))", "min(abs(V(qs)),abs(V(qd)))"
    larger = f"(pow({most},2)*sqrt(sqrt(1+pow({least}/({most}+1e-30),8)))+1e-30)"
    lost = f"(1+{number(0.5 * loss)}*(V(qs)+V(qd)))"
    fast = f"sqrt(1+{half}*{half}/({number(critical**2)}*{larger}))"
    return [charge("s"), charge("d"), f"Bl d s I = {number(slope * beta)}*{half}/({lost}*{fast})"]
