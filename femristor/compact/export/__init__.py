"""Models for other programs: SPICE, Verilog-A, CSV, HDF5, and the check of a netlist in ngspice."""
