"""numba: IBM's published law for one cell, with ln N, device voltage and current solved together in every stage.

A cell is a row of `CELL` numbers (`cells.IbmCells.pack`); the twin is `ibm.IbmModel`.
"""

import math

from numba import njit

from femristor.compact.kernels.load import BARE, line_current

CELL = 18
"""Numbers of a cell: see `cells.IbmCells.pack`."""
CONVERGED, STALLED = 0, 3
NEWTON = 14
"""Most Newton steps of a stage."""
SETTLED = 1e-6
"""Last Newton step of a state that starts from nothing."""


@njit(cache=True, error_model="numpy")
def hyperbolic(x):
    """Hyperbolic sine and cosine."""
    if abs(x) < 1e-2:
        square = x * x
        return x * (1 + square / 6 * (1 + square / 20)), 1 + square / 2 * (1 + square / 12)
    up = math.exp(x)
    return 0.5 * (up - 1 / up), 0.5 * (up + 1 / up)


@njit(cache=True, error_model="numpy")
def laws(cell, u, v, i, sign):
    """Current A J of the law at a trial current i, and du/dt; each with derivatives by u, v, i."""
    density = math.exp(u)
    series, warmth = cell[2], cell[3]
    temperature = cell[4] + warmth * v * i
    t_v, t_i = warmth * i, warmth * v
    drive = v - i * series
    distance, distance_u = cell[6] - cell[7] * density, -cell[7] * density
    if distance < cell[5]:
        distance, distance_u = cell[5], 0.0
    barrier, barrier_u = cell[8] - cell[9] * density, -cell[9] * density
    if barrier < 0:
        barrier, barrier_u = 0.0, 0.0
    over = 1 / temperature
    x = cell[10] * distance * drive * over
    sh, ch = hyperbolic(x)
    growth = cell[0] * density * distance * math.exp(-barrier * over)
    j = growth * sh
    by_x, by_t = growth * ch, j * barrier * over * over
    reach = cell[10] * distance * over
    j_u = j * (1 + distance_u / distance - barrier_u * over) + by_x * x * distance_u / distance
    j_v = by_x * (reach - x * over * t_v) + by_t * t_v
    j_i = by_x * (-reach * series - x * over * t_i) + by_t * t_i

    wall, wall_u = (cell[13] + cell[14] * density, cell[14] * density) if sign > 0 else (cell[15], 0.0)
    filled = density / cell[16]
    free = max(1 - filled, 1e-300)
    y = cell[12] * drive * over
    sh, ch = hyperbolic(y)
    pace = sign * cell[11] * math.exp(cell[17] * math.log1p(-min(filled, 1.0)) - wall * over)
    f = pace * sh
    f_t = f * wall * over * over - pace * ch * y * over
    f_y = pace * ch * cell[12] * over
    f_u = -f * (wall_u * over + cell[17] * filled / free)
    return j, j_u, j_v, j_i, f, f_u, f_y + f_t * t_v, -f_y * series + f_t * t_i


@njit(cache=True, error_model="numpy")
def stage(cell, line, base, weight, applied, sign, u, v, i, tight):
    """Solve u = base + weight f, A J = i, i = i_load by Newton from (u, v, i); weight 0 holds u = base.

    `tight` bounds the last Newton step of u, v [V] and ln i; what is left is about 20 times its square.
    Returns u, f, df/du along the load line, v, i, status.
    """
    if applied == 0.0:
        return base, 0.0, 0.0, 0.0, 0.0, CONVERGED
    bare = line[0] == BARE
    if bare:
        v = applied
    for _ in range(NEWTON):
        j, j_u, j_v, j_i, f, f_u, f_v, f_i = laws(cell, u, v, i, sign)
        if bare:
            v_0, v_u = 0.0, 0.0
            if not j_i < 1:
                return u, f, f_u, v, i, STALLED
            i_0, i_u = (j - i) / (1 - j_i), j_u / (1 - j_i)
        else:
            load, load_v = line_current(line, applied, v)
            r3 = load - i
            stiff = j_v + (j_i - 1) * load_v
            if not stiff > 0:
                return u, f, f_u, v, i, STALLED
            v_0, v_u = -((j - i) + (j_i - 1) * r3) / stiff, -j_u / stiff
            i_0, i_u = load_v * v_0 + r3, load_v * v_u
        whole_u = f_u + f_v * v_u + f_i * i_u
        denominator = 1 - weight * whole_u
        if denominator <= 0:
            return u, f, whole_u, v, i, STALLED
        du = (base - u + weight * (f + f_v * v_0 + f_i * i_0)) / denominator
        dv, di = v_0 + v_u * du, i_0 + i_u * du
        if not abs(du) <= 2.0:
            return u, f, whole_u, v, i, STALLED
        f += f_u * du + f_v * dv + f_i * di
        u += du
        v = min(max(v + dv, 0.0), applied)
        i = max(i + di, 0.05 * i)
        if abs(du) <= tight and abs(dv) <= tight and abs(di) <= 3 * tight * i:
            return u, f, whole_u, v, i, CONVERGED
    return u, f, 0.0, v, i, STALLED


@njit(cache=True, error_model="numpy")
def settle(cell, line, u, applied, sign):
    """Device voltage and current at a held u from nothing: the voltage is raised in ever more steps until it works."""
    if applied == 0.0:
        return 0.0, 0.0, CONVERGED
    parts = 1
    while parts <= 4096:
        v = i = 0.0
        good = True
        for part in range(1, parts + 1):
            at = applied * part / parts
            first = at * 0.9 if part == 1 else v * part / (part - 1)
            _, _, _, v, i, status = stage(cell, line, u, 0.0, at, sign, u, first, i, SETTLED)
            if status != CONVERGED:
                good = False
                break
        if good:
            return v, i, CONVERGED
        parts *= 4
    return 0.0, 0.0, STALLED
