"""Local laws of the cell, one a file, written once for NumPy, UFL and torch (`ops` gives the functions)."""
