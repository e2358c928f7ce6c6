"""What pulses do to cells, as statistics: models of steps, the protocol, figures of merit, levels."""
