"""Meshes of a cell: one recipe and one size function, drawn in (r, z) or as a cylinder.

In: Stack. Out: `CellMesh`. gmsh runs on rank 0 only; the mesh is then distributed. Lengths in nanometres.
"""

import math
from dataclasses import dataclass
from typing import Any

from femristor.core.errors import InputError
from femristor.core.jobs import kernel_interrupts
from femristor.fem import dolfin
from femristor.fem.stack import Electrode, MeshSizes, Region, Stack

SIZES = {
    2: MeshSizes(rim=0.05 / 11, dome=0.9 / 13.2, far=0.1, rim_growth=0.2, dome_growth=0.2),
    3: MeshSizes(rim=0.15 / 11, dome=2.5 / 13.2, far=0.15, rim_growth=0.5, dome_growth=0.5),
}
"""Edge lengths at resolution 1 by dimension."""


@dataclass(frozen=True)
class CellMesh:
    """A meshed cell.

    Attributes:
        mesh: the distributed mesh, coordinates in nanometres.
        cell_tags: `Region` of each cell.
        facet_tags: `Electrode` of outer faces.
        dim: 2 for (r, z), 3 for (x, y, z).
        multiplicity: how often the meshed part fits into the whole cell (4 for a quarter).
        stack: what was meshed.
    """

    mesh: Any
    cell_tags: Any
    facet_tags: Any
    dim: int
    multiplicity: int
    stack: Stack


def build_mesh(
    stack: Stack,
    *,
    dim: int = 2,
    resolution: float = 1.0,
    full: bool = False,
    sizes: MeshSizes | None = None,
    comm=None,
) -> CellMesh:
    """Mesh a recipe.

    Args:
        stack: the recipe.
        dim: 2 for the axisymmetric half plane, 3 for a cylinder.
        resolution: divides every edge length.
        full: in 3-D the whole cylinder instead of a quarter.
        sizes: other edge lengths than `SIZES`.
        comm: MPI communicator; all ranks by default.

    Returns:
        CellMesh.

    Raises:
        InputError: a dimension other than 2 or 3, or an impossible resolution.
    """
    if dim not in SIZES:
        raise InputError(f"A dimension of {dim} is neither 2 (axisymmetric) nor 3; choose one of them.")
    if full and dim == 2:
        raise InputError("The whole cylinder needs dimension 3; add --dim 3 or leave --full out.")
    from femristor.fem.mesh import plane as mesh2d
    from femristor.fem.mesh import solid as mesh3d

    comm = dolfin.world() if comm is None else comm
    wanted = (sizes or SIZES[dim]).scaled(resolution)
    draw = (
        (lambda model: mesh2d.draw(model, stack))
        if dim == 2
        else (lambda model: mesh3d.draw(model, stack, full=full))
    )
    mesh, cell_tags, facet_tags = _generate(draw, stack, wanted, dim=dim, comm=comm)
    multiplicity = 4 if dim == 3 and not full else 1
    return CellMesh(mesh, cell_tags, facet_tags, dim, multiplicity, stack)


def edge_length(stack: Stack, sizes: MeshSizes, radius: float, height: float) -> float:
    """Wanted edge length at a point.

    Args:
        stack: the recipe.
        sizes: edge lengths relative to it.
        radius: distance from the axis [nm].
        height: height [nm].

    Returns:
        Edge length [nm].
    """
    rise = height - stack.dome_height_nm
    to_rim = math.hypot(radius - stack.filament_radius_nm, rise)
    to_dome = max(0.0, math.hypot(radius, rise) - 1.2 * stack.dome_radius_nm)
    inside = -stack.oxide_thickness_nm <= rise <= stack.cmo_thickness_nm
    factor = 1.0 if inside else sizes.electrode_factor
    return min(
        sizes.far * stack.radius_nm,
        sizes.rim * stack.filament_radius_nm + factor * sizes.rim_growth * to_rim,
        factor * (sizes.dome * stack.dome_radius_nm + sizes.dome_growth * to_dome),
    )


def _generate(draw, stack: Stack, sizes: MeshSizes, *, dim: int, comm):
    import gmsh

    fault = None
    if comm.rank == 0:
        if not gmsh.isInitialized():
            gmsh.initialize(interruptible=False)
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.model.add("cell")
        try:
            _mesh_model(gmsh, draw, stack, sizes, dim=dim)
        except Exception as error:  # gmsh raises bare exceptions
            fault = f"gmsh could not mesh the cell ({error}); check the geometry of the card."
    fault = comm.bcast(fault, root=0)
    try:
        if fault is not None:
            raise InputError(fault)
        return dolfin.import_model(gmsh.model if comm.rank == 0 else None, comm, dim)
    finally:
        if comm.rank == 0:
            gmsh.model.remove()


def _mesh_model(gmsh, draw, stack: Stack, sizes: MeshSizes, *, dim: int) -> None:
    model = gmsh.model
    groups = draw(model)
    for region, entities in groups.items():
        model.addPhysicalGroup(dim, entities, int(region))
    for electrode, faces in _electrode_faces(model, stack, dim).items():
        model.addPhysicalGroup(dim - 1, faces, int(electrode))

    def size(_dim, _tag, x, y, z, _length):
        radius, height = (x, y) if dim == 2 else (math.hypot(x, y), z)
        return edge_length(stack, sizes, radius, height)

    model.mesh.setSizeCallback(size)
    for source in ("ExtendFromBoundary", "FromPoints", "FromCurvature"):
        gmsh.option.setNumber(f"Mesh.MeshSize{source}", 0)
    gmsh.option.setNumber("Mesh.Algorithm", 6)
    gmsh.option.setNumber("Mesh.Algorithm3D", 10)
    gmsh.option.setNumber("Mesh.RandomSeed", 1)
    with kernel_interrupts():
        model.mesh.generate(dim)
    model.mesh.removeSizeCallback()


def _electrode_faces(model, stack: Stack, dim: int) -> dict[Electrode, list[int]]:
    faces = {Electrode.TOP: [], Electrode.BOTTOM: []}
    low, high, near = dim - 1, dim + 2, 1e-4 * stack.height_nm
    for _, tag in model.getEntities(dim - 1):
        box = model.getBoundingBox(dim - 1, tag)
        if box[low] > stack.height_nm - near:
            faces[Electrode.TOP].append(tag)
        elif box[high] < near:
            faces[Electrode.BOTTOM].append(tag)
    return faces


def paint(entities_of_block: list[tuple[Region, list[int]]]) -> dict[Region, list[int]]:
    """Give each drawn entity to the last block that covers it.

    Args:
        entities_of_block: region and gmsh tags of each block in painting order.

    Returns:
        Tags by region.
    """
    owner = {}
    for region, tags in entities_of_block:
        for tag in tags:
            owner[tag] = region
    groups: dict[Region, list[int]] = {}
    for tag, region in owner.items():
        groups.setdefault(region, []).append(tag)
    return groups
