"""Seconds for a 41-point I-V of the axisymmetric cell: ours (DOLFINx, MUMPS) and scikit-fem (NumPy, SuperLU).

One thread, the same mesh, quadratic elements, quadrature, residual tolerance and predictor. scikit-fem assembles
vectorised forms with hand-written derivatives; hopping is written out again. Meshing and compilation are not timed.

    python benchmarks/iv_sweep.py [--quick]
"""

# ruff: noqa: E402  (threads are fixed before NumPy is loaded)
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import platform
import sys
import time

import numpy as np
from _results import write_result
from scipy.sparse import bmat
from scipy.sparse.linalg import splu

from femristor.core.constants import K_B, Q_E
from femristor.core.provenance import dependency_versions
from femristor.device import load_card
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.electrothermal.forms import FIELD_FLOOR, FIELD_UNIT, FLUX_UNIT
from femristor.fem.electrothermal.problem import MICRO, RESIDUAL_PER_VOLT
from femristor.fem.stack import HOPPING

BIAS_V = np.linspace(0.0, 1.3, 41)
FIRST_STEP_V = 5e-3
NEWTON_STEPS_MAX = 30


class PeerCell:
    """The coupled problem in scikit-fem on the mesh of our solver."""

    def __init__(self, solver: ElectroThermal, state):
        import skfem

        card, cell = solver.card, solver.problem.cell
        tags = np.zeros(cell.mesh.geometry.dofmaps[0].shape[0], dtype=int)
        tags[cell.cell_tags.indices] = cell.cell_tags.values
        mesh = skfem.MeshTri(
            cell.mesh.geometry.x[:, :2].T.copy(), cell.mesh.geometry.dofmaps[0].T.astype(np.int64)
        )
        self.basis = skfem.Basis(mesh, skfem.ElementTriP2(), intorder=4)
        materials = cell.stack.materials()
        self._heat, self._metal = np.zeros((tags.size, 1)), np.zeros((tags.size, 1))
        self._sites, hopping = np.zeros((3, tags.size, 1)), np.isin(tags, [int(r) for r in HOPPING])
        for region, material in materials.items():
            here = tags == int(region)
            self._heat[here] = FLUX_UNIT * material.thermal_conductivity_W_per_mK
            if region not in HOPPING:
                self._metal[here] = FLUX_UNIT * material.conductivity_S_per_m
        for region, site in zip(HOPPING, (state.dome, state.surround), strict=True):
            density = site.density_m3 + card.hopping.background_density_m3
            numbers = np.array([density, site.distance_m, site.barrier_J])
            self._sites[:, tags == int(region), 0] = numbers[:, None]
        self._hopping, self._attempt_Hz = np.flatnonzero(hopping), card.hopping.attempt_frequency_Hz
        self._ambient_K = card.ambient_K
        self._weight = 2 * np.pi * self.basis.global_coordinates().value[0]
        self.top = self._nodes(mesh, cell.stack.height_nm)
        self._bottom = self._nodes(mesh, 0.0)
        held = np.union1d(self.top, self._bottom)
        inner = np.setdiff1d(np.arange(self.basis.N), held)
        self._free = np.concatenate([inner, self.basis.N + inner])
        self._forms = _forms(skfem)

    def sweep(self, bias_V) -> tuple[np.ndarray, int]:
        """Currents [A] at rising biases from 0, and Newton steps."""
        size = self.basis.N
        solved, currents, steps = [(0.0, np.zeros(2 * size))], {0.0: 0.0}, 0
        for bias in [FIRST_STEP_V, *(entry for entry in bias_V if entry > FIRST_STEP_V)]:
            fields = solved[-1][1].copy()
            if len(solved) > 1:
                (v0, old), (v1, new) = solved[-2:]
                fields += (bias - v1) / (v1 - v0) * (new - old)
            fields[self.top] = bias
            currents[float(bias)], spent = self._newton(fields, RESIDUAL_PER_VOLT * bias)
            solved, steps = [solved[-1], (bias, fields)], steps + spent
        return np.array([currents[float(bias)] for bias in bias_V]), steps

    def _newton(self, fields: np.ndarray, tolerance: float) -> tuple[float, int]:
        for step in range(NEWTON_STEPS_MAX):
            data = self._coefficients(fields)
            residual = np.concatenate([form.assemble(self.basis, **data) for form in self._forms[0]])
            if np.linalg.norm(residual[self._free]) <= tolerance:
                return MICRO * residual[self.top].sum(), step
            blocks = [[form.assemble(self.basis, **data) for form in row] for row in self._forms[1]]
            matrix = bmat(blocks, format="csr")[self._free][:, self._free].tocsc()
            fields[self._free] -= splu(matrix).solve(residual[self._free])
        raise RuntimeError(f"scikit-fem's Newton did not reach {tolerance:.2g} in {NEWTON_STEPS_MAX} steps")

    def _coefficients(self, fields: np.ndarray) -> dict:
        """Conductivity and its derivatives at the quadrature points, with the fields' gradients."""
        size = self.basis.N
        slope = self.basis.interpolate(fields[:size]).grad
        rise = self.basis.interpolate(fields[size:])
        square = slope[0] ** 2 + slope[1] ** 2
        sigma = np.broadcast_to(self._metal, square.shape).copy()
        by_slope, by_rise = np.zeros_like(sigma), np.zeros_like(sigma)
        here = self._hopping
        density, distance, barrier = self._sites[:, here]
        steep = np.sqrt(square[here] + FIELD_FLOOR**2)
        temperature = self._ambient_K + rise.value[here]
        thermal = K_B * temperature
        argument = Q_E * distance * FIELD_UNIT * steep / (2 * thermal)
        flux = (
            2 * Q_E * density * distance * self._attempt_Hz * np.exp(-barrier / thermal) * np.sinh(argument)
        )
        hop = FLUX_UNIT * flux / (FIELD_UNIT * steep)
        growth = argument / np.tanh(argument)
        sigma[here] = hop
        by_slope[here] = hop * (growth - 1) / steep**2
        by_rise[here] = hop * (barrier / thermal - growth) / temperature
        return {
            "slope": slope,
            "square": square,
            "flow": rise.grad,
            "sigma": self._weight * sigma,
            "by_slope": self._weight * by_slope,
            "by_rise": self._weight * by_rise,
            "heat": self._weight * self._heat,
        }

    def _nodes(self, mesh, height: float) -> np.ndarray:
        facets = mesh.facets_satisfying(lambda x: np.abs(x[1] - height) < 1e-6, boundaries_only=True)
        return self.basis.get_dofs(facets).all()


def _forms(skfem) -> tuple:
    """Residuals (V, theta) and the four blocks of their derivative."""

    def along(slope, gradient):
        return slope[0] * gradient[0] + slope[1] * gradient[1]

    residuals = (
        skfem.LinearForm(lambda q, w: w.sigma * along(w.slope, q.grad)),
        skfem.LinearForm(lambda t, w: w.heat * along(w.flow, t.grad) - w.sigma * w.square * t),
    )
    blocks = (
        (
            skfem.BilinearForm(
                lambda u, q, w: (
                    w.sigma * along(u.grad, q.grad)
                    + w.by_slope * along(w.slope, u.grad) * along(w.slope, q.grad)
                )
            ),
            skfem.BilinearForm(lambda u, q, w: w.by_rise * u * along(w.slope, q.grad)),
        ),
        (
            skfem.BilinearForm(
                lambda u, t, w: -(2 * w.sigma + w.by_slope * w.square) * along(w.slope, u.grad) * t
            ),
            skfem.BilinearForm(lambda u, t, w: w.heat * along(u.grad, t.grad) - w.by_rise * w.square * u * t),
        ),
    )
    return residuals, blocks


def best_of(call, runs: int):
    """Fewest seconds of some runs, and the last answer."""
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - begun)
    return min(seconds), answer


def main() -> None:
    card = load_card("cmo_hfox")
    state = card.state("lrs")
    solver = ElectroThermal(card, resolution=0.5 if "--quick" in sys.argv else 1.0)
    solver.sweep(BIAS_V, state)
    ours_s, ours = best_of(lambda: solver.sweep(BIAS_V, state), 2)
    rows = {"ours": {"seconds": ours_s, "newton_steps": int(ours.newton_iterations.sum())}}
    versions = dependency_versions()
    payload = {
        "command": " ".join(["python benchmarks/iv_sweep.py", *sys.argv[1:]]),
        "unit": "seconds of wall-clock, one thread, warm, best of two (scikit-fem: one run)",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions,
        "points": BIAS_V.size,
        "unknowns": solver.unknowns,
        "current_at_highest_bias_A": float(ours.current_A[-1]),
        "rows": rows,
    }
    print(f"{BIAS_V.size} points to {BIAS_V[-1]:g} V, LRS, {solver.unknowns} unknowns, one thread")
    print(f"{'':12} {'seconds':>9} {'ratio':>7} {'Newton steps':>13}  largest relative difference of current")
    print(f"{'ours':12} {ours_s:9.2f} {1:7.2f} {rows['ours']['newton_steps']:13d}")
    try:
        import skfem
    except ImportError:
        print("scikit-fem is not installed here: nothing to compare with; install scikit-fem for its row.")
        return
    versions["scikit-fem"] = skfem.__version__
    peer = PeerCell(solver, state)
    peer_s, (current, steps) = best_of(lambda: peer.sweep(BIAS_V), 1)
    difference = float(np.max(np.abs(current[1:] / ours.current_A[1:] - 1)))
    rows["scikit-fem"] = {"seconds": peer_s, "newton_steps": steps}
    payload |= {"scikit_fem_over_ours": peer_s / ours_s, "largest_relative_difference_of_current": difference}
    print(f"{'scikit-fem':12} {peer_s:9.2f} {peer_s / ours_s:7.2f} {steps:13d}  {difference:.1e}")
    write_result(__file__, payload)


if __name__ == "__main__":
    main()
