"""Devices in files: one HDF5 file for a device, whether it was fitted, tabulated or put together by hand."""

from pathlib import Path

from femristor.core import store
from femristor.core.errors import StoreError
from femristor.nn.devices.device_result import SoftBoundsPopulation, StepTables
from femristor.nn.devices.parameters import Device
from femristor.nn.devices.soft_bounds import SoftBoundsDevice
from femristor.nn.devices.table_device import TableDevice

KINDS = (SoftBoundsPopulation, StepTables, SoftBoundsDevice, TableDevice)


def save_device(device, path: str | Path) -> Path:
    """Write a device.

    Args:
        device: `SoftBoundsPopulation`, `StepTables`, `SoftBoundsDevice` or `TableDevice`.
        path: HDF5 file.

    Returns:
        The path.

    Raises:
        StoreError: something else.
        OutputError: the file cannot be written.
    """
    if not isinstance(device, KINDS):
        raise StoreError(f"{type(device).__name__} is no device that can be stored.")
    return store.save(device, path)


def device_of(result) -> Device | None:
    """The device of a stored result, None for a result of another kind."""
    if isinstance(result, SoftBoundsPopulation):
        return SoftBoundsDevice.from_population(result)
    if isinstance(result, StepTables):
        return TableDevice.from_tables(result)
    return result if isinstance(result, (SoftBoundsDevice, TableDevice)) else None


def load_device(path: str | Path) -> Device:
    """Read a device.

    Args:
        path: HDF5 file of `femristor fit device` or `save_device`.

    Returns:
        The device, ready to be sampled.

    Raises:
        StoreError: missing, truncated, or a result that is no device.
    """
    found = store.load(path)
    device = device_of(found)
    if device is None:
        name = type(found).__store_name__
        raise StoreError(
            f"{path}: holds {'an' if name[0] in 'AEIOU' else 'a'} {name}, which is no device; make one with "
            f"`femristor fit device {Path(path).name} --out device.h5`."
        )
    return device
