"""Experiments on all cells of an array: forming, cycling, open-loop pulses, in batches that resume."""
