"""Draws of an inference experiment: one after the other, over processes, or over the ranks of torchrun.

A draw's cells depend on (seed, draw) only, so who computes it changes nothing.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Protocol

import numpy as np
import torch

from femristor.core.errors import InputError
from femristor.nn.inference.program import ProgrammedNetwork
from femristor.nn.mvm.product import CellMaker


class Data(Protocol):
    """What is measured; `inference.data` has two."""

    metric: str
    calibration: torch.Tensor

    def measure(self, network: torch.nn.Module) -> float:
        """Figure of merit of a network."""


@dataclass(frozen=True)
class DrawJob:
    """All that a draw needs; goes to other processes, so its parts must be picklable.

    Attributes:
        network: laid on tiles, not programmed.
        make_cells: puts weights on cells.
        data: test data.
        times_s: rising.
        seed: of the cells.
    """

    network: ProgrammedNetwork
    make_cells: CellMaker
    data: Data
    times_s: tuple[float, ...]
    seed: int

    def run(self, draw: int) -> np.ndarray:
        """Program, age and measure: (times,)."""
        self.network.program(self.make_cells, seed=self.seed, draw=draw)
        return np.array([self.data.measure(self.network.to_time(time)) for time in self.times_s])


Done = tuple[int, np.ndarray]


def one_by_one(job: DrawJob, draws: Sequence[int]) -> Iterator[list[Done]]:
    """Draws in this process."""
    for draw in draws:
        yield [(draw, job.run(draw))]


_JOB: list[DrawJob] = []


def _start_worker(job: DrawJob) -> None:
    # The parent decides what Ctrl-C does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _JOB[:] = [job]


def _run_in_worker(draw: int) -> np.ndarray:
    return _JOB[0].run(draw)


def over_processes(job: DrawJob, draws: Sequence[int], processes: int) -> Iterator[list[Done]]:
    """Draws in other processes of this machine.

    Raises:
        InputError: a part of the job cannot be sent to another process, or a process died.
    """
    pool = ProcessPoolExecutor(
        min(processes, len(draws)), get_context("spawn"), initializer=_start_worker, initargs=(job,)
    )
    try:
        try:
            waiting = {pool.submit(_run_in_worker, draw): draw for draw in draws}
        except BrokenProcessPool:
            raise
        except Exception as error:  # whatever the parts of the job say to being sent
            raise InputError(
                f"The network or its cells cannot be sent to other processes ({error}); use one process."
            ) from error
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            yield [(waiting.pop(future), future.result()) for future in ready]
    except BrokenProcessPool:
        raise InputError(
            "A process of the draws ended by itself, memory may be short; use fewer processes and go on with --resume."
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def launched_ranks() -> tuple[int, int]:
    """Rank and number of ranks that torchrun gave this process; (0, 1) without it."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return 0, 1
    return int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])


def over_ranks(job: DrawJob, draws: Sequence[int]) -> Iterator[list[Done]]:
    """Draws spread over the ranks of `torch.distributed`, in rounds; every rank gets all values.

    The process group must be open.
    """
    rank, ranks = torch.distributed.get_rank(), torch.distributed.get_world_size()
    for first in range(0, len(draws), ranks):
        part = draws[first : first + ranks]
        table = torch.zeros(len(part), len(job.times_s), dtype=torch.float64)
        if rank < len(part):
            table[rank] = torch.from_numpy(job.run(part[rank]))
        torch.distributed.all_reduce(table)
        yield list(zip(part, table.numpy(), strict=True))


def on_any_rank(*, raised: bool) -> bool:
    """Whether a flag is raised on any rank, so that all of them stop after the same round.

    Args:
        raised: flag of this process.

    Returns:
        The flag itself without torchrun.
    """
    if launched_ranks()[1] == 1:
        return raised
    flag = torch.tensor([int(raised)])
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag)


@contextmanager
def process_group() -> Iterator[None]:
    """Connect the ranks of torchrun (gloo) while the block runs; nothing without torchrun."""
    if launched_ranks()[1] == 1:
        yield
        return
    torch.distributed.init_process_group("gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def share_network(network: torch.nn.Module) -> None:
    """Give all ranks the tensors of rank 0, in place; nothing without torchrun."""
    if launched_ranks()[1] > 1:
        for tensor in network.state_dict().values():
            torch.distributed.broadcast(tensor, 0)
