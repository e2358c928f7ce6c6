"""Forming of a few devices by field solutions, for arrays: shipped for the shipped card, else solved once and kept."""

from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "data" / "reference" / "forming_family.h5"
"""Family of the card cmo_hfox."""
NODES = 5
REACH_EV = 0.5
"""Energies are solved for up to this far from the card's, five times its stated spread."""
PEAK_V = 5.0
"""Peak of the sweeps of the nodes, above the jump of the last of them."""
WIDE_GATE_V = 0.4
"""By so much a sweep exceeds the forming gate, so that the formed device is known for other gates."""


def family_for(card, *, progress=None):
    """The forming family of a card.

    Args:
        card: device card.
        progress: where field solutions are shown.

    Returns:
        FormingFamily.
    """
    from femristor.array.experiments.forming import family_key
    from femristor.array.results.forming import FormingFamily
    from femristor.core import store
    from femristor.core.errors import InputError, OutputError, StoreError

    if card.forming is None or card.vacancies is None:
        raise InputError(
            f"Card {card.name} has no section [forming] or [vacancies], which forming needs; copy them from cmo_hfox."
        )
    key = family_key(card)
    kept = _cache_folder() / f"family_{key}.h5"
    for path in (SHIPPED, kept):
        try:
            family = store.load(path, FormingFamily) if path.exists() else None
        except StoreError:
            family = None
        if family is not None and family.key == key:
            return family
    family = solve_family(card, progress=progress)
    try:
        store.save(family, kept)
    except OutputError:
        pass  # A cache that cannot be written costs a minute the next time.
    return family


def solve_family(card, *, progress=None):
    """Solve the fields of the nodes, a minute of work."""
    import numpy as np

    from femristor.array.experiments.forming import build_family
    from femristor.core.constants import EV
    from femristor.core.errors import InputError
    from femristor.core.messages import NullProgress
    from femristor.device.load_line import selector_load
    from femristor.fem.forming.process import FormingCell, FormingPlan

    energies = card.forming.activation_J + REACH_EV * EV * np.linspace(-1, 1, NODES)
    cell, plan, solved = FormingCell(card), FormingPlan(peak_V=PEAK_V), []
    with (progress or NullProgress()).task("forming of the nodes by fields", NODES + 1) as task:
        for energy in energies:
            try:
                solved.append(cell.run(plan, activation_J=float(energy)))
            except InputError as error:
                raise InputError(
                    f"Card {card.name}: its device of {energy / EV:.3g} eV does not form up to {PEAK_V:g} V, so that no array of it "
                    "is formed; correct forming.activation_energy, its dipole or the thickness of the oxide."
                ) from error
            task.advance(1, f"{solved[-1].form_V:.3f} V")
        wide = selector_load(card, gate_set_V=card.selector.gate_forming_V + WIDE_GATE_V)
        device = FormingCell(card, load=wide).run(plan)
        task.advance(1)
    return build_family(card, solved, device)


def _cache_folder() -> Path:
    from femristor.core.environment import own_cache

    return own_cache("forming")
