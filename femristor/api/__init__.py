"""api: the front door, `import femristor as fm`. In: cards, curves, networks. Out: results of every room, in memory.

It wires the rooms to each other (solvers into fits, models into arrays, devices into networks) and holds the defaults of
the command line, which is a thin skin over it: the same arguments and the same seed give the same numbers to the last bit.
Times, voltages and lengths are SI floats, or text with a unit ("1.3 V", "10 years"). Results are the rooms' own frozen
dataclasses; `save`, `load` and `figure` take any of them. Yours instead: each function takes the object of the step before,
wherever it comes from.
"""
