"""femristor export: a device as the configuration of another simulator."""

import click

from femristor.cli.frame.options import CommandGroup, Context, common_options, out_option
from femristor.core.errors import InputError


@click.group("export", cls=CommandGroup)
def command() -> None:
    """Write a device for another simulator.

    Compact models go to circuit simulators with `femristor compact export`.
    """


@command.command("aihwkit")
@click.option("--card", default=None, metavar="CARD", help="Device card; cmo_hfox without --device.")
@click.option("--device", default=None, metavar="FILE", help="HDF5 of `femristor fit device` instead.")
@click.option("--symmetric", is_flag=True, help="Soft bounds with the symmetry point in mid-window.")
@out_option("Python file that builds the rpu_config.", default="aihwkit_config.py")
@common_options
def aihwkit(context: Context, *, card: str | None, device: str | None, symmetric: bool, out: str) -> None:
    """Write an aihwkit configuration: a Python file with rpu_config() for AGAD training on the device.

    Soft bounds become a PowStepDevice, step tables a PiecewiseStepDevice. The file says what is lost.
    """
    from pathlib import Path

    from femristor.core.io.files import atomic_write
    from femristor.device import load_card
    from femristor.nn.devices.aihwkit_text import aihwkit_text, peer_device
    from femristor.nn.devices.files import load_device
    from femristor.nn.devices.soft_bounds import SoftBoundsDevice

    if card is not None and device is not None:
        raise InputError("Give either --card or --device to export, not both.")
    if Path(out).suffix != ".py":
        raise InputError(f"--out {out}: the configuration is a Python file; use the ending .py.")
    if device is None:
        loaded = load_card(card or "cmo_hfox")
        under, source = SoftBoundsDevice.from_card(loaded), f"the soft bounds of the card {loaded.name}"
    else:
        under, source = load_device(device), f"the device in {Path(device).name}"
    if symmetric:
        if not isinstance(under, SoftBoundsDevice):
            raise InputError(
                "--symmetric moves the symmetry point of soft bounds; step tables have their own."
            )
        under = under.symmetric()
    text = aihwkit_text(under, source=source, seed=context.seed)
    peer = peer_device(under, seed=context.seed)
    with atomic_write(out) as stream:
        stream.write(text)
    payload = {"out": out, "kind": peer.kind, "symmetry_point": peer.symmetry_point, "lost": peer.lost}
    lines = [f"wrote {out}: {peer.kind}, symmetry point {peer.symmetry_point:.3f}"]
    if peer.kind == "PowStepDevice":
        lines.append(f"dw_min {peer.values['dw_min']:.4g}, up_down {peer.values['up_down']:.3f}")
    lines += [f"not carried over: {sentence}." for sentence in peer.lost]
    context.emit({**payload, "values": peer.values}, "\n".join(lines))
