"""What `femristor mvm` sets side by side: cells, wires, remedies and compensations as makers of cells."""

from dataclasses import dataclass

from femristor.core.errors import InputError

DEVICES = {"card": "card", "wan2022": "ReRAM of Wan et al. 2022", "pcm": "PCM"}
WIRES = ("none", "exact", "closed", "both")
DRAWS = 10


@dataclass(frozen=True)
class Choices:
    """Options of the command that choose cells and what is done about them."""

    device: str = "card"
    wires: str = "none"
    segment_ohm: float | None = None
    drive: str = "left"
    sense: str = "bottom"
    remedies: tuple[str, ...] = ()
    compensations: tuple[str, ...] = ()
    refresh_s: float | None = None

    def require(self) -> None:
        """Check that the options fit together.

        Raises:
            InputError: wires of another memory, or a remedy, resistance or sides without the wires that they belong to.
        """
        if self.device != "card" and self.wires != "none":
            raise InputError(
                f"--wires {self.wires} needs the card's cells; leave out --device {self.device}."
            )


def default_draws(size: int, wires: str) -> int:
    """10, with exact wires above 128 as many fewer as the matrix is wider, 2 or more."""
    if wires in ("none", "closed"):
        return DRAWS
    return max(2, min(DRAWS, round(DRAWS * 128 / size)))


def assemble(card, choices: Choices):
    """Makers of cells for the experiment.

    Args:
        card: device card.
        choices: options.

    Returns:
        Cells without wires, variants by name (the first is the main one), and the main one's wires in words.

    Raises:
        InputError: an unknown remedy, options that do not fit together, or impossible wires.
    """
    from femristor.array.statistics.other_memories import weight_arrays_pcm, weight_arrays_wan
    from femristor.array.weights import weight_arrays
    from femristor.nn.mvm.compensation import compensated, refreshed

    choices.require()
    makers = {"card": lambda: weight_arrays(card), "wan2022": weight_arrays_wan, "pcm": weight_arrays_pcm}
    bare = makers[choices.device]()
    variants, corrected, words = _wired(card, choices, bare)
    for name, maker in list(corrected.items()):
        for how in choices.compensations:
            variants[f"{name}, {how}"] = compensated(maker, how)
    if choices.refresh_s is not None:
        name, maker = next(iter(corrected.items()))
        variants[f"{name}, refreshed every {choices.refresh_s:g} s"] = refreshed(maker, choices.refresh_s)
    return bare, variants, words


def _wired(card, choices: Choices, bare):
    """Variants by wires and remedy, those that compensations apply to, and the main one's wires in words."""
    from femristor.array.weights import weight_arrays
    from femristor.array.wires.grid import WireGrid
    from femristor.array.wires.ir_drop import closed_form_arrays
    from femristor.array.wires.wired_weights import remedy_named

    if choices.wires == "none":
        only = {"no wires": bare}
        return dict(only), only, "none"
    given = choices.segment_ohm
    ohm = card.statistics.wire_segment_ohm if given is None else given
    grid = WireGrid(ohm, drive=choices.drive, sense=choices.sense)
    exact, closed = {"exact wires": weight_arrays(card, wires=grid)}, {}
    if choices.wires != "exact":
        closed = {"closed form": closed_form_arrays(card, ohm)}
    if choices.wires == "closed":
        return (
            {**closed, "no wires": bare},
            {"no wires": bare},
            f"aihwkit's closed form, {ohm:g} ohm a segment",
        )
    for remedy in map(remedy_named, choices.remedies):
        exact[f"exact wires, {remedy.name}"] = weight_arrays(card, wires=grid, remedy=remedy)
    first, *rest = exact.items()
    variants = dict([first, *closed.items(), ("no wires", bare), *rest])
    return variants, exact, f"exact, {ohm:g} ohm a segment, drive {grid.drive}, sense {grid.sense}"
