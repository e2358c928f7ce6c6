"""Fields of a cell in a frozen state: continuity with Joule heat. In: card, state, bias. Out: V, T, currents."""
