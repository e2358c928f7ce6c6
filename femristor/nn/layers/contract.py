"""What a layer on arrays accepts: one check of its input, one sentence where it does not fit.

Looked at, in this order: a torch tensor; floating point; axes; width; entries at all; the torch device of the weights;
NaN and infinity. All but the last cost about a microsecond. The last is one sum, made in training and calibration, on the
CPU; elsewhere it would halt the stream. In evaluation NaN passes through to the result as in torch. Nor are values looked at
where there are none yet: in a graph that is compiled, on the meta device, inside `torch.func.vmap`.
"""

import math
from dataclasses import dataclass

import torch

from femristor.core.errors import InputError

FLOATS = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
_SIZES = (
    ("in_features", "out_features"),
    ("in_channels", "out_channels"),
    ("input_size", "hidden_size"),
    ("inputs", "outputs"),
)


@dataclass(frozen=True)
class Needs:
    """Shape of the inputs of one layer.

    Attributes:
        width: entries of the axis that the weights multiply.
        axis: that axis, counted from the end.
        ranks: numbers of axes that are possible; none for any from 1 on.
        words: the shape in words, e.g. "(..., 4)".
        what: the axis in words, e.g. "inputs".
    """

    width: int
    axis: int = -1
    ranks: tuple[int, ...] = ()
    words: str = ""
    what: str = "inputs"

    def fits(self, x: torch.Tensor) -> bool:
        """Whether a tensor has these axes and this width."""
        axes = x.ndim
        return (axes in self.ranks if self.ranks else axes > 0) and x.shape[self.axis] == self.width


def vectors(width: int) -> Needs:
    """Inputs (..., width), as a fully connected layer takes them."""
    return Needs(width, words=f"(..., {width})")


def check_input(layer, x, needs: Needs, *, where: torch.device | None = None, values: bool = True) -> None:
    """Refuse what a layer cannot multiply.

    Args:
        layer: torch module, for its name.
        x: what it was given.
        needs: shape of its inputs.
        where: torch device of its weights; None where inputs of all devices are moved to the cells.
        values: whether NaN and infinity are looked for.

    Raises:
        InputError: no tensor, not floating point, other axes or width, empty, on another device, NaN or infinite.
    """
    if (
        not isinstance(x, torch.Tensor)
        or x.dtype not in FLOATS
        or not needs.fits(x)
        or x.numel() == 0
        or (x.device != where if where is not None else x.is_meta)
    ):
        raise InputError(f"{layer_name(layer)} {_fault(x, needs, where)}")
    if values and not _finite(x):
        bad = int((~torch.isfinite(x)).sum())
        raise InputError(
            f"{layer_name(layer)} got {bad} NaN or infinite inputs of {x.numel()}, but needs finite ones: look at the data and at "
            "the layer before, or lower the learning rate."
        )


def check_state(layer, state, shape: tuple[int, ...], *, where: torch.device | None = None) -> None:
    """Refuse a recurrent state that does not belong to the inputs.

    Args:
        layer: torch module, for its name.
        state: (h, c).
        shape: of each.
        where: torch device that they must be on; None for any.

    Raises:
        InputError: not two floating-point tensors of this shape, on another device, NaN or infinite.
    """
    parts = tuple(state) if isinstance(state, tuple | list) else (state,)
    if len(parts) == 2 and all(isinstance(p, torch.Tensor) and p.dtype in FLOATS for p in parts):
        placed = all(p.device == where if where is not None else not p.is_meta for p in parts)
        if placed and all(tuple(p.shape) == shape for p in parts) and all(map(_finite, parts)):
            return
    got = ", ".join(_described(part) for part in parts)
    raise InputError(
        f"{layer_name(layer)} got the state ({got}), but needs two tensors of shape {shape}, finite and floating-point"
        f"{_on(where)}: give the state that came back, or none to start from zeros."
    )


def patch_counts(layer, pixels, *, kernel, stride, padding, dilation) -> list[int]:
    """Places of a kernel along both axes of an image.

    Args:
        layer: torch module, for its name.
        pixels: (height, width).
        kernel: pixels of the kernel.
        stride: between places.
        padding: zeros on each side.
        dilation: between pixels of the kernel.

    Returns:
        Height and width of the result.

    Raises:
        InputError: the image is smaller than the kernel.
    """
    spans = [pixels[k] + 2 * padding[k] - dilation[k] * (kernel[k] - 1) - 1 for k in (0, 1)]
    if min(spans) < 0:
        raise InputError(
            f"{layer_name(layer)} got an image of {pixels[0]} x {pixels[1]} pixels, which is smaller than the kernel "
            f"{tuple(kernel)}: pad it, or give a larger one."
        )
    return [span // step + 1 for span, step in zip(spans, stride, strict=True)]


def layer_name(layer) -> str:
    """Class and sizes of a layer, and its place in the model where a conversion noted it."""
    sizes = next((pair for pair in _SIZES if all(hasattr(layer, name) for name in pair)), ())
    inside = ", ".join(str(getattr(layer, name)) for name in sizes)
    place = vars(layer).get("place", "")
    return f"{type(layer).__name__}({inside})" + (f" at {place}" if place else "")


def _finite(x: torch.Tensor) -> bool:
    """One sum sees every NaN and infinity; only where it overflows are all entries looked at."""
    if not x.is_cpu or torch.compiler.is_compiling():
        return True
    try:
        total = (x.detach() if x.requires_grad else x).sum().item()
        return math.isfinite(total) or bool(torch.isfinite(x).all())
    except RuntimeError:
        return True


def _fault(x, needs: Needs, where: torch.device | None) -> str:
    if not isinstance(x, torch.Tensor):
        remedy = (
            "unpack it first" if hasattr(x, "batch_sizes") else "make one with torch.as_tensor(x).float()"
        )
        kind = f"a {type(x).__module__}.{type(x).__qualname__}".replace("a builtins.", "a ")
        return f"got {kind}, but needs a floating-point tensor {needs.words}: {remedy}."
    if x.dtype not in FLOATS:
        return (
            f"got inputs of type {_type(x)}, but needs float32 (or float16, bfloat16, float64): "
            "convert them with .float(), or encode them first where they are numbers of classes."
        )
    if not needs.fits(x):
        return (
            f"got inputs of shape {tuple(x.shape)}, but needs {needs.words}, {needs.width} {needs.what}: "
            f"{_reshape(x, needs)}."
        )
    if x.numel() == 0:
        return f"got an empty batch of shape {tuple(x.shape)}, but needs 1 sample or more: leave empty batches out."
    return (
        f"got inputs on the device {x.device}, but needs them{_on(where) or ' on one that holds values'}: "
        f"call x.to('{where or 'cpu'}')" + (" or model.to(...)." if where is not None else ".")
    )


def _reshape(x: torch.Tensor, needs: Needs) -> str:
    if needs.ranks and x.ndim not in needs.ranks:
        axes = " or ".join(map(str, needs.ranks))
        return f"give {axes} axes instead of {x.ndim}"
    if x.ndim == 0:
        return "give a vector or a batch of vectors"
    place = "last axis" if needs.axis == -1 else f"axis {needs.axis} (counted from the end)"
    return f"the {place} has {x.shape[needs.axis]} entries; reshape or select, or build the layer with {x.shape[needs.axis]} {needs.what}"


def _described(x) -> str:
    if not isinstance(x, torch.Tensor):
        return type(x).__name__
    bad = "" if _finite(x) or x.dtype not in FLOATS else ", NaN or infinite"
    return f"{_type(x)} {tuple(x.shape)} on {x.device}{bad}"


def _type(x: torch.Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def _on(where: torch.device | None) -> str:
    return "" if where is None else f" on {where}"
