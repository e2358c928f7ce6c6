"""Arrays with resistive wires: exact nodal solutions, weights behind wires, remedies."""
