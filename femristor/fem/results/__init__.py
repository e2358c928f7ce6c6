"""What the fem room hands on; these modules import neither DOLFINx nor PETSc."""
