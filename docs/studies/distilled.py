"""What one and two distilled states keep of the moving vacancies: loops and pulse trains that they were not fitted to.

    python docs/studies/distilled.py

Reads docs/data/{transients,crossing,train}.h5 and docs/data/loops.csv; prints both models beside the fields, writes
docs/data/distilled.csv and docs/images/switching_pulses.png.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from femristor.compact import distil, model_pulse_train
from femristor.compact.dynamics.two_state import fit_two_states
from femristor.core import Waveform, store
from femristor.core.traces import figures_of_merit
from femristor.device import PulseScheme, load_card, selector_load
from femristor.plot import pulses_figure, save_png

FOLDER = Path(__file__).parents[1]
PEAKS = (-1.45, 1.3)


def loop_reads(model, two, load, start_S: float, dome_m3: float):
    """Conductances after each half cycle by one and by two states, in uS."""
    trace, _ = two.sweep(Waveform.triangle(PEAKS * 5, 1.0), start_S, dome_m3, load=load)
    ends = np.flatnonzero(trace.voltage_applied_V == 0.0)[1:]
    from femristor.compact import trace_sweep

    single = trace_sweep(
        model, Waveform.triangle(PEAKS * 5, 1.0), float(model.density_at(start_S)), load=load
    )
    turns = np.flatnonzero(single.voltage_applied_V == 0.0)[1:]
    return [1e6 * model.conductance_S(t.density_m3[k]) for t, k in ((single, turns), (trace, ends))]


def main() -> None:
    """Fit, compare, write."""
    card = load_card("cmo_hfox")
    load = selector_load(card)
    found = store.load(FOLDER / "data" / "transients.h5")
    table, spread = distil(found, card)
    two = fit_two_states(table, found, store.load(FOLDER / "data" / "crossing.h5"))
    model = two.table
    print("ln I of set against reset profiles:", spread)
    print("set off its curve:", two.set_off)
    print("reset off its curve:", two.reset_off)
    with (FOLDER / "data" / "loops.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["start"] == "card"]
    fields = np.array([float(row["G_uS"]) for row in rows])
    train = store.load(FOLDER / "data" / "train.h5")
    one, both = loop_reads(model, two, load, train.start_conductance_S, float(train.density_m3[0]))
    print("fields    ", fields)
    print("one state ", one.round(2))
    print("two states", both.round(2))
    scheme = PulseScheme(train.set_V, train.reset_V, train.width_s, train.edge_s)
    counts = {
        name: int(np.count_nonzero(train.phase == k))
        for k, name in enumerate(("n_up", "n_down", "n_alternate"))
    }
    start = float(model.density_at(train.start_conductance_S))
    single = model_pulse_train(model, card, scheme=scheme, start_density_m3=start, load=load, **counts)
    time, volt = scheme.waveform(train.direction)
    trace, _ = two.sweep(
        Waveform(time, volt, "train"),
        train.start_conductance_S,
        float(train.density_m3[0]),
        load=load,
        tolerance=1e-4,
    )
    after = np.flatnonzero(np.isin(trace.time_s, time[3::3]))
    double = replace(train, conductance_S=model.conductance_S(trace.density_m3[after]))
    named = {"moving vacancies": train, "one state": single, "two states": double}
    save_png(pulses_figure(named), FOLDER / "images" / "switching_pulses.png")
    with (FOLDER / "data" / "distilled.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("model", "rms_ln_G_train", "worst_ln_G_train", "n_states", "skew", "rms_ln_G_loops"))
        for (name, entry), loops in zip(named.items(), (fields, one, both), strict=True):
            off = np.log(entry.conductance_S / train.conductance_S)
            merit = figures_of_merit(entry.conductance_S, train.phase)
            row = (
                np.sqrt(np.mean(off**2)),
                np.abs(off).max(),
                *merit,
                np.sqrt(np.mean(np.log(loops / fields) ** 2)),
            )
            writer.writerow((name, *(f"{value:.4g}" for value in row)))
            print(name, *(f"{value:.4g}" for value in row))


if __name__ == "__main__":
    main()
