"""The pulsed update: bit trains, random numbers, rules (one a file), the optimiser that drives them."""
