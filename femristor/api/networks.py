"""The trained network on programmed cells: cells of the array under the networks of nn."""

from femristor.array.weights import weight_arrays
from femristor.device.card import DeviceCard
from femristor.nn.arguments import require_card
from femristor.nn.inference.aging import Programmed, programmed


def program(network, card: DeviceCard, **options) -> Programmed:
    """Put a network on crossbars of a card's cells and program them.

    Args:
        network: of `train`, or any torch model; what is on devices is read off them.
        card: device card: window, programming error, relaxation, read noise.
        **options: of `femristor.nn.inference.aging.programmed`: mapping ("differential", "single-ended"), calibration,
            seed, draw, max_tile, and fields of `InferenceSettings`.

    Returns:
        Programmed, at time 0; `at("10 years").accuracy(data)` lets it age.

    Raises:
        InputError: no card, a network without layers for crossbars, or settings that do not fit.
    """
    require_card(card)
    return programmed(network, weight_arrays(card), **options)
