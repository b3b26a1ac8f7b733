"""In place of a real publication, whose process takes seconds to begin: they do as they are told, or not."""

from __future__ import annotations

import os
import time
from functools import partial
from multiprocessing.connection import Connection


def silent(messages: Connection, profile: str, settings: object, source: partial[object], *more: object) -> None:
    """Begins, notes that in the file given, and is held up for ever."""
    source.args[0].write_text(source.args[0].read_text() + "begun\n")
    messages.send(None)
    time.sleep(1000)


def dying(messages: Connection, *what: object) -> None:
    """Gets on a little."""
    messages.send(None)
    os._exit(1)


def reading(messages: Connection, profile: str, settings: object, source: partial[object], *more: object) -> None:
    """Fails for the reason in the file given, or succeeds if it is empty."""
    messages.send(None)
    messages.send(source.args[0].read_text())
