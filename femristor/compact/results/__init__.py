"""What the compact room hands on: tables, sweeps, pulse responses, predictions of random hops."""
