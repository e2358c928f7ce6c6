"""The symmetry point of a step table: where its mean steps up and down balance."""

import numpy as np


def main_crossing(excess: np.ndarray) -> tuple[int, float] | None:
    """Where up steps fall below down steps; of several such places the one of the longest lead.

    A noisy record crosses more than once, with tiny steps near its bounds. The lead of a place is the sum of what up steps
    are ahead below it and down steps above it, so it is where pulses of both directions take the cell.

    Args:
        excess: (states,) mean step up less mean step down, on even states.

    Returns:
        Index of the state before it and the fraction of the way to the next one; None without such a place.
    """
    found = np.flatnonzero((excess[:-1] >= 0) & (excess[1:] <= 0) & (excess[:-1] > excess[1:]))
    if found.size == 0:
        return None
    ahead = np.cumsum(np.clip(excess, 0, None))
    behind = np.cumsum(np.clip(-excess, 0, None))
    k = int(found[int(np.argmax(ahead[found] + behind[-1] - behind[found]))])
    return k, float(excess[k] / (excess[k] - excess[k + 1]))
