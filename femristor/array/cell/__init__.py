"""One cell of an array at its terminals, with its own parameters: device, selector, hop noise, netlist."""
