"""Devices for training: how far one pulse moves a weight, cell by cell.

A device samples a `DeviceArray`: numbers per cell (and shared step tables) that the kernels read. The two
devices are the generalised soft bounds of the paper (`soft_bounds.py`) and step tables taken from a compact
model or a measurement (`table_device.py`).
"""
