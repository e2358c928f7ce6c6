"""Fields with moving vacancies into a `SwitchingState` and back, on any number of ranks: values travel by place."""

import numpy as np
from scipy.spatial import cKDTree

from femristor.core.errors import InputError
from femristor.core.provenance import Provenance
from femristor.fem import dolfin
from femristor.fem.results.switching import SwitchingState
from femristor.fem.switching.problem import SwitchingProblem
from femristor.fem.switching.steps import History, Stepper

NEAR_NM = 1e-5
"""Distance within which a node of the file is the node of the mesh."""


def capture(problem: SwitchingProblem, past: History, next_s: float, read, **work) -> SwitchingState:
    """Accepted steps as a state, the same on every rank.

    Args:
        problem: the coupled problem.
        past: accepted steps.
        next_s: step to try next.
        read: voltage and (V, theta) of the last read, from which the next one starts.
        work: `rows`, `piece`, `reached_s`, `work`, `history`, `counts` and `start_S` of the state.

    Returns:
        SwitchingState.
    """
    spaces = [field.function_space for field in problem.fields]
    columns = [
        np.array([_together(problem, entry[index], space) for entry in past.fields])
        for index, space in enumerate(spaces)
    ]
    places = [_together(problem, dolfin.node_places(space), space) for space in (spaces[0], spaces[2])]
    return SwitchingState(
        *places,
        *columns,
        applied_V=np.array(past.applied_V),
        steps_s=np.array(past.steps_s),
        next_s=next_s,
        read_V=float(read[0]),
        **{
            name: _together(problem, read[1][k], spaces[0]) if read[1] else np.empty(0)
            for k, name in enumerate(("read_potential_V", "read_rise_K"))
        },
        ambient_K=problem.ambient_K,
        provenance=Provenance.create("fem.switching", card=problem.card),
        **work,
    )


def restore(problem: SwitchingProblem, stepper: Stepper, state: SwitchingState) -> tuple[float, list]:
    """Put a state's fields and history in place.

    Args:
        problem: the coupled problem, of the same card and mesh.
        stepper: its stepper.
        state: from `capture`.

    Returns:
        Voltage and fields of the last read.

    Raises:
        InputError: the state belongs to another mesh.
    """
    spaces = [field.function_space for field in problem.fields]
    stored = (state.places_nm, state.places_nm, state.oxide_places_nm)
    found = [_match(places, dolfin.node_places(space)) for places, space in zip(stored, spaces, strict=True)]
    sources = (state.potential_V, state.rise_K, state.unknown)
    fields = [
        [source[age][index].copy() for source, index in zip(sources, found, strict=True)]
        for age in range(len(state.applied_V))
    ]
    problem.coefficients.ambient.value = state.ambient_K
    problem.put(fields[0])
    stepper.history = History(list(map(float, state.applied_V)), fields, list(map(float, state.steps_s)))
    stepper.next_s = float(state.next_s)
    problem.set_applied(float(state.applied_V[0]))
    read = [values[found[0]].copy() for values in (state.read_potential_V, state.read_rise_K) if values.size]
    return float(state.read_V), read


def _together(problem: SwitchingProblem, values: np.ndarray, space) -> np.ndarray:
    return np.concatenate(problem.comm.allgather(values[: dolfin.owned(space)]))


def _match(stored: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    distance, index = cKDTree(stored).query(wanted)
    if len(wanted) and distance.max() > NEAR_NM:
        raise InputError(
            "The stored state belongs to another mesh; use the card, dimension and resolution that it was made with."
        )
    return index
