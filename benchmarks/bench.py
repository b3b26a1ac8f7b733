"""What every table uses: the data on disk, and the processes that train, alive for the whole benchmark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import images, lockstep
from benchmarks.lockstep import Lockstep
from benchmarks.plain_loop import PlainLoop
from benchmarks.plan import Plan, Widths
from benchmarks.workers import Worker
from pipeline.data.dataset import load


@dataclass(frozen=True)
class Bench:
    """A plan and the means to carry it out.

    Attributes:
        plan: what is measured.
        files: number of inputs -> data set.
        workers: of the engine, one a core, single-threaded as those of the pipeline.
        plain: the process of the plain loop, with all cores.
    """

    plan: Plan
    files: dict[int, Path]
    workers: list[Worker]
    plain: Worker

    @property
    def real(self) -> list[tuple[Path, Widths]]:
        """Data sets of real images, and the network that is trained on each."""
        first = {widths[0]: widths for widths in reversed(self.plan.networks)}  # of each number of inputs
        digits = [file for inputs, file in self.files.items() if inputs not in self.plan.images]
        return [(file, first[load(file).features]) for file in [*digits, *self.plan.real]]

    def make_plain(self, widths: Widths) -> None:
        """A network in the plain loop, in place of the one before."""
        self.plain.call("make", PlainLoop, self.files[widths[0]], widths, self.plan.training)

    def make(self, workers: list[Worker], widths: Widths, members: int | None = None) -> int:
        """An ensemble in each of the workers, in place of the one before, no two networks alike.

        Args:
            workers: of this bench or others.
            widths: of every network.
            members: K; None is what the plan says.

        Returns:
            K.
        """
        k, file = members or lockstep.members(widths, self.plan), self.files[widths[0]]
        for place, worker in enumerate(workers):
            worker.tell("make", Lockstep, file, widths, self.plan.training, k, place * k)
        for worker in workers:
            worker.answer()
        return k


@contextmanager
def bench(plan: Plan) -> Iterator[Bench]:
    """Write the data and start the processes; end and delete them afterwards."""
    temporary = tempfile.TemporaryDirectory(prefix="benchmark-")
    with temporary as folder, started(plan.processes, 1) as workers, started(1, plan.threads) as (plain,):
        inputs = {widths[0] for widths in (*plan.networks, *plan.growing)}
        yield Bench(plan, images.write(Path(folder), inputs, plan.images), workers, plain)


@contextmanager
def started(count: int, threads: int) -> Iterator[list[Worker]]:
    """So many worker processes, ended afterwards."""
    workers = [Worker(threads) for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.stop()
