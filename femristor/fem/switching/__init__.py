"""The resolved cell: vacancies that move in the fields. In: card, waveform or pulses, load. Out: traces, states, frames."""
