"""Figures of the array room."""
