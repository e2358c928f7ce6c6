"""Checks of torch for `femristor doctor`. In: nothing. Out: one `Check` with the device that arrays use."""

from femristor.core.environment import Check, run_check
from femristor.core.errors import MissingDependencyError


def checks() -> list[Check]:
    """Check torch by a small product in double precision.

    Returns:
        One `Check`.
    """
    return [run_check("torch", _torch, remedy="run 'make setup' to install the tested version")]


def _torch() -> str:
    import torch

    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if has_gpu else "cpu")
    row = torch.arange(4.0, dtype=torch.float64, device=device)
    if float(row @ row) != 14.0:
        raise MissingDependencyError(f"the product of two vectors on {device} is wrong")
    name = torch.cuda.get_device_name(device) if has_gpu else f"{torch.get_num_threads()} threads"
    return f"{torch.__version__} on {device} ({name})"
