"""Ctrl-C while a threaded kernel runs: a KeyboardInterrupt once it has returned, never a crash."""

import os
import signal
import threading

import numpy as np
import pytest

from femristor.compact.dynamics.cells import IbmCells
from femristor.compact.dynamics.fleet import pulse_fleet
from femristor.compact.ibm import IbmModel
from femristor.core.jobs import kernel_interrupts
from femristor.device import load_card
from femristor.device.load_line import selector_load
from femristor.device.pulse_scheme import PulseScheme


@pytest.fixture(autouse=True)
def default_handler():
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


def test_ctrl_c_waits_for_the_end_of_the_block():
    reached = []
    with pytest.raises(KeyboardInterrupt), kernel_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        reached.append(True)
    assert reached and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_errors_pass_and_other_threads_are_left_alone():
    with pytest.raises(SystemError, match="other"), kernel_interrupts():
        raise SystemError("other")
    seen = []

    def inside():
        with kernel_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_a_fleet():
    card = load_card("cmo_hfox")
    model = IbmModel(card)
    scheme, load = PulseScheme(1.35, -1.3, 2.5e-6), selector_load(card)
    warm = {"start_density_m3": 2e25, "reads": [2]}
    pulse_fleet(model, IbmCells.of(model, 2), scheme, [1, -1], load, **warm)
    cells = IbmCells.of(model, 100_000)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            pulse_fleet(
                model, cells, scheme, np.tile([1, -1], 650), load, start_density_m3=2e25, reads=[1300]
            )
    finally:
        timer.cancel()
