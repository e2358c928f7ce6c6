"""`AnalogSGD`: hands the learning rate to the pulse rules of analog layers, plain SGD for the rest."""

import math

import torch

from femristor.core.errors import InputError
from femristor.nn.arguments import require_model
from femristor.nn.layers.contract import layer_name
from femristor.nn.layers.linear import AnalogLinear
from femristor.nn.layers.numbers import fix, settle, units
from femristor.nn.layers.stepping import claim
from femristor.nn.update.rows import RowWork, check_threads


class AnalogSGD(torch.optim.Optimizer):
    """Optimiser of a model with analog layers; a drop-in for `torch.optim.SGD`.

    Analog layers are updated by their rule, sample after sample, with the group's `lr`; digital parameters by
    `p -= lr * gradient`. Learning-rate schedulers work on `param_groups` as usual. Layers that share cells get their own
    here at the latest (`femristor.nn.layers.numbers`), and keep them from here on.

    Args:
        model: the model; its analog layers are found in it.
        lr: learning rate.
        groups: parameter groups as torch takes them; all parameters of the model by default.
        threads: threads for the pulse kernels; results do not depend on it.
        path: "sequential" (compiled kernels, CPU) or "batched" (torch, any device; `femristor.nn.update.batched`).
        sub_batch: samples over which the batched path freezes the state; the default is AGAD's `transfer_every`.

    Attributes:
        fast_pulses: pulses fired on fast arrays so far.
        slow_pulses: pulses fired on weights so far.

    Raises:
        InputError: no model, weights that are parametrised or shared, a rate that is not positive and finite, an unknown path,
            an empty sub-batch.
    """

    takes_records = True

    def __init__(
        self,
        model: torch.nn.Module,
        lr: float,
        *,
        groups=None,
        threads: int = 1,
        path: str = "sequential",
        sub_batch: int = 3,
    ) -> None:
        require_model(model)
        if not _is_rate(lr) or lr == 0:
            raise InputError(f"The learning rate is {lr}; give a positive number.")
        self._layers = _layers_by_weight(model)
        if path not in ("sequential", "batched") or sub_batch < 1:
            raise InputError(
                f"Path '{path}' with sub-batches of {sub_batch} is not possible; take 'sequential' or 'batched', and 1 or more samples."
            )
        self.threads = check_threads(threads, "threads")
        self.sub_batch = sub_batch if path == "batched" else 0
        self.fast_pulses = 0
        self.slow_pulses = 0
        super().__init__(list(model.parameters()) if groups is None else groups, {"lr": lr})
        numbered = units(model)
        settle(numbered)
        fix(numbered)
        taken = {id(value) for group in self.param_groups for value in group["params"]}
        claim([layer for weight, layer in self._layers.items() if weight in taken], self)

    @torch.no_grad()
    def step(self, closure=None):
        """Apply one batch.

        Args:
            closure: recomputes the loss, as torch has it.

        Returns:
            The closure's loss, or None.

        Raises:
            InputError: a gradient or a rate is NaN or infinite, or the backward pass was in evaluation mode; then nothing has
                changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._check_gradients()
        work = RowWork(self.threads)
        try:
            for group in self.param_groups:
                for parameter in group["params"]:
                    layer = self._layers.get(id(parameter))
                    if layer is not None:
                        layer.start_updates(group["lr"], work=work, sub_batch=self.sub_batch)
                    elif parameter.grad is not None:
                        parameter.add_(parameter.grad, alpha=-group["lr"])
        finally:
            # A planned layer is always carried out: its counters have moved on.
            fast, slow = work.finish()
            self.fast_pulses += fast
            self.slow_pulses += slow
        return loss

    def _check_gradients(self) -> None:
        for group in self.param_groups:
            if not _is_rate(group["lr"]):
                raise InputError(f"The learning rate is {group['lr']}; give 0 or a positive number.")
            for parameter in group["params"]:
                layer = self._layers.get(id(parameter))
                if layer is not None:
                    layer.check_records(sub_batch=self.sub_batch)
                elif parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
                    raise InputError(
                        f"The gradient of a digital parameter of shape {tuple(parameter.shape)} is NaN or infinite; "
                        "lower the learning rate or check the loss."
                    )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget gradients and what the analog layers kept."""
        super().zero_grad(set_to_none=set_to_none)
        for layer in self._layers.values():
            layer.forget_records()


def _is_rate(lr) -> bool:
    try:
        return math.isfinite(lr) and lr >= 0
    except (TypeError, ValueError):
        return False


def _layers_by_weight(model: torch.nn.Module) -> dict[int, AnalogLinear]:
    """Analog layers by the parameter that stands for their array in `param_groups`."""
    found: dict[int, AnalogLinear] = {}
    for layer in model.modules():
        if not isinstance(layer, AnalogLinear):
            continue
        weight = layer._parameters.get("weight")
        if weight is None:
            raise InputError(
                f"The weight of {layer_name(layer)} is computed from other tensors (a parametrisation, pruning or weight norm), "
                "which pulses cannot reach: remove it, e.g. with torch.nn.utils.parametrize.remove_parametrizations."
            )
        if id(weight) in found:
            raise InputError(
                f"The weight of {layer_name(layer)} is that of another analog layer too, but an array cannot be at two places: "
                "use the same layer twice, or give each its own weight."
            )
        found[id(weight)] = layer
    return found
