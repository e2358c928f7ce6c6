"""femristor: an analog ReRAM cell from its physics to a trained network.

`import femristor as fm` is the front door::

    card = fm.load_card("cmo_hfox")
    card = card.updated(fm.fit_hopping(fm.read_iv("lrs.csv", "hrs.csv"), card))
    cell = fm.FieldCell(card)                                     # fields with moving vacancies
    loop = cell.sweep(fm.triangle("1.3 V", "-1.45 V", rate="1 V/s"))
    model = fm.reduce(card)                                       # compact model of that cell
    pulses = fm.Array(model, rows=8, cols=4, seed=1).pulses()     # 400 set, 400 reset, 500 alternating
    run = fm.train(fm.perceptron(), fm.load_mnist(), device=fm.StepDevice.from_traces(pulses), rule=fm.Agad(), seed=1)
    cells = fm.program(run, card, mapping="differential", calibration=fm.load_mnist())
    cells.at("10 years").accuracy(fm.load_mnist())

The data run one way, and every stage can be replaced by data of your own::

    DeviceCard, IVCurve            device, core   stack, materials, measured curves
      -> FieldSolution             fem            V, T, |E| of the cell, current, hop rates
      -> FormingFit, HoppingFit    transport      filament radius, sigma_CMO; N, a_e, dE of a state
      -> CompactTable              compact        I, T, E, ionic rate over (V, N, ambient); 0-D closed form
      -> CellArray                 array          conductances that are programmed, relax and are read
      -> AnalogLinear, TrainingRun nn             matrix products over ten years, training on the device
      -> report                                   ours beside the paper's, with the provenance

Importing the package touches neither MPI nor torch: every name is imported when it is first used, and so are the names
that a room exports (`from femristor.nn import AnalogLinear`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.1.0"
