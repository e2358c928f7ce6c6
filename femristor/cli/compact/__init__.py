"""femristor compact."""
