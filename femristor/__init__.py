"""femristor: an analog ReRAM cell from its physics to a trained network.

The data run one way, and every stage can be replaced by data of your own::

    DeviceCard, IVCurve            device, core   stack, materials, measured curves
      -> FieldSolution             fem            V, T, |E| of the cell, current, hop rates
      -> FormingFit, HoppingFit    transport      filament radius, sigma_CMO; N, a_e, dE of a state
      -> CompactTable              compact        I, T, E, ionic rate over (V, N, ambient); 0-D closed form
      -> CellArray                 array          conductances that are programmed, relax and are read
      -> AnalogLinear, TrainingRun nn             matrix products over ten years, training on the device
      -> report                                   ours beside the paper's, with the provenance

Importing the package touches neither MPI nor torch; each room is imported where it is used.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
