"""Trained networks on programmed cells, from the moment of programming to ten years."""
