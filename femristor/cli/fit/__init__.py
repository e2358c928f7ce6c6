"""femristor fit."""
