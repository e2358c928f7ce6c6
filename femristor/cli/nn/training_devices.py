"""The device under trained weights: soft bounds of a card, a device file, or steps of the compact model."""

from pathlib import Path

import click

from femristor.core.errors import InputError

DEVICE_FILES = (".h5", ".hdf5")


class DeviceName(click.Choice):
    """One of the names, or the path of an HDF5 file that holds a device."""

    def convert(self, value, param, ctx):
        """The name, or the path as it is."""
        return value if str(value).lower().endswith(DEVICE_FILES) else super().convert(value, param, ctx)


def device_named(card, name: str, path: str | None = None, *, nsr: float | None = None, changes=None):
    """A device for training.

    Args:
        card: device card.
        name: "paper" (soft bounds of the card), "symmetric" (the same with its symmetry point in the middle),
            "table" (from `path`), "fp", or an HDF5 file of `femristor fit device`.
        path: file of the device where the name is "table": see `device_from_file`.
        nsr: noise of a step over its mean; the card's by default.
        changes: fields of `SoftBoundsDevice` to replace.

    Returns:
        The device; None for floating point.

    Raises:
        InputError: no file, or numbers that are not possible.
    """
    from dataclasses import replace

    from femristor.nn.devices.soft_bounds import SoftBoundsDevice

    if name == "fp":
        if path is not None or nsr is not None:
            raise InputError("--device fp has no devices; leave out --table and --nsr.")
        return None
    if path is not None and name in ("paper", "symmetric"):
        raise InputError(f"--table {path} is for --device table, not {name}; leave one of them out.")
    if name.lower().endswith(DEVICE_FILES):
        from femristor.nn.devices.files import load_device

        if path is not None or nsr is not None:
            raise InputError(f"--device {name} holds its own steps and noise; leave out --table and --nsr.")
        return load_device(name)
    if name == "table":
        if path is None:
            raise InputError(
                "--device table needs --table FILE: make one with `femristor compact build --out compact.h5`, or give a CSV of steps."
            )
        return device_from_file(card, path, nsr)
    noise = card.statistics.pulses.noise_to_signal if nsr is None else nsr
    soft = replace(SoftBoundsDevice.from_card(card), noise_to_signal=noise)
    soft = soft.symmetric() if name == "symmetric" else soft
    if not changes:
        return soft
    listed = ", ".join(f"{key} {value:g}" for key, value in sorted(changes.items()))
    return replace(soft, **changes, label=f"{soft.label}, {listed}")


def device_from_file(card, path: str | Path, nsr: float | None = None):
    """A device from a file.

    Args:
        card: device card.
        path: HDF5 of `femristor compact build`, of pulse steps or of a fitted device, or a CSV of steps.
        nsr: noise of a step over its mean, for a file without noise of its own; the card's by default.

    Returns:
        The device.

    Raises:
        InputError: a file of something else, steps without a symmetry point, or a noise for a file that has its own.
    """
    from femristor.nn.devices.table_device import TableDevice

    if Path(path).suffix.lower() in (".h5", ".hdf5"):
        from femristor.nn.devices.files import device_of

        found = _hdf5(card, path)
        device = device_of(found)
        if device is not None:
            if nsr is not None:
                raise InputError(f"{path}: this device has its own noise; leave out nsr.")
            return device
    else:
        from femristor.array.statistics.pulse_model import read_step_table

        found = read_step_table(path)
    label = f"steps of {Path(path).name}"
    noise = card.statistics.pulses.noise_to_signal if nsr is None else nsr
    return TableDevice.from_steps(found.conductance_S, found.step_up_S, found.step_down_S, noise, label=label)


def plan_device(plan, card):
    """Device of a run of a run card.

    Args:
        plan: `femristor.nn.train.run_card.RunPlan`.
        card: device card.

    Returns:
        The device; None for floating point.

    Raises:
        InputError: changes that a file's device does not know, and what `device_named` refuses.
    """
    if plan.device in ("paper", "symmetric", "fp"):
        return device_named(card, plan.device, changes=plan.device_settings)
    others = sorted(set(plan.device_settings) - {"noise_to_signal"})
    if others:
        raise InputError(
            f"run {plan.name}: device_settings has {others[0]}, but the device comes from {plan.device}; keep nsr only."
        )
    return device_named(card, "table", plan.device, nsr=plan.device_settings.get("noise_to_signal"))


def _hdf5(card, path: str | Path):
    from femristor.compact.dynamics.pulses import pulse_steps
    from femristor.compact.results.table import CompactTable, PulseSteps
    from femristor.core import store
    from femristor.nn.devices.files import device_of

    found = store.load(path)
    if isinstance(found, CompactTable):
        return pulse_steps(found, card)
    if isinstance(found, PulseSteps) or device_of(found) is not None:
        return found
    raise InputError(
        f"{path}: neither a compact table nor pulse steps nor a device; make one with `femristor compact build`."
    )
