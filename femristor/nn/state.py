"""State of layers on arrays: what moves, what does not, and state_dicts of another architecture.

`model.bfloat16()`, `.half()` and `.double()` move nothing of it: weights and rule states stay float32, so that an update
never loses bits. `.to(device)` moves all of it.
"""

import torch

from femristor.core.errors import InputError


class CrossbarState(torch.nn.Module):
    """float32 state, and a state_dict that refuses another architecture in one sentence."""

    def _apply(self, fn, recurse=True):
        def moved(tensor):
            new = fn(tensor)
            return new if new.dtype == tensor.dtype else tensor.to(new.device)

        return super()._apply(moved, recurse)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        own = {**self._parameters, **self._buffers}
        own = {name: tensor for name, tensor in own.items() if tensor is not None}
        parts = {*own, *self._modules, "_extra_state"}
        for key in state_dict:
            if key.startswith(prefix) and key[len(prefix) :].partition(".")[0] not in parts:
                raise InputError(_other(key, "which this layer does not have"))
        for name, tensor in own.items():
            found = state_dict.get(prefix + name)
            if found is None:
                raise InputError(_other(prefix + name, "which is missing there"))
            if found.shape != tensor.shape:
                shapes = f"of shape {tuple(found.shape)}, here {tuple(tensor.shape)}"
                raise InputError(_other(prefix + name, shapes))
        super()._load_from_state_dict(state_dict, prefix, *args)


def _other(key: str, how: str) -> str:
    return f"The state belongs to another architecture ({key}, {how}); build the network as it was then."
