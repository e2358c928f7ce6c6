"""Analog matrix products: converters, cells, their error over time and its compensation."""
