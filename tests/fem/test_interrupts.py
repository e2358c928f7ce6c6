"""Ctrl-C while a library calls Python back is Ctrl-C: no traceback, no mesh of wrong sizes, no failed solve."""

import gc
import os
import signal

import pytest

from femristor.device import load_card
from femristor.fem import dolfin
from femristor.fem.electrothermal.cell import ElectroThermal
from femristor.fem.electrothermal.ohmic import OhmicCell
from femristor.fem.mesh import cell_mesh as mesh


def _press(times: int):
    """What sends Ctrl-C at the `times`-th call."""
    calls = []

    def press():
        calls.append(0)
        if len(calls) == times:
            os.kill(os.getpid(), signal.SIGINT)

    return press


def test_while_the_cell_is_meshed(monkeypatch, capfd):
    press, edge_length = _press(50), mesh.edge_length

    def pressed(*arguments):
        press()
        return edge_length(*arguments)

    monkeypatch.setattr(mesh, "edge_length", pressed)
    with pytest.raises(KeyboardInterrupt):
        ElectroThermal(load_card("cmo_hfox"), resolution=0.3)
    assert "Traceback" not in capfd.readouterr().err


def test_while_a_solve_runs(monkeypatch):
    card = load_card("cmo_hfox")
    solver = ElectroThermal(card, resolution=0.3)
    newton = solver.problem.newton
    press = _press(2)
    newton.snes.setMonitor(lambda *_: press())
    with pytest.raises(KeyboardInterrupt):
        solver.sweep([0.0, 0.4], card.state("lrs"))
    assert isinstance(newton, dolfin.BlockNewton)


def test_while_a_solver_is_built(monkeypatch, capfd):
    def interrupted(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(dolfin._petsc, "_create_form", interrupted)
    with pytest.raises(KeyboardInterrupt):
        OhmicCell(load_card("cmo_hfox"), resolution=0.3).resistance_ohm(11e-9, 1e6)
    with pytest.raises(KeyboardInterrupt):
        ElectroThermal(load_card("cmo_hfox"), resolution=0.3)
    gc.collect()
    assert "Traceback" not in capfd.readouterr().err
