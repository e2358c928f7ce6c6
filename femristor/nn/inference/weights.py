"""Weights of the inference networks in files."""

from pathlib import Path

import torch

from femristor.core import store
from femristor.core.errors import InputError
from femristor.core.provenance import Provenance
from femristor.nn.inference.networks import build_network
from femristor.nn.results.inference import NetworkWeights, Settings
from femristor.nn.train.checkpoint import network_arrays, restore_network


def pack_weights(
    network: torch.nn.Module, name: str, settings: Settings, *, value: float, provenance: Provenance
) -> NetworkWeights:
    """A trained network as a result that can be stored.

    Args:
        network: trained.
        name: of its architecture, one of `inference_networks.NETWORKS`.
        settings: how it was trained.
        value: figure of merit in floating point.
        provenance: where it comes from.

    Returns:
        NetworkWeights.
    """
    return NetworkWeights(name, network_arrays(network), settings, value, provenance)


def load_weights(path: str | Path, name: str) -> tuple[torch.nn.Module, NetworkWeights]:
    """Read a trained network.

    Args:
        path: file of `NetworkWeights`.
        name: architecture that is wanted.

    Returns:
        The network in evaluation, and what the file holds.

    Raises:
        StoreError: no such file, or of another kind.
        InputError: another network.
    """
    found = store.load(path, NetworkWeights)
    if found.network != name:
        raise InputError(
            f"{path}: holds the network {found.network}, but {name} is wanted; give its weights."
        )
    network = build_network(name, seed=0)
    restore_network(network, found.tensors, origin=str(path))
    return network.eval(), found
