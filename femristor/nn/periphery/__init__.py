"""What stands at the edges of an array: converters, ranges, bound management."""
