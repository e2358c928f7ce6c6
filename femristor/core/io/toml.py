"""The one reader of TOML: cards of devices and of experiments, whatever stands in them."""

import tomllib

from femristor.core.errors import CardError

DEEPEST = 40
"""Most tables and lists inside each other; cards have four."""
LARGEST_INTEGER = 10**18
"""TOML integers are 64-bit numbers; what needs more is no count of anything."""


def parse_toml(text: str, origin: str) -> dict:
    """Parse TOML, or say in one sentence why not.

    Args:
        text: the file's text.
        origin: its name, for messages.

    Returns:
        Nested dictionaries, lists, text and numbers; integers fit into 64 bits.

    Raises:
        CardError: not TOML, nested too deep, or an integer of more than 18 digits.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{origin}: not valid TOML ({error}); correct that line.") from error
    except RecursionError:
        raise CardError(_too_deep(origin)) from None
    except ValueError as error:
        # Integers of thousands of digits, dates that no calendar has.
        raise CardError(f"{origin}: a value that cannot be read ({_brief(error)}); correct it.") from None
    _check(raw, origin)
    return raw


def _check(raw: dict, origin: str) -> None:
    """Walk without recursion: the depth is what is looked for."""
    pending: list[tuple[str, object, int]] = [("", raw, 0)]
    while pending:
        key, value, depth = pending.pop()
        if depth > DEEPEST:
            raise CardError(_too_deep(origin, key))
        if isinstance(value, dict):
            pending += [(f"{key}.{name}" if key else name, entry, depth + 1) for name, entry in value.items()]
        elif isinstance(value, list):
            pending += [(f"{key}.{index}", entry, depth + 1) for index, entry in enumerate(value)]
        elif isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
            raise CardError(
                f"{origin}: {key[:80]} is an integer of more than 18 digits; write it as a decimal number, such "
                'as "1e25" with its unit.'
            )


def _too_deep(origin: str, key: str = "") -> str:
    where = f" at {key[:40]}..." if key else ""
    return f"{origin}: tables or lists more than {DEEPEST} deep{where}; a card has four levels, flatten it."


def _brief(error: Exception) -> str:
    return str(error).split(";")[0][:100]
