"""Numbers of layers: each array of a network has its own, and with it its devices, first weights and pulses.

A layer that its user did not number has number 0 until it meets another layer of its seed and number in a model; then
it moves to the smallest number that is free there. So the cells of a model follow from the model and its seeds: built
again they are the same, and no two layers in it share any. It happens as layers are put into a module (a hook of torch),
and once more in `AnalogSGD`, after which all numbers stay. Only layers that are as they were made move: one that was
trained, loaded or written keeps its cells. A copy of a layer beside the layer is another piece of hardware with the same
weights.
"""

import functools
import weakref
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch.nn.modules.module import register_module_module_registration_hook

from femristor.core.errors import InputError
from femristor.nn.arguments import require_whole
from femristor.nn.layers.state import EXTRA

PARTS = 2**16
_KEPT_BY_COPIES = ("weight", "digital_bias")


class Offered(int):
    """A number that the library proposes; the layer moves from it as from none."""


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
        span: numbers from there on that the layer takes (one for each layer of an LSTM).
        again: makes the layer with another number; None where the user gave the number, or it is settled.
        made: checksum of the layer's state as it was made, and the entries that it covers.
        copied: whether the layer is a deep copy, which keeps its weights where it moves.
    """

    seed: int
    number: int
    span: int = 1
    again: Callable[..., torch.nn.Module] | None = None
    made: tuple[int, tuple[str, ...]] = (0, ())
    copied: bool = False

    def __deepcopy__(self, _memo) -> "CellNumber":
        return self if self.again is None else replace(self, copied=True)

    def keys(self) -> list[tuple[int, int]]:
        """Each (seed, number) that the layer takes."""
        return [(self.seed, self.number + index) for index in range(self.span)]


def numbered(init):
    """Decorator of a layer's `__init__`: `number=None` is 0, and the layer can be made again with another number."""

    @functools.wraps(init)
    def build(self, *sizes, number: int | None = None, **options) -> None:
        seed = options.get("seed", 0)
        require_whole(seed, name="seed")
        if number is not None:
            require_whole(number, name="number")
        init(self, *sizes, number=int(number or 0), **options)
        name = CellNumber(int(seed), int(number or 0), getattr(self, "num_layers", 1))
        if number is None or isinstance(number, Offered):
            owner = next(kind for kind in type(self).__mro__ if kind.__dict__.get("__init__") is build)
            again = functools.partial(owner, *sizes, **options)
            name = replace(name, again=again, made=_checksum(self, tuple(self.state_dict())))
        self.cell_number = name

    return build


def units(module: torch.nn.Module | None) -> list[torch.nn.Module]:
    """Layers of a model that have a number, each once, without their parts.

    Args:
        module: the model, or such a layer.

    Returns:
        In the order of the model.
    """
    found: list[torch.nn.Module] = []
    seen: set[int] = set()

    def look(part: torch.nn.Module) -> None:
        if id(part) in seen:
            return
        seen.add(id(part))
        if "cell_number" in part.__dict__:
            found.append(part)
            return
        for child in part._modules.values():
            if child is not None:
                look(child)

    if module is not None:
        look(module)
    return found


def settle(layers: list[torch.nn.Module]) -> None:
    """Give layers that their user did not number numbers of their own among these.

    Args:
        layers: of one model; of two that could move, the first one stays.
    """
    used = {key for layer in layers for key in layer.cell_number.keys()}
    held = {key for layer in layers if layer.cell_number.again is None for key in layer.cell_number.keys()}
    for layer in layers:
        if layer.cell_number.again is None:
            continue
        if not held.isdisjoint(layer.cell_number.keys()):
            if not _as_made(layer):
                fix([layer])
                settle(layers)
                return
            _make_again(layer, _free(used, layer.cell_number))
            used.update(layer.cell_number.keys())
        held.update(layer.cell_number.keys())


def fix(layers: list[torch.nn.Module]) -> None:
    """From now on these layers keep their numbers (and what they were made from is forgotten)."""
    for layer in layers:
        layer.cell_number = replace(layer.cell_number, again=None)


def _free(used: set[tuple[int, int]], name: CellNumber) -> int:
    number = 0
    while any((name.seed, number + index) in used for index in range(name.span)):
        number += 1
    return number


def _as_made(layer: torch.nn.Module) -> bool:
    """Whether nothing was trained, loaded, written or kept since the layer was made."""
    if any(getattr(part, "kept_batches", 0) for part in layer.modules()):
        return False
    made = layer.cell_number.made
    return _checksum(layer, made[1]) == made


def _checksum(layer: torch.nn.Module, entries: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """CRC-32 of these entries of a state_dict (-1 where there are none, or no values), and the entries."""
    found, state = 0, layer.state_dict()
    for entry in entries:
        values = state.get(entry)
        if values is None or values.is_meta:
            return -1, entries
        found = zlib.crc32(values.detach().cpu().contiguous().numpy(), zlib.crc32(entry.encode(), found))
    return found, entries


@torch.no_grad()
def _make_again(layer: torch.nn.Module, number: int) -> None:
    """The cells, weights and states of another number, in place: parameters stay the same objects."""
    name = layer.cell_number
    twin = name.again(number=number)
    state = layer.state_dict()
    for key, values in twin.state_dict().items():
        kept = name.copied and key.rpartition(".")[2] in _KEPT_BY_COPIES
        if not kept and not key.endswith(EXTRA):
            state[key].copy_(values)
    for place, made in twin.named_modules():
        if hasattr(made, "take_cells"):
            layer.get_submodule(place).take_cells(made)
    layer.cell_number = replace(name, number=number, made=_checksum(layer, name.made[1]))


_PARENTS: weakref.WeakKeyDictionary[torch.nn.Module, list[weakref.ref]] = weakref.WeakKeyDictionary()


def _roots(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Outermost modules that hold this one."""
    seen, pending = {id(module)}, [module]
    while pending:
        part = pending.pop()
        living = [holder for link in _PARENTS.get(part, ()) if (holder := link()) is not None]
        holders = [holder for holder in living if any(c is part for c in holder._modules.values())]
        if not holders:
            yield part
        for holder in holders:
            if id(holder) not in seen:
                seen.add(id(holder))
                pending.append(holder)


def _on_registration(parent: torch.nn.Module, name: str, child: torch.nn.Module | None) -> None:
    if child is None:
        return
    others = [link for link in _PARENTS.get(child, ()) if link() is not None and link() is not parent]
    _PARENTS[child] = [*others, weakref.ref(parent)]
    incoming = units(child)
    if not incoming or "cell_number" in parent.__dict__:
        return
    replaced = {id(layer) for layer in units(parent._modules.get(name))}
    for root in _roots(parent):
        known = [layer for layer in units(root) if id(layer) not in replaced]
        ours = {id(layer) for layer in known}
        both = known + [layer for layer in incoming if id(layer) not in ours]
        if any(layer.cell_number.again is not None for layer in both):
            settle(both)


register_module_module_registration_hook(_on_registration)
