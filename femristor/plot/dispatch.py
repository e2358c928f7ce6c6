"""The figure of a result, by its type: a result type joins by one line of FIGURES, or by `register`."""

import importlib
from collections.abc import Callable

from femristor.core.errors import InputError

_OWN: dict[str, tuple[str, Callable]] = {
    "IVCurve": ("iv:iv_figure", lambda draw, curve: draw([curve])),
    "SwitchingTrace": ("switching:loops_figure", lambda draw, trace: draw({trace.model: [trace]})),
    "PulseTrace": ("switching:pulses_figure", lambda draw, train: draw({f"{train.set_V:g} / {train.reset_V:g} V": train})),
    "SweepResult": ("compact:sweep_figure", lambda draw, sweep: draw(sweep)),
    "PulseSteps": ("compact:steps_figure", lambda draw, steps: draw(steps)),
    "FormingFit": ("fits:forming_figure", lambda draw, fit: draw(fit)),
    "HoppingFit": ("fits:hopping_figure", lambda draw, fit: draw(fit)),
    "FieldMap": ("fields:map_figure", lambda draw, fields: draw([fields])),
    "FrameStrip": ("filmstrip:filmstrip_figure", lambda draw, strip: draw(strip)),
    "ArrayForming": ("array.experiments:forming_figure", lambda draw, found: draw(found)),
    "ArrayCycling": ("array.experiments:cycling_figure", lambda draw, found: draw(found)),
    "OpenLoopArray": ("array.experiments:open_loop_figure", lambda draw, found: draw(found)),
    "MeasuredPulses": ("array.experiments:measured_pulses_figure", lambda draw, found: draw(found)),
    "LevelDistribution": ("array.levels:level_figure", lambda draw, levels: draw(levels)),
    "RelaxationTrace": ("array.levels:relaxation_figure", lambda draw, trace: draw(trace)),
    "RelaxationFit": ("array.relaxation:relaxation_fit_figure", lambda draw, fit: draw(fit)),
    "ReadNoiseFit": ("array.relaxation:read_noise_figure", lambda draw, fit: draw(fit)),
    "BakeFit": ("array.relaxation:bake_figure", lambda draw, fit: draw(fit)),
    "RemedyTable": ("array.remedies:remedies_figure", lambda draw, table: draw(table)),
    "MvmExperiment": ("nn.mvm:mvm_figure", lambda draw, run: draw(run)),
    "TrainingRun": ("nn.training:accuracy_figure", lambda draw, run: draw([run])),
    "InferenceExperiment": ("nn.inference:inference_figure", lambda draw, run: draw([run])),
}
FIGURES = {name: (f"femristor.plot.{place}", call) for name, (place, call) in _OWN.items()}
"""Name of a type to its figure, "module:function", and how the result is handed to it."""


def register(name: str, place: str, call: Callable = lambda draw, result: draw(result)) -> None:
    """Add the figure of a result type.

    Args:
        name: of the type.
        place: "package.module:function" of the figure.
        call: hands the result to the function.
    """
    FIGURES[name] = (place, call)


def figure_of(result):
    """Draw a result.

    Args:
        result: of a type in FIGURES.

    Returns:
        matplotlib's Figure.

    Raises:
        InputError: no figure of such a result.
    """
    name = type(result).__name__
    if name not in FIGURES:
        raise InputError(f"There is no figure of a {name}; femristor.plot draws {', '.join(sorted(FIGURES))}.")
    place, call = FIGURES[name]
    module, _, function = place.partition(":")
    return call(getattr(importlib.import_module(module), function), result)
