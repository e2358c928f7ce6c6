"""Text of others on its way into another language: names, notes and labels of cards, tables and curves.

Whatever a text holds, it comes out as one bounded line without anything unseen, and cannot end the comment, string, cell
or element that it is put into. Line breaks of any kind become blanks; other control and format characters (escape, the
marks that turn the direction of reading, lone surrogates) become `<U+202E>`. One function for each language; each is
safe by itself, whatever a reader checked before.
"""

import re
import unicodedata

LINE_MAX = 200
"""Most characters of a text in a comment or a cell."""
PAGE_MAX = 2000
"""Most characters of a text on a page, which wraps."""
CUT = "..."
"""Ends a text that was cut."""
_BLANKS = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_FORMULA = re.compile(r"[=@]|[+-](?![\d.])")


def one_line(text: str, limit: int = LINE_MAX) -> str:
    """A text as one line of characters that can be seen.

    Args:
        text: any text.
        limit: most characters.

    Returns:
        Text; letters of every script stay, a cut one ends with CUT.
    """
    text = str(text)
    head = _BLANKS.sub(" ", text[: 8 * limit]).strip()
    shown = "".join(_named(mark) if unicodedata.category(mark) in _UNSEEN else mark for mark in head)
    if len(shown) > limit or len(text) > 8 * limit:
        return shown[: limit - len(CUT)].rstrip() + CUT
    return shown


def netlist_text(text: str, limit: int = LINE_MAX) -> str:
    """For comments of SPICE and Verilog-A: ASCII; accents are taken off, other letters become `<U+6F22>`.

    A backslash would join lines in some simulators, a backtick starts a directive of Verilog, `*/` ends a comment.

    Args:
        text: any text.
        limit: most characters.

    Returns:
        Text.
    """
    plain = unicodedata.normalize("NFKD", one_line(text, limit))
    kept = (mark for mark in plain if unicodedata.category(mark) != "Mn")
    ascii_only = "".join(mark if mark.isascii() else _named(mark) for mark in kept)
    ascii_only = ascii_only.replace("\\", "/").replace("`", "'").replace("*/", "* /").replace("/*", "/ *")
    return one_line(ascii_only, limit)


def python_text(text: str) -> str:
    """For a string or a comment of Python: no backslash, no double quote.

    Args:
        text: any text.

    Returns:
        Text.
    """
    return one_line(text).replace("\\", "/").replace('"', "'")


def csv_comment(text: str, limit: int = LINE_MAX) -> str:
    """For a comment of a CSV file: no quote, which would open a cell for readers that know no comments.

    Args:
        text: any text.
        limit: most characters.

    Returns:
        Text.
    """
    return one_line(text, limit).replace('"', "'")


def csv_text(text: str, limit: int = LINE_MAX) -> str:
    """For a cell of a CSV file: no separator, no quote, nothing that a spreadsheet computes.

    Args:
        text: any text.
        limit: most characters.

    Returns:
        Text; commas and semicolons are taken out, a formula stands behind an apostrophe.
    """
    plain = one_line(re.sub(r"[,;]+\s*", " ", one_line(text, limit)).replace('"', "'"), limit).lstrip("# ")
    return f"'{plain}" if _FORMULA.match(plain) else plain


def html_text(text: str) -> str:
    """For a page, before its markup is escaped: one line of at most PAGE_MAX characters.

    Args:
        text: any text.

    Returns:
        Text.
    """
    return one_line(text, PAGE_MAX)


def terminal_text(text: str) -> str:
    """For a terminal: lines stay, sequences that would move its cursor or colour it are named.

    Args:
        text: any text.

    Returns:
        Text.
    """
    return "".join(
        mark if mark in "\n\t" or unicodedata.category(mark) not in _UNSEEN else _named(mark)
        for mark in str(text)
    )


def _named(mark: str) -> str:
    return f"<U+{ord(mark):04X}>"
