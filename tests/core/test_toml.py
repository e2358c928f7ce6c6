"""One reader of TOML: whatever stands in a card of a device or of an experiment, it is read or refused in one sentence."""

import pytest

from femristor.cli.main import main
from femristor.core.errors import CardError
from femristor.core.io.toml import parse_toml

DEEP = 5000
HOSTILE = {
    "lists": "a = " + "[" * DEEP + "]" * DEEP,
    "tables": "a = " + "{b=" * DEEP + "1" + "}" * DEEP,
    "dotted": "a" + ".a" * DEEP + " = 1",
    "header": "[" + ".".join(["a"] * DEEP) + "]",
    "digits": "schema_version = 12345678901234567890",
    "many digits": "schema_version = " + "9" * 20000,
    "negative": "schema = -12345678901234567890\n",
    "no date": "a = 2024-02-31",
    "unfinished": "a = [",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_is_one_sentence(what):
    with pytest.raises(CardError) as caught:
        parse_toml(HOSTILE[what], "card.toml")
    message = str(caught.value)
    assert message.startswith("card.toml: ") and len(message) < 300
    assert "; " in message


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("command", [("card", "check"), ("experiment", "run")])
def test_both_cards_are_read_by_it(what, command, tmp_path, capsys):
    card = tmp_path / "card.toml"
    card.write_text(HOSTILE[what], encoding="utf-8")
    code = main([*command, str(card)])
    lines = capsys.readouterr().err.strip().splitlines()
    assert code == 2
    assert lines[-1].startswith("femristor: error: ") and "card.toml" in lines[-1]
    assert not any("Traceback" in line for line in lines)


def test_integers_of_eighteen_digits_are_numbers():
    assert parse_toml("seed = 999999999999999999", "x") == {"seed": 10**18 - 1}
    with pytest.raises(CardError, match="seed is an integer of more than 18 digits"):
        parse_toml("seed = 1000000000000000000", "x")
