"""Commands of one cell: card, iv, sweep, pulses."""
