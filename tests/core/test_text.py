"""Text that goes into another language: one bounded line that ends nothing, whatever it holds."""

import ast
import unicodedata

import numpy as np
import pytest

from femristor.core.io.text import (
    LINE_MAX,
    csv_comment,
    csv_text,
    html_text,
    netlist_text,
    one_line,
    python_text,
    terminal_text,
)

BREAKS = ("\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
HIDDEN = ("\x00", "\x1b[2J", "\x7f", "\x9b", "\u200b", "\u202e", "\u2066", "\ufeff", "\ud800", "\U000e0041")
LANGUAGES = (one_line, netlist_text, python_text, csv_comment, csv_text, html_text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mark", [*BREAKS, *HIDDEN])
def test_one_line_that_can_be_seen(language, mark):
    found = language(f"cell{mark}.control{mark}")
    assert len(found.splitlines()) == 1 and "cell" in found and "control" in found
    assert not {unicodedata.category(each) for each in found} & {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
    found.encode("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_text_is_cut(language):
    for text in ("long " * 1_000_000, "x" * 2001, "\u6f22" * 5000, " " * 10**6 + "x"):
        assert len(language(text)) <= 2000 + 5
    assert len(netlist_text("\u6f22" * 5000)) <= LINE_MAX
    assert one_line("a" * LINE_MAX) == "a" * LINE_MAX
    assert one_line("a" * (LINE_MAX + 1)).endswith("...")


def test_names_stay_readable():
    assert one_line("  CMO/HfOx,\n M\u00fcller \u6f22\u5b57 ") == "CMO/HfOx, M\u00fcller \u6f22\u5b57"
    assert netlist_text("M\u00fcller, 5 \u00b5m, \u6f22") == "Muller, 5 <U+03BC>m, <U+6F22>"
    assert csv_text("M\u00fcller, \u6f22") == "M\u00fcller \u6f22"
    for language in LANGUAGES:
        assert language("cmo_hfox") == "cmo_hfox"


def test_languages():
    assert "`" not in netlist_text("`include */ /* \\") and "\\" not in netlist_text("end \\")
    assert "*/" not in netlist_text("**//") and "/*" not in netlist_text("//**")
    for text in ('"""', "\\", '\\"""', "\\N{BULLET}", "'''"):
        assert ast.literal_eval(f'"""{python_text(text)}"""') == python_text(text)
    assert csv_text("=cmd|'/c calc'!A0").startswith("'=") and csv_text("-0.2 V") == "-0.2 V"
    assert not set(csv_text('a,b;c"d')) & set(',;"')
    assert terminal_text("a\tb\n\x1b[31mred") == "a\tb\n<U+001B>[31mred"


def test_a_second_time_changes_nothing():
    rng = np.random.default_rng(5)
    for _ in range(500):
        text = "".join(chr(int(code)) for code in rng.integers(0, 0x3000, 12))
        for language in (one_line, netlist_text, python_text, csv_text, html_text):
            once = language(text)
            assert language(once) == once, (language, text)
