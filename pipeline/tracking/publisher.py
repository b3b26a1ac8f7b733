"""Publishing beside training: in a process that may hang, fail or be killed, and training does not notice.

A process, and a new one for each publication: a thread would take its time from training in the same interpreter and
could not be stopped where it hangs, and MLflow's client would go on writing to a database file that was deleted.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.tracking import reason, synchronise
from pipeline.tracking.connection import address, load

if TYPE_CHECKING:
    from pipeline.results.networks import Network

# Called in the process that publishes, hence to be pickled.
Source = Callable[[], pd.DataFrame]  # of rows
Networks = Callable[[], "Sequence[Network]"]

_EVERY = 60.0  # seconds between publications while others make rows
_BEGIN = 60.0  # seconds to import MLflow, or for a database to be made, after which one is given up
_PATIENCE = 10.0  # seconds for a server to answer: a publication speaks before each run, picture and network


class Publisher:
    """Publishes the rows of one experiment: what there is while they are made, and everything at the end.

        publisher = Publisher(profile, settings)
        for ...:
            publisher.offer(partial(some_rows, ...))
        publisher.finish(partial(read, path))

    Nothing is raised. An outage is one warning, however long it lasts; after it the next publication writes what is
    missing, and so does `python -m stages.track`.

    Args:
        profile: its name.
        settings: of the experiment.
    """

    def __init__(self, profile: str, settings: Mapping[str, Any]) -> None:
        self._profile, self._settings = profile, settings
        self._current: _Publication | None = None
        self._due = time.monotonic() + _EVERY
        self._out = False  # whether the last one failed
        self.begun = False  # whether anything was published, or tried to be

    def offer(self, source: Source) -> None:
        """Publish the rows that `source` gives, unless this is going on or was done a minute ago.

        Returns at once. The publication has the lowest priority, so that it gets what time training leaves over.
        """
        if self._current is not None and (failure := self._current.outcome(patience=0)) is not None:
            self._end(failure)
        if self._current is None and time.monotonic() >= self._due:
            self._current, self.begun = _Publication(self._profile, self._settings), True
            self._current.give_way()
            self._current.publish(source)

    def finish(self, source: Source, networks: Networks = tuple) -> bool:
        """Publish the rows that `source` gives, and `networks`.

        False, after a warning, if that fails.

        Waits until it is done, but no longer than `_PATIENCE` for a server that does not answer.
        """
        if self._current is not None:
            self._current.stop()  # what it has not written, the last one writes
        self._current, self.begun = _Publication(self._profile, self._settings), True
        self._current.publish(source, networks)
        return self._end(self._current.wait())

    def _end(self, failure: str) -> bool:
        """Be ready for the next. A failure is a warning, unless the one before failed as well."""
        if failure and not self._out:
            logging.getLogger(__name__).warning(
                "warning: not published to MLflow, `python -m stages.track --profile %s` does it later: %s",
                self._profile,
                failure,
            )
        self._current, self._out, self._due = None, bool(failure), time.monotonic() + _EVERY
        return not failure


class _Publication:
    """A process that publishes once. Killed, it leaves a run unfinished, which the next one replaces."""

    def __init__(self, profile: str, settings: Mapping[str, Any]) -> None:
        context = get_context("spawn")  # a fork would copy torch's thread pools in an unusable state
        self._messages, theirs = context.Pipe()
        # A daemon is ended with this process; any other would be waited for.
        arguments = (theirs, _publish, profile, settings)
        self._process = context.Process(target=_begin, args=arguments, daemon=True)
        self._process.start()
        theirs.close()  # so that messages end when the process does

    def publish(self, source: Source, networks: Networks = tuple) -> None:
        """Say what to publish, as in `Publisher.finish`."""
        with suppress(OSError):  # it has died, which its outcome says
            self._messages.send((source, networks))

    def give_way(self) -> None:
        """Have the lowest priority from now on."""
        if hasattr(os, "setpriority") and self._process.pid:  # not on Windows
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, 19)

    def outcome(self, patience: float) -> str | None:
        """Why it failed, or "" if it did not; None if it is at work and was silent for so many seconds."""
        said: str | None = None
        try:
            while said is None and self._messages.poll(patience):
                said = self._messages.recv()
        except (EOFError, OSError):
            said = "the process that publishes died"
        if said is not None:
            self.stop()
        return said

    def wait(self) -> str:
        """Why it failed, or "" if it did not, once it has ended or been given up."""
        self._messages.poll(_BEGIN)  # until it begins; only then may the store hold it up
        patience = _PATIENCE if address().startswith("http") else _BEGIN
        said = self.outcome(patience)
        if said is None:
            self.stop()
            return f"the store did not answer for {patience:g} s"
        return said

    def stop(self) -> None:
        """End it, wherever it is."""
        self._process.kill()
        self._process.join()
        self._messages.close()


def _begin(messages: Connection, publish: Callable[..., None], profile: str, settings: Mapping[str, Any]) -> None:
    """What the process does: get ready, then publish what it is told."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one, and ends it
    load()
    with suppress(EOFError):  # the process that started this one is gone, or has nothing to publish
        publish(messages, profile, settings, *messages.recv())


def _publish(
    messages: Connection,
    profile: str,
    settings: Mapping[str, Any],
    source: Source,
    networks: Networks,
) -> None:
    """Publish, saying None whenever it gets on, and at last why it failed, or "" if it did not."""
    try:
        synchronise(
            source(),
            profile=profile,
            settings=settings,
            networks=networks(),
            progress=lambda: messages.send(None),
        )
        said = ""
    except Exception as error:  # whatever MLflow, its database or the network may raise
        said = reason(error)
    with suppress(OSError):  # nobody listens any more
        messages.send(said)
