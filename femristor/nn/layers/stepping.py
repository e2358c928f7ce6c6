"""Who takes what analog layers keep: their `AnalogSGD`, and no other optimiser.

The weight of an array has no gradient, so that another optimiser passes it by in silence while the layer keeps one batch
after the other. A hook of torch before each optimiser's step says so; what layers keep without an optimiser is bounded.
"""

import weakref

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from femristor.core.errors import InputError
from femristor.nn.layers.contract import layer_name

MOST_KEPT_BYTES = 2**28
"""By all layers together that no AnalogSGD steps."""
_OWNERS: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()
_WAITING: weakref.WeakSet = weakref.WeakSet()


def claim(layers, optimiser: torch.optim.Optimizer) -> None:
    """Note that an optimiser takes what these layers keep.

    Args:
        layers: analog layers.
        optimiser: an `AnalogSGD`.
    """
    for layer in layers:
        _OWNERS[layer] = weakref.ref(optimiser)


def is_owned(layer) -> bool:
    """Whether there is an `AnalogSGD` that takes what this layer keeps."""
    owner = _OWNERS.get(layer)
    return owner is not None and owner() is not None


def note_kept(layer) -> None:
    """Called by a layer that has kept a batch.

    Args:
        layer: `AnalogLinear`.

    Raises:
        InputError: more than 256 MiB in several batches that no optimiser will take; they are dropped.
    """
    if layer.kept_batches == 1:
        _WAITING.add(layer)
    elif not is_owned(layer):
        lost = [other for other in _WAITING if not is_owned(other)]
        if sum(other.kept_bytes for other in lost) > MOST_KEPT_BYTES:
            batches = layer.kept_batches
            for other in lost:
                other.forget_records()
            raise InputError(
                f"{layer_name(layer)} kept {batches} batches for an update that no AnalogSGD makes: train the model with "
                "AnalogSGD(model, lr), or freeze the layer with layer.weight.requires_grad_(False)."
            )


def _before_step(optimiser: torch.optim.Optimizer, _arguments, _named) -> None:
    if not _WAITING or getattr(optimiser, "takes_records", False):
        return
    weights = {id(value) for group in optimiser.param_groups for value in group["params"]}
    for layer in list(_WAITING):
        if not layer.kept_batches:
            _WAITING.discard(layer)
        elif id(layer.weight) in weights and (layer.pass_by() > 1 or not is_owned(layer)):
            layer.forget_records()
            kind = type(optimiser).__name__
            raise InputError(
                f"{kind} cannot move the weights of {layer_name(layer)}, which move by pulses and have no gradient: step with "
                f"AnalogSGD(model, lr), and give {kind} digital parameters only."
            )


register_optimizer_step_pre_hook(_before_step)
