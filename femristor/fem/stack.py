"""The geometry recipe: a device card becomes a pile of cylinders around one axis, in nanometres.

In: DeviceCard. Out: `Stack`, from which `mesh2d` draws rectangles in (r, z) and `mesh3d` cylinders.
Blocks are painted in their order: where two overlap the later one wins; the dome comes last.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from femristor.core.errors import InputError
from femristor.device.card import DeviceCard, Material

NM = 1e-9
"""Metres in the internal length unit."""


class Region(IntEnum):
    """Cell tags of every mesh."""

    BOTTOM_ELECTRODE = 1
    OXIDE = 2
    FILAMENT = 3
    DOME = 4
    SURROUND = 5
    TOP_ELECTRODE = 6
    CAP = 7
    DIELECTRIC = 8


class Electrode(IntEnum):
    """Facet tags of every mesh: the outer faces where potential and temperature are held."""

    TOP = 11
    BOTTOM = 12


HOPPING = (Region.DOME, Region.SURROUND)
"""Regions of conductive metal oxide, whose conductivity is the hopping law."""


@dataclass(frozen=True)
class Block:
    """A cylinder around the axis."""

    region: Region
    material: Material
    radius_nm: float
    bottom_nm: float
    top_nm: float


@dataclass(frozen=True)
class Stack:
    """The recipe of a cell.

    Attributes:
        blocks: in painting order, without the dome.
        filament_radius_nm: radius of the filament.
        dome_radius_nm: radius of the half sphere over it.
        dome_height_nm: height of the lower face of the CMO, where the dome stands.
        oxide_thickness_nm: of the layer with the filament.
        cmo_thickness_nm: the dome is cut where it would leave the CMO.
        electrode_radius_nm: radius where CMO and top electrode end.
        radius_nm: outer radius.
        height_nm: total height.
    """

    blocks: tuple[Block, ...]
    filament_radius_nm: float
    dome_radius_nm: float
    dome_height_nm: float
    oxide_thickness_nm: float
    cmo_thickness_nm: float
    electrode_radius_nm: float
    radius_nm: float
    height_nm: float

    def materials(self) -> dict[Region, Material]:
        """Material of each region, the dome included."""
        found = {block.region: block.material for block in self.blocks}
        found[Region.DOME] = found[Region.SURROUND]
        return found


@dataclass(frozen=True)
class MeshSizes:
    """Wanted edge lengths, in units of the geometry so that a scaled cell has a scaled mesh.

    Attributes:
        rim: at the rim of the filament, over the filament's radius.
        dome: in the dome, over its radius.
        far: far away, over the outer radius.
        rim_growth: growth of the edge with the distance from the rim.
        dome_growth: growth with the distance from the dome.
        electrode_factor: how much faster edges grow inside the electrodes, where the fields are smooth.
    """

    rim: float
    dome: float
    far: float
    rim_growth: float
    dome_growth: float
    electrode_factor: float = 2.0

    def scaled(self, resolution: float) -> "MeshSizes":
        """Sizes divided by a resolution factor (2 halves every edge).

        Raises:
            InputError: a factor outside 0.1 to 20.
        """
        if not 0.1 <= resolution <= 20:
            raise InputError(f"A resolution of {resolution:g} is outside 0.1 to 20; 1 is the default.")
        finer = {name: getattr(self, name) / resolution for name in ("rim", "dome", "far")}
        return replace(self, **finer)


def build_stack(card: DeviceCard, *, filament_radius_m: float | None = None) -> Stack:
    """Recipe of a card.

    Args:
        card: the device card.
        filament_radius_m: another filament radius than the card's; the dome keeps its ratio to it.

    Returns:
        Stack.

    Raises:
        InputError: the filament or the dome does not fit, or a material cannot be meshed.
    """
    radius = card.filament.radius_m if filament_radius_m is None else filament_radius_m
    outer, inner = card.domain.radius_m / NM, card.domain.electrode_radius_m / NM
    rim, dome = radius / NM, card.dome.radius_m * radius / card.filament.radius_m / NM
    if not 0 < rim < inner or not rim <= dome < inner:
        raise InputError(
            f"A filament radius of {rim:g} nm with a dome of {dome:g} nm does not fit into electrodes of "
            f"{inner:g} nm radius; choose a smaller one."
        )
    blocks, height, base = [], 0.0, 0.0
    wide = {"bottom_electrode": Region.BOTTOM_ELECTRODE, "oxide": Region.OXIDE}
    narrow = {"cmo": Region.SURROUND, "top_electrode": Region.TOP_ELECTRODE, "cap": Region.CAP}
    for layer in card.layers:
        top = height + layer.thickness_m / NM
        material = card.material(layer.material)
        if layer.role in wide:
            blocks.append(Block(wide[layer.role], material, outer, height, top))
        else:
            blocks.append(Block(narrow[layer.role], material, inner, height, top))
        if layer.role == "oxide":
            blocks.append(Block(Region.FILAMENT, card.material(card.filament.material), rim, height, top))
            base = top
        height = top
    if inner < outer:
        beyond = Block(Region.DIELECTRIC, card.material(card.domain.dielectric), outer, base, height)
        blocks.insert(0, beyond)
    _check_materials(card, blocks)
    oxide, cmo = (card.layer(role).thickness_m / NM for role in ("oxide", "cmo"))
    return Stack(tuple(blocks), rim, dome, base, oxide, cmo, inner, outer, height)


def _check_materials(card: DeviceCard, blocks: list[Block]) -> None:
    for block in blocks:
        if block.material.is_hopping != (block.region == Region.SURROUND):
            raise InputError(
                f"Card {card.name}: material {block.material.name} of the {block.region.name.lower()} must "
                f"{'not ' if block.material.is_hopping else ''}conduct by hopping; only the CMO does."
            )
