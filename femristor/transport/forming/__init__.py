"""Filament radius and conductivity of the CMO from forming curves. In: curves, a solver. Out: FormingFit."""
