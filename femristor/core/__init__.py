"""core: constants, errors, curves, provenance and the result store that every room shares."""
