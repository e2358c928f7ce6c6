"""Maps of temperature and field in the cell, both sides of the axis (Falcone et al., Fig. 2)."""

import numpy as np
from matplotlib.colors import LogNorm, Normalize

from femristor.fem.results.fields import FieldMap
from femristor.plot.style import new_figure

NANO = 1e9


def map_figure(maps: list[FieldMap], *, width_nm: float = 45.0):
    """Temperature and |E| of each state, same scale for all, near the filament.

    Args:
        maps: one FieldMap a state.
        width_nm: half width of the picture.

    Returns:
        Figure with a row a state.
    """
    figure, axes = new_figure(2, len(maps), width=5.6, height=3.6)
    hottest = max(float(entry.temperature_K.max()) for entry in maps)
    coldest = min(float(entry.temperature_K.min()) for entry in maps)
    strongest = max(float(entry.field_V_per_m.max()) for entry in maps) / NANO
    heat, field = Normalize(coldest, hottest), LogNorm(strongest / 1e3, strongest)
    for row, entry in enumerate(maps):
        title = f"{entry.state.label}, {entry.bias_V:g} V, {entry.current_A * 1e6:.0f} µA"
        values = (entry.temperature_K, np.maximum(entry.field_V_per_m / NANO, strongest / 1e3))
        for axis, value, norm, cmap, label in zip(
            axes[row], values, (heat, field), ("inferno", "viridis"), ("T [K]", "|E| [V/nm]"), strict=True
        ):
            _panel(axis, entry, value, norm, cmap, width_nm)
            axis.set_title(title, fontsize=10)
            figure.colorbar(axis.collections[0], ax=axis, label=label)
    return figure


def _panel(axis, entry: FieldMap, value, norm, cmap: str, width_nm: float) -> None:
    radius, height = entry.radius_m * NANO, (entry.height_m - entry.dome_height_m) * NANO
    # only triangles in view, so that the file stays small
    near = np.any((radius[entry.triangles] < width_nm) & (np.abs(height[entry.triangles]) < width_nm), axis=1)
    for side in (1, -1):
        axis.tripcolor(
            side * radius,
            height,
            entry.triangles[near],
            value,
            norm=norm,
            cmap=cmap,
            shading="gouraud",
            rasterized=True,
        )
    angle = np.linspace(0, np.pi, 90)
    dome = entry.dome_radius_m * NANO
    axis.plot(dome * np.cos(angle), dome * np.sin(angle), color="white", lw=0.8, ls="--")
    wall = entry.filament_radius_m * NANO
    inside = np.isin(entry.region, [int(n) for n, name in entry.region_names.items() if name == "filament"])
    floor = float(height[entry.triangles[inside]].min())
    for side in (1, -1):
        axis.plot([side * wall, side * wall], [floor, 0], color="white", lw=0.8)
    axis.set_xlim(-width_nm, width_nm)
    axis.set_ylim(-20, 32)
    axis.grid(visible=False)
    axis.set_aspect("equal")
    axis.set_xlabel("r [nm]")
    axis.set_ylabel("height over the filament [nm]")
