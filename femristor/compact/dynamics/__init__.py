"""Models in time. In: model, waveform or pulses, load. Out: traces; many cells at once in `fleet`."""
