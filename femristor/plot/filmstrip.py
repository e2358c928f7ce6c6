"""A film strip of a switching cell: density, temperature and field at moments of a waveform, and an animation of it."""

import numpy as np
from matplotlib.colors import LogNorm, Normalize

from femristor.core.io.files import atomic_write
from femristor.fem.results.switching import FrameStrip, SwitchingFrame
from femristor.plot.style import new_figure

NANO = 1e9
WIDTH_NM = 32.0
ROWS = ("N [1/m³]", "T [K]", "|E| [V/nm]")
MAPS = ("cividis", "inferno", "viridis")


def filmstrip_figure(strip: FrameStrip):
    """A column a moment, rows N, T, |E|, one scale a row.

    Args:
        strip: frames in order of time.

    Returns:
        Figure.
    """
    frames = strip.frames
    figure, axes = new_figure(len(frames), 3, width=1.9, height=1.0)
    norms = _norms(frames)
    for column, frame in enumerate(frames):
        for row, (value, norm, cmap) in enumerate(zip(_values(frame), norms, MAPS, strict=True)):
            axis = axes[row, column]
            _draw(axis, frame, np.clip(value, norm.vmin, norm.vmax), norm, cmap)
            if row == 0:
                axis.set_title(
                    f"{frame.voltage_applied_V:+.2f} V\n{frame.current_A * 1e6:.0f} µA", fontsize=9
                )
            if column:
                axis.set_yticklabels([])
            else:
                axis.set_ylabel("z [nm]")
            if row < 2:
                axis.set_xticklabels([])
            else:
                axis.set_xlabel("r [nm]")
    for row, label in enumerate(ROWS):
        figure.colorbar(
            axes[row, -1].collections[0], ax=list(axes[row]), label=label, fraction=0.03, pad=0.01
        )
    return figure


def _values(frame: SwitchingFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return frame.density_m3, frame.temperature_K, frame.field_V_per_m / NANO


def _norms(frames) -> tuple:
    dense = max(float(frame.density_m3.max()) for frame in frames)
    cold = min(float(frame.temperature_K.min()) for frame in frames)
    hot = max(float(frame.temperature_K.max()) for frame in frames)
    strong = max(float(frame.field_V_per_m.max()) for frame in frames) / NANO
    return LogNorm(dense / 300, dense), Normalize(cold, max(hot, cold + 1.0)), LogNorm(strong / 300, strong)


def _draw(axis, frame: SwitchingFrame, value, norm, cmap: str) -> None:
    radius, height = frame.radius_m * NANO, frame.height_m * NANO
    near = np.any(radius[frame.triangles] < WIDTH_NM, axis=1)
    for side in (1, -1):
        axis.tripcolor(
            side * radius,
            height,
            frame.triangles[near],
            value,
            norm=norm,
            cmap=cmap,
            shading="gouraud",
            rasterized=True,
        )
    wall = frame.filament_radius_m * NANO
    axis.plot([-wall, wall], [0, 0], color="red", lw=2.5, solid_capstyle="butt")
    axis.set_xlim(-WIDTH_NM, WIDTH_NM)
    axis.set_aspect("equal")


def save_animation(strip: FrameStrip, path) -> None:
    """An animated GIF of the density, one frame a moment.

    Args:
        strip: frames in order of time.
        path: file with ending .gif.

    Raises:
        OutputError: it cannot be written; an existing one stays as it was.
    """
    from matplotlib.animation import FuncAnimation, PillowWriter

    class InMemory(PillowWriter):
        """Hands the frames over to the atomic writer instead of writing over the file."""

        def finish(self):
            first, *others = self._frames
            with atomic_write(path, "wb") as stream:
                first.save(
                    stream, format="GIF", save_all=True, append_images=others, duration=int(1000 / self.fps), loop=0
                )

    figure, axes = new_figure(3, 1, width=3.4, height=2.6)
    axes = np.asarray(axes).reshape(3)
    norms = _norms(strip.frames)

    def paint(index: int):
        frame = strip.frames[index]
        for axis, value, norm, cmap, label in zip(axes, _values(frame), norms, MAPS, ROWS, strict=True):
            axis.clear()
            _draw(axis, frame, np.clip(value, norm.vmin, norm.vmax), norm, cmap)
            axis.set_title(f"{label}, {frame.voltage_applied_V:+.2f} V", fontsize=9)
        return ()

    FuncAnimation(figure, paint, frames=len(strip.frames)).save("strip.gif", writer=InMemory(fps=6))
