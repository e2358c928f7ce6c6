"""State of layers on arrays: what moves, what does not, and state_dicts of another architecture.

`model.bfloat16()`, `.half()` and `.double()` move nothing of it: weights and rule states stay float32, so that an update
never loses bits. `.to(device)` moves all of it.
"""

import torch

from femristor.core.errors import InputError

EXTRA = "_extra_state"
OTHER_DEVICES = "The checkpoint belongs to other devices; build the network with the same card, device, rule and seed as then."


class CrossbarState(torch.nn.Module):
    """float32 state, and a state_dict that refuses another architecture or other devices before this layer takes anything.

    `checkpoint.restore_network` looks at all layers of a network before it changes the first one.

    Attributes:
        is_part: whether a layer around it has looked at the values of its inputs already.
        place: where a conversion put it, for messages.
    """

    is_part = False
    place = ""

    def _apply(self, fn, recurse=True):
        def moved(tensor):
            new = fn(tensor)
            return new if new.dtype == tensor.dtype else tensor.to(new.device)

        return super()._apply(moved, recurse)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        own = self.state_dict(prefix=prefix)
        for key in state_dict:
            if key.startswith(prefix) and key not in own:
                raise InputError(_other(key, "which this layer does not have"))
        for key, tensor in own.items():
            if key not in state_dict:
                raise InputError(_other(key, "which is missing there"))
            found = state_dict[key]
            if not key.endswith(EXTRA) and found.shape != tensor.shape:
                shapes = f"of shape {tuple(found.shape)}, here {tuple(tensor.shape)}"
                raise InputError(_other(key, shapes))
        for key, tensor in own.items():
            if key.endswith(EXTRA) and not torch.equal(state_dict[key].cpu(), tensor.cpu()):
                raise InputError(OTHER_DEVICES)
        super()._load_from_state_dict(state_dict, prefix, *args)


def _other(key: str, how: str) -> str:
    return f"The state belongs to another architecture ({key}, {how}); build the network as it was then."
