"""The update rules by the names that commands and run cards use."""

from collections.abc import Callable

from femristor.core.errors import InputError
from femristor.nn.update.rules.agad import AgadSettings
from femristor.nn.update.rules.analog_sgd import AnalogSgdSettings
from femristor.nn.update.rules.chopped import chopped_settings
from femristor.nn.update.rules.mixed_precision import MixedPrecisionSettings
from femristor.nn.update.rules.ttv1 import ttv1_settings
from femristor.nn.update.rules.ttv2 import ttv2_settings

RULES: dict[str, Callable] = {
    "agad": AgadSettings,
    "chopped": chopped_settings,
    "ttv2": ttv2_settings,
    "ttv1": ttv1_settings,
    "mixed": MixedPrecisionSettings,
    "sgd": AnalogSgdSettings,
}


def rule_named(name: str, **settings):
    """Settings of a rule.

    Args:
        name: one of `RULES`.
        **settings: what differs from its defaults.

    Returns:
        Its settings.

    Raises:
        InputError: an unknown rule or setting.
    """
    if name not in RULES:
        raise InputError(f"There is no update rule '{name}'; use {', '.join(RULES)}.")
    try:
        return RULES[name](**settings)
    except TypeError:
        raise InputError(
            f"The rule '{name}' does not know one of {', '.join(sorted(settings))}; correct its name."
        ) from None
