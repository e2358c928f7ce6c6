"""Two fluxes for the moving vacancies in the same Newton system: regularised P1 (ours), and finite volumes upwind.

    python docs/studies/flux_comparison.py

Finite volumes: N constant in each triangle, diffusion between centroids, drift with the density upwind and the room
left downwind, the field averaged over both sides of an edge. Both conserve vacancies exactly. One reset and one set
triangle on meshes of growing resolution; writes docs/data/flux_comparison.csv.
"""

import csv
import sys
import time
from pathlib import Path

import numpy as np
import ufl

from femristor.core import ConvergenceError, Waveform
from femristor.device import load_card, selector_load
from femristor.fem import SwitchingCell, dolfin
from femristor.fem.electrothermal import forms
from femristor.fem.stack import HOPPING
from femristor.fem.switching import problem as switching_problem
from femristor.fem.switching import vacancy_forms

from dolfinx import fem, mesh  # isort: skip  femristor.fem.dolfin has put MPI first

TABLE = Path(__file__).parents[1] / "data" / "flux_comparison.csv"
HEAD = (
    "flux",
    "resolution",
    "unknowns",
    "hrs_uS",
    "lrs_uS",
    "steps",
    "newton",
    "failed",
    "mass",
    "seconds",
    "remark",
)


class UpwindProblem(switching_problem.SwitchingProblem):
    """The problem with one density a triangle."""

    def _oxide_space(self):
        return fem.functionspace(self._part, ("DG", 0))

    def _vacancy_residual(self, test, oxide):
        card, step, w = self.card, self.step, self.weight
        potential, rise, u = self.fields
        domain = self.cell.mesh
        edges = ufl.Measure("dS", domain=domain, subdomain_data=self._inner_edges())(1)
        n = vacancy_forms.density(card, u)
        last, before = (vacancy_forms.density(card, entry) for entry in self.earlier)
        change = step.c0 * n - step.c1 * last - step.c2 * before
        temperature = self.coefficients.ambient + rise
        along, speed, rate = self._kinetics(u, potential, temperature)
        centre = fem.Function(fem.functionspace(domain, ("DG", 0, (2,))))
        x = ufl.SpatialCoordinate(domain)
        centre.interpolate(fem.Expression(x, centre.function_space.element.interpolation_points))
        normal = ufl.FacetNormal(domain)("+")
        gap = centre("-") - centre("+")
        distance = ufl.sqrt(ufl.inner(gap, gap))
        drift = 0.5 * (
            ufl.inner(speed("+") * along("+"), normal) + ufl.inner(speed("-") * along("-"), normal)
        )
        room = card.vacancies.density_max_m3 / vacancy_forms.REFERENCE_M3
        forward = ufl.max_value(drift, 0) * n("+") * (1 - n("-") / room)
        backward = ufl.min_value(drift, 0) * n("-") * (1 - n("+") / room)
        flow = forward + backward - 0.5 * (rate("+") + rate("-")) * (n("-") - n("+")) / distance
        scale = vacancy_forms.SCALE
        return (
            w * scale * change * test * oxide
            + scale * step.dt * w("+") * flow * (test("+") - test("-")) * edges
        )

    def _kinetics(self, u, potential, temperature):
        law = self.card.ionic
        hop = law.hop_distance_m / vacancy_forms.NM
        thermal = vacancy_forms.K_B * temperature
        height = vacancy_forms.barrier(self.card, u, potential, self.step)
        gamma = law.attempt_frequency_Hz * ufl.exp(-height / thermal)
        size = forms.field_magnitude(potential)
        ratio = law.charge_number * vacancy_forms.Q_E * law.hop_distance_m * size / (2 * thermal)
        along = -forms.FIELD_UNIT * ufl.grad(potential) / size
        return along, 2 * hop * gamma * ufl.sinh(ufl.min_value(ratio, 30.0)), hop**2 * gamma

    def _inner_edges(self):
        domain = self.cell.mesh
        domain.topology.create_connectivity(1, 2)
        links = domain.topology.connectivity(1, 2)
        inside = np.isin(dolfin.tag_of_cells(self.cell.cell_tags), [int(region) for region in HOPPING])
        count = domain.topology.index_map(1).size_local
        found = [e for e in range(count) if len(links.links(e)) == 2 and inside[links.links(e)].all()]
        marks = np.array(found, dtype=np.int32)
        return mesh.meshtags(domain, 1, marks, np.ones(marks.size, dtype=np.int32))


def run(flux: str, resolution: float) -> dict:
    """One cycle of the loop."""
    card = load_card("cmo_hfox")
    kind = {"regularised P1": switching_problem.SwitchingProblem, "upwind": UpwindProblem}[flux]
    cell = SwitchingCell(card, load=selector_load(card), resolution=resolution, problem_class=kind)
    begun, stored, reads = time.perf_counter(), cell.problem.stored(), []
    for peak in (-1.4, 1.3):
        half = abs(peak)
        found = cell.run(Waveform(np.array([0, half, 2 * half]), np.array([0.0, peak, 0.0]), "sweep"))
        reads.append(1e6 * found.end_S)
    return {
        "unknowns": cell.problem.unknowns,
        "hrs_uS": f"{reads[0]:.4g}",
        "lrs_uS": f"{reads[1]:.4g}",
        "steps": cell.count.steps,
        "newton": cell.count.newton,
        "failed": cell.count.failed,
        "mass": f"{cell.problem.stored() / stored - 1:.1e}",
        "seconds": f"{time.perf_counter() - begun:.1f}",
    }


def main() -> None:
    """All runs, each written at once."""
    TABLE.write_text(",".join(HEAD) + "\n")
    for resolution in (0.35, 0.7, 1.4):
        for flux in ("regularised P1", "upwind"):
            try:
                row = run(flux, resolution)
            except ConvergenceError as error:
                row = {"remark": str(error).replace(",", ";")}
            row |= {"flux": flux, "resolution": resolution}
            with TABLE.open("a", newline="") as stream:
                csv.DictWriter(stream, HEAD, restval="").writerow(row)
            print(row, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
