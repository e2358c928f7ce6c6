"""The recipe as cylinders around z: a quarter (x, y >= 0) or the whole cell from four quarters."""

import math

from femristor.fem.mesh.cell_mesh import paint
from femristor.fem.stack import Region, Stack


def draw(model, stack: Stack, *, full: bool) -> dict[Region, list[int]]:
    """Draw the cell; the planes x = 0 and y = 0 are faces of the mesh in both cases.

    Args:
        model: gmsh model.
        stack: the recipe.
        full: four quarters instead of one.

    Returns:
        Volume tags by region.
    """
    volumes, regions = [], []
    for quarter in range(4 if full else 1):
        for block in stack.blocks:
            volumes.append(_cylinder(model, block.radius_nm, block.bottom_nm, block.top_nm, quarter))
            regions.append(block.region)
    for quarter in range(4 if full else 1):
        volumes.append(_dome(model, stack, quarter))
        regions.append(Region.DOME)
    _, pieces = model.occ.fragment(volumes, [])
    model.occ.synchronize()
    return paint([(region, [tag for _, tag in piece]) for region, piece in zip(regions, pieces, strict=True)])


def _cylinder(model, radius: float, bottom: float, top: float, quarter: int) -> tuple[int, int]:
    volume = (3, model.occ.addCylinder(0, 0, bottom, 0, 0, top - bottom, radius, angle=math.pi / 2))
    model.occ.rotate([volume], 0, 0, 0, 0, 0, 1, quarter * math.pi / 2)
    return volume


def _dome(model, stack: Stack, quarter: int) -> tuple[int, int]:
    base, radius = stack.dome_height_nm, stack.dome_radius_nm
    ball = (3, model.occ.addSphere(0, 0, base, radius, angle1=0, angle2=math.pi / 2, angle3=math.pi / 2))
    model.occ.rotate([ball], 0, 0, 0, 0, 0, 1, quarter * math.pi / 2)
    if radius < stack.cmo_thickness_nm:
        return ball
    room = _cylinder(model, 2 * radius, base, base + stack.cmo_thickness_nm, quarter)
    cut, _ = model.occ.intersect([ball], [room])
    return cut[0]
