"""Where the results and the checkpoints of jobs are kept: a folder, or object storage that several machines reach."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.paths import written

_DIGITS = 64  # of a BLAKE2b digest of 32 bytes, hexadecimal, at the start of a file, before a newline


class Store:
    """Named contents, each with a digest, so that what was cut short or altered is noticed and not believed.

    Args:
        address: a folder, or the URL of a place that fsspec knows, e.g. s3://bucket/shards (with s3fs installed).
    """

    def __init__(self, address: str) -> None:
        self.address = address
        path = re.sub("^(file|local)://", "", address)  # which fsspec would not make
        self._folder = None if "://" in path else Path(path)

    def write(self, name: str, content: bytes) -> None:
        """Keep the content under a name, whole or not at all.

        Raises:
            OSError: no space left, no permission, ...; what was there before is still there.
        """
        sealed = b"%s\n%s" % (_digest(content), content)
        if self._folder is None:
            self._files.pipe_file(self._place(name), sealed)  # an object appears once it is whole
            return
        with written(self._folder / name) as beside:
            beside.write_bytes(sealed)

    def read(self, name: str) -> bytes | None:
        """What is kept under a name, or None if nothing is there that can be believed.

        What is cut short or altered is named in a warning, and set aside as `<name>.damaged`.
        """
        try:
            sealed = self._files.cat_file(self._place(name))
        except FileNotFoundError:
            return None
        digest, content = sealed[:_DIGITS], sealed[_DIGITS + 1 :]
        if sealed[_DIGITS : _DIGITS + 1] == b"\n" and digest == _digest(content):
            return bytes(content)
        self._files.mv(self._place(name), self._place(f"{name}.damaged"))
        logging.getLogger(__name__).warning(
            "warning: %s/%s is cut short or altered (wrong digest); it is set aside as %s.damaged and made again",
            self.address,
            name,
            name,
        )
        return None

    def holds(self, name: str) -> bool:
        """Whether something is kept under a name, believed or not."""
        return bool(self._files.exists(self._place(name)))

    def remove(self, name: str) -> None:
        """Forget what is kept under a name, if anything is."""
        if self.holds(name):
            self._files.rm_file(self._place(name))

    def tidy(self, names: Iterable[str]) -> None:
        """Remove what writers left half done when they were killed. None must be at work on these names."""
        if self._folder is not None:
            for name in names:
                for beside in self._folder.glob(f".{Path(name).stem}.*"):
                    beside.unlink(missing_ok=True)

    @property
    def pause(self) -> float:
        """Seconds that should lie between two looks at, or two updates of, what is only to be watched."""
        return 1.0 if self._folder is not None else 10.0

    @cached_property
    def _files(self) -> Any:
        from fsspec.core import url_to_fs

        return url_to_fs(self.address)[0]

    def _place(self, name: str) -> str:
        return f"{self.address.rstrip('/')}/{name}"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGITS // 2).hexdigest().encode()
