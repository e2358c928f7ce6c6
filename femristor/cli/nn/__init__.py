"""Commands of networks: mvm, train, infer, experiment, export."""
