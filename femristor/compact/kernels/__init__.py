"""numba kernels of one cell: the table, the published law, load lines, steps, steps with hop noise."""
