"""What is kept is whole or not believed, in a folder as in object storage."""

from __future__ import annotations

import logging
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.execution.store import Store

CONTENT = bytes(range(256)) * 8


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    places = {
        "folder": str(tmp_path / "kept"),
        "file": f"file://{tmp_path}/kept",
        "memory": f"memory://{tmp_path.name}",
    }
    return Store(places[request.param])


def altered(store: Store, name: str, change: str, draw: random.Random) -> None:
    """The stored bytes cut short, or with one bit turned, wherever that is."""
    place = store._place(name)
    sealed = bytearray(store._files.cat_file(place))
    where = draw.randrange(len(sealed))
    if change == "truncated":
        del sealed[where:]
    else:
        sealed[where] ^= 1 << draw.randrange(8)
    store._files.pipe_file(place, bytes(sealed))


def test_what_was_kept_is_read(store: Store) -> None:
    assert store.read("a.rows") is None
    for content in (CONTENT, b"", b"\n"):
        store.write("a.rows", content)
        assert store.read("a.rows") == content
    store.remove("a.rows")
    store.remove("a.rows")
    assert store.read("a.rows") is None


@pytest.mark.parametrize("change", ["truncated", "altered"])
def test_what_is_damaged_is_named_and_set_aside(store: Store, change: str, caplog: pytest.LogCaptureFixture) -> None:
    draw = random.Random(0)
    for _ in range(100):
        store.write("a.rows", CONTENT)
        altered(store, "a.rows", change, draw)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert store.read("a.rows") is None
        assert "a.rows is cut short or altered" in caplog.text
        assert not store._files.exists(store._place("a.rows"))
        assert store._files.exists(store._place("a.rows.damaged"))


def test_what_a_killed_writer_left_is_tidied_away(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.write("a.rows", CONTENT)
    for name in (".a.half.rows", ".b.half.rows"):
        (tmp_path / name).write_bytes(b"half")
    store.tidy(["a.rows"])
    assert {path.name for path in tmp_path.iterdir()} == {"a.rows", ".b.half.rows"}


LIMITED = """
import sys
from pipeline.execution.store import Store
Store(sys.argv[1]).write("a.rows", bytes(100_000))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system has no limit of file sizes")
def test_no_space_keeps_what_there_was(tmp_path: Path) -> None:
    """A limit of the size of a file stands for a full disk: a write fails in the middle."""
    store = Store(str(tmp_path))
    store.write("a.rows", CONTENT)
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert "OSError" in done.stderr and "File too large" in done.stderr
    assert store.read("a.rows") == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.rows"], "the half of it is gone"
