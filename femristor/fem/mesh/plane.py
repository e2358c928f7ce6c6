"""The recipe as rectangles in the half plane (r, z), x of gmsh being r and y being z."""

from femristor.fem.mesh.cell_mesh import paint
from femristor.fem.stack import Region, Stack


def draw(model, stack: Stack) -> dict[Region, list[int]]:
    """Draw the cell.

    Args:
        model: gmsh model.
        stack: the recipe.

    Returns:
        Surface tags by region.
    """
    occ = model.occ
    blocks = [
        (2, occ.addRectangle(0, b.bottom_nm, 0, b.radius_nm, b.top_nm - b.bottom_nm)) for b in stack.blocks
    ]
    base, radius = stack.dome_height_nm, stack.dome_radius_nm
    ball = occ.addDisk(0, base, 0, radius, radius)
    room = occ.addRectangle(0, base, 0, 2 * radius, min(2 * radius, stack.cmo_thickness_nm))
    dome, _ = occ.intersect([(2, ball)], [(2, room)])
    _, pieces = occ.fragment(blocks, dome)
    occ.synchronize()
    regions = [b.region for b in stack.blocks] + [Region.DOME] * len(dome)
    return paint([(region, [tag for _, tag in piece]) for region, piece in zip(regions, pieces, strict=True)])
