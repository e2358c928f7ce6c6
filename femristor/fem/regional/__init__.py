"""The regional cell: one density for the dome, fields in the loop. In: card, waveform, load. Out: traces."""
