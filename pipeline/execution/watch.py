"""How far a stage is, for whoever waits: a line per job in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.execution.jobs import Job
from pipeline.execution.planned import Planned
from pipeline.execution.store import Store
from pipeline.results.text import clock
from pipeline.training.progress import Progress

LOG_EVERY = 30.0  # seconds between the lines of a log: what ends sooner leaves none
_REFRESH = 2.0  # times a second in a terminal
_MOST = 20  # lines of jobs in a terminal


@dataclass
class _Known:
    """A job, and the last that is known of it."""

    job: Job
    what: str
    steps: int  # of all its networks
    done: bool
    progress: Progress | None = None

    @property
    def left(self) -> float | None:
        """Seconds that its training will still take at its present rate."""
        known = self.progress
        return max(self.steps - known.steps, 0) / known.rate if known is not None and known.rate > 0 else None


class Watch:
    """What is known of the jobs of an experiment.

    Args:
        name: of the experiment.
        jobs, planned: all its jobs, and what each will do, in the same order.
        store: where they leave how far they are.
        done: keys of those that were finished before.
    """

    def __init__(
        self, name: str, jobs: Sequence[Job], planned: Sequence[Planned], store: Store, done: set[str]
    ) -> None:
        self._name, self._store = name, store
        self._known = {
            job.key: _Known(job, _what(job, plan), plan.steps, job.key in done)
            for job, plan in zip(jobs, planned, strict=True)
        }
        self._began, self._lock = time.monotonic(), threading.Lock()
        self._kept = self._steps()  # of those that were finished before
        self._again = 0.0
        for job in jobs:
            store.remove(f"{job.key}.progress")  # a run that was killed leaves some

    def finished(self, job: Job) -> None:
        """Say that a job has ended."""
        with self._lock:
            self._known[job.key].done = True

    def look(self) -> None:
        """Read how far the jobs at work are, unless that was done a moment ago."""
        if time.monotonic() < self._again:
            return
        self._again = time.monotonic() + self._store.pause
        for known in self._known.values():
            if not known.done and (content := self._store.read(f"{known.job.key}.progress")) is not None:
                known.progress = Progress.from_bytes(content)

    def at_work(self) -> list[_Known]:
        """The jobs that have begun and not ended."""
        return [known for known in self._known.values() if not known.done and known.progress is not None]

    def summary(self) -> str:
        """The whole in a line."""
        jobs, steps = self._known.values(), self._steps()
        before = self._kept + sum(known.progress.before for known in jobs if known.progress is not None)
        total, rate = sum(known.steps for known in jobs), (steps - before) / (time.monotonic() - self._began)
        left = f", {clock((total - steps) / rate)} left" if rate > 0 else ""
        ended = f"{sum(known.done for known in jobs)} of {len(self._known)} jobs"
        return f"{self._name}: {ended}, {steps:,} of {total:,} network-steps, {rate:,.0f}/s{left}"

    def table(self) -> Table:
        """The whole, and a line for each job at work, for a terminal."""
        table = Table.grid(padding=(0, 2))
        for number in range(6):
            table.add_column(justify="left" if number < 2 else "right", no_wrap=True)
        with self._lock:
            self.look()
            for known in self.at_work()[:_MOST]:
                table.add_row(*_cells(known))
            whole = Table.grid()
            whole.add_row(Text(self.summary(), style="bold"))
        whole.add_row(table)
        return whole

    def lines(self) -> list[str]:
        """The same for a log."""
        with self._lock:
            self.look()
            own = [f"  {', '.join(filter(None, _cells(known)))}" for known in self.at_work()]
            return [self.summary(), *own]

    def _steps(self) -> int:
        """Network-steps taken so far, in all jobs."""
        return sum(
            known.steps if known.done else known.progress.steps if known.progress is not None else 0
            for known in self._known.values()
        )


@contextmanager
def watched(watch: Watch, every: float = LOG_EVERY) -> Iterator[None]:
    """Show it on standard error while the block runs: in a terminal as a table that stays in place, else in lines."""
    console = Console(stderr=True)
    # Not all that rich takes for a terminal: FORCE_COLOR makes one of a log, on a dumb one nothing stays in place.
    if sys.stderr.isatty() and not console.is_dumb_terminal:
        with Live(get_renderable=watch.table, console=console, refresh_per_second=_REFRESH, transient=True):
            yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_log, args=(watch.lines, every, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _log(lines: Callable[[], list[str]], every: float, ended: threading.Event) -> None:
    while not ended.wait(every):
        print("\n".join(lines()), file=sys.stderr, flush=True)


def _what(job: Job, plan: Planned) -> str:
    """A job's data and networks in few words."""
    data = " + ".join(Path(path).stem for path in job.data)
    widths = "-".join(map(str, plan.workloads[0].widths)) if plan.workloads else ""
    return f"{data}, {len(job.members)} x {widths}"


def _cells(known: _Known) -> list[str]:
    """What is said of a job at work."""
    progress, left = known.progress, known.left
    assert progress is not None  # of a job at work
    return [
        known.what,
        progress.phase,
        progress.place,
        "" if progress.accuracy is None else f"{progress.accuracy:.1f} %",
        f"{progress.rate:,.0f}/s",
        "" if left is None else f"{clock(left)} left",
    ]
