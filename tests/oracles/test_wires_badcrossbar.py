"""badcrossbar as an oracle on 32 x 32, where it is installed.

It is no dependency of the checks: it asks for pycairo, which needs the headers of cairo to build. Its solver runs
without: `pip install --no-deps badcrossbar pathvalidate`.
"""

import logging
import warnings

import numpy as np
import pytest

from femristor.array.wires.grid import WireGrid
from femristor.array.wires.solver import solve_wires


@pytest.fixture
def compute():
    """Its solver, without what importing it does to warnings and logging."""
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        badcrossbar = pytest.importorskip("badcrossbar")
        solver = getattr(badcrossbar, "compute", None)
    if solver is None:
        pytest.skip("badcrossbar is installed without pathvalidate")
    logging.disable(logging.INFO)
    yield solver
    logging.disable(logging.NOTSET)


def test_32(compute):
    generator = np.random.default_rng(5)
    siemens, volt = generator.uniform(9e-6, 88e-6, (32, 32)), generator.uniform(-0.2, 0.2, (2, 32))
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        theirs = compute(volt.T, 1 / siemens, r_i_word_line=0.35, r_i_bit_line=0.5)
    found = solve_wires(siemens, volt, WireGrid(0.35, 0.5))
    scale = found.current_scale_A
    np.testing.assert_allclose(found.column_current_A, theirs.currents.output, atol=1e-10 * scale)
    np.testing.assert_allclose(
        np.moveaxis(found.row_V, 0, -1), np.asarray(theirs.voltages.word_line), atol=1e-12
    )
