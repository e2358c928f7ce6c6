"""From a network to a `TrainingCheckpoint` and back, without pickle."""

from pathlib import Path

import numpy as np
import torch

from femristor.core import store
from femristor.core.errors import InputError, StoreError
from femristor.nn.layers.state import EXTRA, OTHER_DEVICES
from femristor.nn.results.training import NamedArray, TrainingCheckpoint


def network_arrays(network: torch.nn.Module) -> tuple[NamedArray, ...]:
    """All tensors of a network's state_dict, in its order.

    Args:
        network: any model.

    Returns:
        Copies as NumPy arrays with their names.
    """
    state = network.state_dict()
    return tuple(NamedArray(name, np.array(tensor.detach().cpu().numpy())) for name, tensor in state.items())


def restore_network(network: torch.nn.Module, tensors: tuple[NamedArray, ...], *, origin: str) -> None:
    """Put saved tensors back, in place; all of them or none.

    Args:
        network: model of the same architecture.
        tensors: from `network_arrays`.
        origin: file that they come from, for the message.

    Raises:
        InputError: the architecture differs, or the devices do.
    """
    own = network.state_dict()
    saved = {item.name: np.asarray(item.values) for item in tensors}
    for name in sorted(set(own) | set(saved)):
        if name not in own or name not in saved or tuple(own[name].shape) != saved[name].shape:
            raise InputError(
                f"{origin}: the checkpoint belongs to another architecture ({name} differs); start over with another --out."
            )
    for name, tensor in own.items():
        # Looked at here for all layers: `load_state_dict` would have changed those before the one that differs.
        if name.endswith(EXTRA) and not np.array_equal(tensor.cpu().numpy(), saved[name]):
            raise InputError(f"{origin}: {OTHER_DEVICES}")
    network.load_state_dict({name: torch.from_numpy(np.array(values)) for name, values in saved.items()})


def load_checkpoint(path: str | Path, settings: dict) -> TrainingCheckpoint:
    """Read a checkpoint and check that it continues this run.

    Args:
        path: the file.
        settings: of the run that wants to continue; the number of epochs and threads may differ.

    Returns:
        The checkpoint.

    Raises:
        StoreError: no such file, not a checkpoint, truncated, newer schema.
        InputError: a setting differs.
    """
    if not Path(path).exists():
        raise StoreError(
            f"{path}: no such file, so no checkpoint to go on from; leave out --resume, or give the --out of the run that was stopped."
        )
    found = store.load(path, TrainingCheckpoint)
    names = [*settings, *(name for name in found.settings if name not in settings)]
    for name in sorted(names, key=lambda name: (name in settings) + (name in found.settings), reverse=True):
        if name != "epochs" and settings.get(name) != found.settings.get(name):
            was, now = (
                f"{name} = {side[name]}" if name in side else f"no {name}"
                for side in (found.settings, settings)
            )
            raise InputError(
                f"{path}: the checkpoint was made with {was}, this run has {now}; "
                "use the same settings, or another --out to start over."
            )
    return found
