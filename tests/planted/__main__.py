"""Plants the faults of `table.py`, one at a time, in a copy of the working tree, and says which test finds each.

    python tests/planted                      the nearest tests, then what `make test` runs, then the rest
    python tests/planted --tiers nearest      the nearest tests alone: minutes
    python tests/planted moment gradient      faults whose description or file has one of these words

A line of a Markdown table per fault, as it is known. The status is 1 if a fault was found by no test, or if the
nearest tests fail without a fault, when nothing that they find would say anything.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from table import FAULTS, Fault

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))
from clones import cloned, environment, equipped

TIERS = {"nearest": (), "fast": ("-n", "auto", "-m", "not slow"), "slow": ("-n", "auto", "-m", "slow")}
_times = count(int(time.time()) + 1)
LIMIT = 1800  # seconds of a tier, after which a fault counts as found: it makes something hang


class Found(NamedTuple):
    """What came of some tests.

    Attributes:
        by: the first that failed; None if none did.
        seconds: until then.
    """

    by: str | None
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Plant the faults that are wanted; the status to exit with."""
    parser = argparse.ArgumentParser(description="Plant faults, one at a time, and say which test finds each.")
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the descriptions or files of faults (all)")
    parser.add_argument("--tiers", choices=TIERS, default="slow", help="the last to be run (%(default)s)")
    parser.add_argument("--no-control", action="store_true", help="do not run them without a fault first")
    options = parser.parse_args(arguments)
    wanted = [f for f in FAULTS if not options.words or any(w in f"{f.what} {f.file}" for w in options.words)]
    tiers = list(TIERS)[: list(TIERS).index(options.tiers) + 1]
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        folder = equipped(cloned(Path(name)))
        near = sorted({test for fault in wanted for test in fault.near})
        if not options.no_control and (by := tested(folder, near).by) is not None:
            print(f"without any fault {by} fails", file=sys.stderr)
            return 1
        print("| fault | in | found by | tier | s |\n|---|---|---|---|---:|", flush=True)
        missed = sum(not shown(folder, fault, tiers) for fault in wanted)
    print(f"\n{len(wanted) - missed} of {len(wanted)} found")
    return int(missed > 0)


def shown(folder: Path, fault: Fault, tiers: Sequence[str]) -> bool:
    """Plant a fault, print its line, and take it out again; whether a test found it."""
    file = folder / fault.file
    whole = file.read_text(encoding="utf-8")
    put(file, planted(whole, fault))
    spent, found, tier = 0.0, Found(None, 0.0), ""
    try:
        for tier in tiers:
            found = tested(folder, fault.near if tier == "nearest" else (), TIERS[tier])
            spent += found.seconds
            if found.by is not None:
                break
    finally:
        put(file, whole)
    by = "**nothing**" if found.by is None else f"`{found.by.removeprefix('tests/')}`"
    print(f"| {fault.what} | `{fault.file}` | {by} | {tier if found.by else ''} | {spent:.0f} |", flush=True)
    return found.by is not None


def put(file: Path, text: str) -> None:
    """Write a file, later than ever before: Python tells by seconds and size whether what it compiled is of it."""
    file.write_text(text, encoding="utf-8")
    later = next(_times)
    os.utime(file, (later, later))


def planted(text: str, fault: Fault) -> str:
    """A file's text with the fault in it.

    Raises:
        ValueError: the old text is not there exactly once.
    """
    if (times := text.count(fault.old)) != 1:
        raise ValueError(f"{fault.file}: {fault.old!r} is there {times} times, not once, to plant: {fault.what}")
    return text.replace(fault.old, fault.new)


def tested(folder: Path, tests: Sequence[str], options: Sequence[str] = ()) -> Found:
    """Run tests in the copy until one fails: those under tests/ that are named, or all that the options choose."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "--ignore=tests/planted", *options]
    settings = environment(folder) | {"OMP_NUM_THREADS": "1"}
    settings["PATH"] = os.pathsep.join([str(folder / ".venv/bin"), settings["PATH"]])
    del settings["PROFILE"], settings["MLFLOW_TRACKING_URI"]  # which are for commands of `make`
    started = time.monotonic()
    try:
        done = subprocess.run(
            [*command, *(f"tests/{test}" for test in tests)],
            cwd=folder,
            env=settings,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return Found("(something hangs)", LIMIT)
    seconds = time.monotonic() - started
    if done.returncode == 0:
        return Found(None, seconds)
    first = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return Found(first[1] if first else f"(pytest: status {done.returncode})", seconds)


if __name__ == "__main__":
    sys.exit(main())
