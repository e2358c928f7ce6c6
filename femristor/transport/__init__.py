"""transport: from I-V curves to the numbers of the device card. In: IVCurve, a solver. Out: FormingFit, HoppingFit.

    forming/    filament radius and sigma_CMO from the linear regimes around forming
    hopping/    N, a_e, dE of each state from its read curve
    branches    read curves out of measured switching sweeps

The solver is handed over (`solver.FieldSolver`, `solver.ResistanceSolver`): finite elements, or a model of yours.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
