"""The demo: the whole chain in one run, its rows and figures."""
