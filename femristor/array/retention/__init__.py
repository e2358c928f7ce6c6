"""Cells over time: relaxation, read noise, telegraph noise, temperature, and fits of measured records."""
