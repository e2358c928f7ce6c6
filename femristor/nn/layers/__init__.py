"""torch layers whose weights are arrays of devices, conversion of models, the networks of the experiments."""
