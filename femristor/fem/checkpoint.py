"""Fields with moving vacancies into a `SwitchingState` and back, on any number of ranks: values travel by place."""

import numpy as np
from scipy.spatial import cKDTree

from femristor.core.errors import InputError
from femristor.core.provenance import Provenance
from femristor.fem import dolfin
from femristor.fem.switching_problem import SwitchingProblem
from femristor.fem.switching_result import SwitchingState
from femristor.fem.time_steps import History, Stepper

NEAR_NM = 1e-5
"""Distance within which a node of the file is the node of the mesh."""


def capture(problem: SwitchingProblem, stepper: Stepper, **work) -> SwitchingState:
    """The history of the stepper as a state, the same on every rank.

    Args:
        problem: the coupled problem.
        stepper: its stepper.
        work: `rows`, `piece`, `reached_s`, `work`, `history` and `start_S` of the state.

    Returns:
        SwitchingState.
    """
    spaces = [field.function_space for field in problem.fields]
    past = stepper.history
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
        next_s=stepper.next_s,
        ambient_K=problem.ambient_K,
        provenance=Provenance.create("fem.switching", card=problem.card),
        **work,
    )


def restore(problem: SwitchingProblem, stepper: Stepper, state: SwitchingState) -> None:
    """Put a state's fields and history in place.

    Args:
        problem: the coupled problem, of the same card and mesh.
        stepper: its stepper.
        state: from `capture`.

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


def _together(problem: SwitchingProblem, values: np.ndarray, space) -> np.ndarray:
    return np.concatenate(problem.comm.allgather(values[: dolfin.owned(space)]))


def _match(stored: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    distance, index = cKDTree(stored).query(wanted)
    if len(wanted) and distance.max() > NEAR_NM:
        raise InputError(
            "The stored state belongs to another mesh; use the card, dimension and resolution that it was made with."
        )
    return index
