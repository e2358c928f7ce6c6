"""The mesh of a cell from its stack: in the half plane, or as a cylinder."""
