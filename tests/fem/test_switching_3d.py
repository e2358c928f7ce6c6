"""One set pulse from an HRS-like start: a quarter of the cylinder against the half plane, on meshes of the same sizes."""

from dataclasses import replace

import numpy as np
import pytest

from femristor.core.curves import Waveform
from femristor.device import load_card
from femristor.device.load_line import Load
from femristor.fem.mesh import cell_mesh as mesh
from femristor.fem.switching.cell import SwitchingCell
from femristor.fem.switching.vacancy_forms import unknown_values

LOAD = Load(1000.0, 300e-6, 500.0, 1.5e-3, "selector of the prototype")
PULSE = Waveform.pulse(1.5, 1e-3, 0.75e-3)


def _run(dim: int):
    """The pulse on a cell whose dome is depleted to 3e24 1/m^3."""
    cell = SwitchingCell(load_card(), load=LOAD, dim=dim, resolution=0.3)
    state = cell.state()
    places = state.oxide_places_nm[:, :dim].copy()
    places[:, -1] -= cell.problem.cell.stack.dome_height_nm
    depleted = 0.5 * (1 - np.tanh((np.linalg.norm(places, axis=1) - 14) / 3))
    unknown = unknown_values(cell.card, 2.2e25 - 1.9e25 * depleted)
    cell.restore(replace(state, unknown=unknown[None, :]))
    return cell.run(PULSE, most_V=0.25)


@pytest.mark.proof
def test_quarter_cylinder_sets_like_the_half_plane(monkeypatch):
    sizes = replace(mesh.SIZES[3], dome=1.0 / 13.2, rim=0.1 / 11, rim_growth=0.35)
    for dim in (2, 3):
        monkeypatch.setitem(mesh.SIZES, dim, sizes)
    plane, quarter = _run(2), _run(3)
    pairs = {
        "peak current": [found.trace.current_A.max() for found in (plane, quarter)],
        "peak rise": [np.ptp(found.trace.temperature_K) for found in (plane, quarter)],
        "G before": [found.start_S for found in (plane, quarter)],
        "G after": [found.end_S for found in (plane, quarter)],
    }
    print({name: f"{two / one - 1:+.2%}" for name, (one, two) in pairs.items()}, quarter.unknowns)
    assert quarter.dim == 3
    assert quarter.trace.density_m3[-1] > 1.2 * quarter.trace.density_m3[0]
    assert np.abs(quarter.stored / quarter.stored[0] - 1).max() < 1e-9
    # The mean over the meshed dome is coarser than what the terminals see: 8 % at 25,000 unknowns.
    dome = [found.trace.density_m3[-1] for found in (plane, quarter)]
    assert dome[1] == pytest.approx(dome[0], rel=0.1)
    for name, (one, two) in pairs.items():
        assert two == pytest.approx(one, rel=0.02), name
