"""Processes that keep what they train, and do a piece of work when told to, so that others can be timed between."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any


class Worker:
    """A spawned process in which one object at a time has its methods called.

        worker = Worker(threads=1)
        worker.call("make", Lockstep, file, widths, training, members)
        worker.call("steps", 100)

    Args:
        threads: torch's threads in the process.
    """

    def __init__(self, threads: int) -> None:
        # Spawned, not forked: a fork copies torch's thread pools in an unusable state.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
        self._process.start()
        theirs.close()

    def tell(self, what: str | Callable[..., Any], *arguments: Any) -> None:
        """Begin a call: of a method of the object, "make" for a new object, or of a function beside it."""
        self._connection.send((what, arguments))

    def answer(self) -> Any:
        """What the call that was begun gives, once it is done.

        Raises:
            RuntimeError: it failed, or the process died.
        """
        try:
            failure, value = self._connection.recv()
        except EOFError:
            raise RuntimeError("a worker process of the benchmark died; was there enough memory?") from None
        if failure is not None:
            raise RuntimeError(f"in a worker process of the benchmark:\n{failure}")
        return value

    def call(self, what: str | Callable[..., Any], *arguments: Any) -> Any:
        """Begin a call and wait for it."""
        self.tell(what, *arguments)
        return self.answer()

    def stop(self) -> None:
        """End the process, whatever it is doing; it holds nothing that would be lost."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def together(workers: Sequence[Worker], what: str | Callable[..., Any], *arguments: Any) -> list[Any]:
    """The same call in all workers at once: what each gives, once all are done."""
    for worker in workers:
        worker.tell(what, *arguments)
    return [worker.answer() for worker in workers]


def seconds(workers: Sequence[Worker], what: str, *arguments: Any) -> float:
    """Wall-clock time from a common start until the last of the workers has done the call."""
    started = time.perf_counter()
    together(workers, what, *arguments)
    return time.perf_counter() - started


def _serve(connection: Connection, threads: int) -> None:
    import torch

    torch.set_num_threads(threads)
    made: Any = None
    while True:
        try:
            what, arguments = connection.recv()
        except EOFError:
            return
        try:
            value = None
            if what == "make":
                made = None  # freed before the next is made
                made = arguments[0](*arguments[1:])
            else:
                value = (what if callable(what) else getattr(made, what))(*arguments)
            connection.send((None, value))
        except Exception:
            connection.send((traceback.format_exc(), None))
