"""Hopping parameters from read curves. In: curves, a solver. Out: HoppingFit, with errors and warnings."""
