"""Figures of the nn room."""
