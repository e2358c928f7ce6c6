"""femristor array."""
