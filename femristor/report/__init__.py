"""report: the whole chain in one run, ours beside the paper's, with the provenance of every number.

In: results of all rooms. Out: a comparison table and one self-contained HTML page.
"""
