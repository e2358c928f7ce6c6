"""Hopping parameters (N, a_e, dE) of frozen states from their I-V curves.

`J = e N a_e nu exp(-dE/kT) 2 sinh(e a_e E/2kT)` (Falcone et al., arXiv 2502.04524, eq. 6) with E and T of the
field solver at every trial point. Least squares in `ln I measured - ln I model` over (ln N, ln a_e, dE/kT) by
the trust region reflective method with bounds and the exact Jacobian. With one ambient temperature dE only rescales N
and one curve carries no more than two numbers: the fit then stays on the card's lines a_e(N), dE(N) unless it is told
otherwise.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from femristor.core.curves import IVCurve
from femristor.core.errors import InputError
from femristor.core.messages import NullProgress, Progress
from femristor.core.provenance import Provenance, Status
from femristor.device.card import DeviceCard
from femristor.transport.curvehash import curve_inputs, synthetic_notes
from femristor.transport.hopping.data import BIAS_POINTS, WINDOW_V, PreparedCurve, prepare_curve
from femristor.transport.hopping.minimise import minimise
from femristor.transport.hopping.model import HoppingModel
from femristor.transport.hopping.outcome import count_ambients, rms, state_fit
from femristor.transport.hopping.parameters import Choice, card_key, make_slots, named_state
from femristor.transport.hopping.warnings import order_warnings, start_warning
from femristor.transport.result import HoppingFit, StateFit
from femristor.transport.solver import FieldSolver

LOCAL = "N is local, the density of the dome by the fields of this stack, and not the 0-D number of the published law."


def fit_hopping(
    curves: Sequence[IVCurve],
    card: DeviceCard,
    solver: FieldSolver,
    *,
    fixed: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    free: Sequence[str] = (),
    lines: bool | None = None,
    window_V: tuple[float, float] = WINDOW_V,
    relative_sigma: float | None = None,
    bias_points: int = BIAS_POINTS,
    start: Mapping[str, str] | None = None,
    inputs: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> HoppingFit:
    """Fit the hopping parameters of every state among the curves.

    Curves with the same label share their parameters, whatever their ambient temperature. Off the lines the surroundings
    of the dome (N_s, a_s, dE_s) are those of the card's state unless they are freed.

    Args:
        curves: read I-V curves; the label names the state.
        card: device card; its states give start values and held numbers.
        solver: the cell, e.g. `femristor.fem.electrothermal.cell.ElectroThermal(card)`.
        fixed: parameter to the value it is held at (N 1/m^3, a_e m, dE eV).
        bounds: parameter to (low, high); this frees it.
        free: parameters to free besides N, a_e and, with several ambient temperatures, dE.
        lines: a_e and dE follow the card's lines in the density, in the dome and around it; N and N_s are
            fitted. Two numbers on the family of the published model instead of three of their own. None does so
            for a state with one ambient temperature unless one of a_e, dE, a_s, dE_s is fixed, bounded or freed.
        window_V: lowest and highest |V|.
        relative_sigma: standard deviation of ln I; None scales the covariance by the scatter.
        bias_points: largest number of field solutions a curve and evaluation.
        start: label to the card's state to start from; by default the label's word lrs or hrs, else the
            state whose current is nearest.
        inputs: names and hashes of the files, for the provenance; by default the curves' own hashes.
        notes: sentences to keep with the result.
        progress: where the fit is shown.

    Returns:
        HoppingFit.

    Raises:
        InputError: bad curves or options, or dE freed beside N with one ambient temperature.
        ConvergenceError: the fit or the first field solution did not converge.
    """
    choice = Choice.of(fixed, bounds, free, lines=lines)
    if relative_sigma is not None and not 0 < relative_sigma < 1:
        raise InputError(
            f"A relative sigma of {relative_sigma:g} is not between 0 and 1; 1 % is written 0.01."
        )
    groups = _grouped(curves, start or {})
    prepared = {
        label: [prepare_curve(curve, window_V, bias_points=bias_points) for curve in group]
        for label, group in groups.items()
    }
    choices = {label: choice.for_curves(label, count_ambients(ready)) for label, ready in prepared.items()}
    states = []
    with (progress or NullProgress()).task("hopping fit", float(len(groups))) as task:
        for label, ready in prepared.items():
            origin = (start or {}).get(label) or named_state(label, card) or _nearest(ready[0], card, solver)
            slots = make_slots(card, origin, choices[label], ambients=count_ambients(ready))
            model = HoppingModel(solver, ready, slots, label)
            model.on_evaluation = lambda found, name=label: task.advance(
                0.0, f"{name}: rms of ln I {rms(found.residual):.2e}"
            )
            far = start_warning(model, label, origin)
            theta = minimise(model, sum(item.curve.voltage_V.size for item in ready))
            key = card_key(label, card, groups)
            states.append(
                state_fit(
                    model, ready, theta, sigma=relative_sigma, card_key=key, start=origin, card=card, told=far
                )
            )
            task.advance(1.0)
    used = np.concatenate([np.abs(curve.voltage_V) for state in states for curve in state.curves])
    limits = (float(used.min()), float(used.max()))
    ready = [item for group in prepared.values() for item in group]
    remarks = [f"Window {limits[0]:g} to {limits[1]:g} V.", LOCAL, *notes, *synthetic_notes(curves)]
    remarks += [text for state in states if (text := _held_sentence(state))]
    remarks += [note for item in ready for note in item.notes]
    provenance = Provenance.create(
        "transport.fit_hopping",
        card=card,
        inputs=dict(inputs or curve_inputs(list(curves))),
        notes=tuple(dict.fromkeys(remarks)),
    )
    told = [text for item in ready for text in item.warnings]
    told += [text for state in states for text in state.warnings]
    warnings = tuple(dict.fromkeys([*told, *order_warnings(states, card)]))
    sigma = float("nan") if relative_sigma is None else float(relative_sigma)
    return HoppingFit(tuple(states), limits, sigma, warnings, Status.CONVERGED, provenance)


def _grouped(curves: Sequence[IVCurve], start: Mapping[str, str]) -> dict[str, list[IVCurve]]:
    if not curves:
        raise InputError("There is no curve to fit; give at least one I-V curve.")
    groups: dict[str, list[IVCurve]] = {}
    for curve in curves:
        if not curve.label:
            raise InputError("A curve has no label; name its state, e.g. lrs or hrs.")
        groups.setdefault(curve.label, []).append(curve)
    unknown = start.keys() - groups.keys()
    if unknown:
        raise InputError(f"No curve has the label '{min(unknown)}'; the labels are {', '.join(groups)}.")
    return groups


def _nearest(ready: PreparedCurve, card: DeviceCard, solver: FieldSolver) -> str:
    """State of the card whose current at the lowest bias is nearest to the measured one."""
    bias = ready.bias_V[:1]
    row = int(np.argmin(np.abs(np.abs(ready.curve.voltage_V) - bias[0])))
    measured = abs(ready.curve.current_A[row] / ready.curve.voltage_V[row])
    distance = {}
    for label, state in card.states.items():
        fields, _ = solver.sweep_with_sensitivity(bias, state, ambient_K=ready.curve.ambient_K)
        distance[label] = abs(float(np.log(fields.current_A[0] / bias[0] / measured)))
    return min(distance, key=distance.__getitem__)


def _held_sentence(state: StateFit) -> str:
    barrier = state.parameter("dE")
    if not barrier.fixed:
        return ""
    if barrier.note.startswith("on the card's line"):
        return (
            f"{state.label}: a_e and dE follow the card's lines in the density, since one ambient temperature carries no more "
            "than N and N_s; --no-lines fits a_e and holds the surroundings."
        )
    if not barrier.note.startswith("held at"):
        return ""
    return (
        f"{state.label}: dE is held at {barrier.value * 1e3:.4g} meV, the card's value for state {state.start}, "
        "because one ambient temperature cannot tell dE from N; curves at several ambient temperatures free it."
    )
