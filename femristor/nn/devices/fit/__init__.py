"""Devices from pulse traces: soft bounds of each cell, their population, step tables."""
