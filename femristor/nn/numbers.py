"""Numbers of layers: each array of a network has its own, and with it its devices, first weights and pulses.

A layer that its user did not number has number 0 until it meets another one of its seed and number in a model; then it is
made again with the smallest number that is free there. So the cells of a model are a function of the model and its seeds:
built again they are the same, and no two layers in it share any. That happens as layers are put into a module (a hook of
torch) and once more in `AnalogSGD`. It is done to layers that are as they were made only: one that was trained, loaded or
written keeps its cells, and so does its copy (a deep copy is the same piece of hardware).
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.modules.module import register_module_module_registration_hook

from femristor.core.errors import InputError
from femristor.nn.arguments import require_whole

PARTS = 2**16


def part_number(number: int, index: int) -> int:
    """Tile number of a part of a layer; no two parts, and no part and whole layer, share one.

    Args:
        number: of the whole, below 2^16 (or itself a part's number).
        index: of the part, below 2^16.

    Returns:
        (number + 1) 2^16 + index.

    Raises:
        InputError: numbers below 0, or more than 2^16 parts.
    """
    if number < 0 or not 0 <= index < PARTS:
        raise InputError(
            f"Part {index} of layer {number} has no number; use layers from 0 on, of at most {PARTS} tiles."
        )
    return (number + 1) * PARTS + index


@dataclass(frozen=True)
class CellNumber:
    """What names the cells of a layer.

    Attributes:
        seed: of the user.
        number: of the layer.
        again: makes the layer with another number; None where the user gave the number, or it is settled.
    """

    seed: int
    number: int
    again: Callable[..., torch.nn.Module] | None = None

    def __deepcopy__(self, _memo) -> "CellNumber":
        return self


class _Known:
    """Whether any layer without a number was made in this process; before that the hook has nothing to do."""

    waiting = False


def numbered(init):
    """Decorator of a layer's `__init__`: `number=None` is 0, and the layer can be made again with another number."""

    @functools.wraps(init)
    def build(self, *sizes, number: int | None = None, **options) -> None:
        seed = options.get("seed", 0)
        require_whole(seed, name="seed")
        if number is not None:
            require_whole(number, name="number")
        init(self, *sizes, number=int(number or 0), **options)
        again = None
        if number is None:
            owner = next(kind for kind in type(self).__mro__ if kind.__dict__.get("__init__") is build)
            again = functools.partial(owner, *sizes, **options)
            _Known.waiting = True
        self.cell_number = CellNumber(int(seed), int(number or 0), again)

    return build


def units(module: torch.nn.Module | None) -> list[torch.nn.Module]:
    """Layers of a model that have a number, each once, without their parts.

    Args:
        module: the model, or such a layer.

    Returns:
        In the order of the model.
    """
    found: dict[int, torch.nn.Module] = {}
    seen: set[int] = set()

    def look(part: torch.nn.Module) -> None:
        if id(part) in seen:
            return
        seen.add(id(part))
        if "cell_number" in part.__dict__:
            found[id(part)] = part
            return
        for child in part._modules.values():
            if child is not None:
                look(child)

    if module is not None:
        look(module)
    return list(found.values())


def settle(layers: list[torch.nn.Module]) -> None:
    """Give layers that were not numbered numbers of their own among these.

    Args:
        layers: of one model, those first that keep theirs where two could move.
    """
    used = {(layer.cell_number.seed, layer.cell_number.number) for layer in layers}
    holders: dict[tuple[int, int], torch.nn.Module] = {}
    for layer in layers:
        name = layer.cell_number
        key = (name.seed, name.number)
        holder = holders.setdefault(key, layer)
        if holder is layer:
            continue
        moved = layer if _movable(layer) else holder if _movable(holder) else None
        if moved is None:
            continue
        free = next(number for number in range(len(used) + 1) if (name.seed, number) not in used)
        _make_again(moved, free)
        used.add((name.seed, free))
        holders[(name.seed, free)] = moved
        holders[key] = layer if moved is holder else holder


def fix(layers: list[torch.nn.Module]) -> None:
    """From now on these layers keep their numbers (and what they were made from is forgotten)."""
    for layer in layers:
        name = layer.cell_number
        layer.cell_number = CellNumber(name.seed, name.number)


def _movable(layer: torch.nn.Module) -> bool:
    """Whether a layer has no number of its user and is as it was made."""
    name = layer.cell_number
    state = layer.state_dict()
    if name.again is None or any(values.is_meta for values in state.values()):
        return False
    made = name.again(number=name.number).state_dict()
    fresh = made.keys() == state.keys() and all(torch.equal(state[k].cpu(), made[k]) for k in made)
    if not fresh:
        fix([layer])
    return fresh


@torch.no_grad()
def _make_again(layer: torch.nn.Module, number: int) -> None:
    """The cells, weights and states of another number, in place: parameters stay the same objects."""
    name = layer.cell_number
    twin = name.again(number=number)
    for part, made in zip(layer.modules(), twin.modules(), strict=True):
        if hasattr(part, "take_cells"):
            part.take_cells(made)
    layer.load_state_dict(twin.state_dict())
    layer.cell_number = CellNumber(name.seed, number, name.again)


def _on_registration(parent: torch.nn.Module, name: str, child: torch.nn.Module | None) -> None:
    if not _Known.waiting or child is None or "cell_number" in parent.__dict__:
        return
    incoming = units(child)
    if not incoming:
        return
    replaced = {id(layer) for layer in units(parent._modules.get(name))}
    known = [layer for layer in units(parent) if id(layer) not in replaced]
    ours = {id(layer) for layer in known}
    both = known + [layer for layer in incoming if id(layer) not in ours]
    if any(layer.cell_number.again is not None for layer in both):
        settle(both)


register_module_module_registration_hook(_on_registration)
