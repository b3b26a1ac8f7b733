"""Every command in the README works as it is written, in a fresh clone, one after the other."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from clones import ROOT, environment, in_shell
from own_images import draw

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
# Of what takes minutes, a part; and without a profile in the command it is of smoke (`clones.in_shell`).
ARGUMENTS = {
    "make test": "tests/unit/test_seeds.py",
    "make bench": "--quick --tables speed --rounds 1",
    "make gpu-check": "--device cpu --quick",
}
# What would take an hour, download data, time this machine for a minute, or begin these tests again.
ONLY_PLANNED = {
    *("make repro PROFILE=desk", "make repro PROFILE=paper", "make estimate PROFILE=paper"),
    *("make test-all", 'make bench ARGS="--tables peers"', 'make report PROFILES="digits desk"'),
    "make clean",  # which would remove what the others need
    "make tables PROFILE=published",  # minutes: tests/profiles/test_published.py gives it, and looks at all it makes
}
SERVER = "make ui"
# Numbers, hashes, halves of the day, where a clone is: what is not the same twice.
VARYING = re.compile(r"file:\S+|\b[0-9a-f]{7}\b|[-+]?\b\d[\d.,:e+-]*|\b[AP]M\b")


@dataclass(frozen=True)
class Command:
    """A command of the README, and the output that it shows below, if any."""

    text: str
    shown: tuple[str, ...] = ()


def commands() -> list[Command]:
    """Those in blocks, in their order, then those in running text."""
    found = []
    for kind, block in BLOCKS:
        if kind == "sh":
            found += [Command(line.partition("  #")[0].strip()) for line in block.splitlines()]
        if kind == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, *shown = part.splitlines()
                found.append(Command(command, tuple(line for line in shown if line.strip() not in ("", "..."))))
    inline = re.findall(r"`((?:make|dvc|python) [^`]+)`", re.sub(r"^```.*?^```", "", README, flags=re.M | re.S))
    return list(
        dict.fromkeys(found + [Command(text) for text in map(_line, inline) if text not in {c.text for c in found}])
    )


def _line(text: str) -> str:
    """A command that running text has broken into lines."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def clone(clone: Path) -> Path:
    """The clone with the reader's own images and profile."""
    for kind, block in BLOCKS:
        if kind == "yaml":
            (clone / block.partition("# ")[2].partition("\n")[0]).write_text(block)
    draw(clone / "datasets/mine")
    return clone


def run(clone: Path, command: str) -> str:
    """What it prints, given in a shell with the environment active."""
    return in_shell(clone, f"source .venv/bin/activate && {command}", ARGS=ARGUMENTS.get(command, ""))


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.text)
def test_a_command_does_what_is_shown(clone: Path, command: Command) -> None:
    if command.text == SERVER:
        with served(clone) as said:
            assert "invariance (smoke): http://127.0.0.1:" in said
        return
    printed = run(clone, f"{command.text} --dry-run" if command.text in ONLY_PLANNED else command.text)
    lines = {_kind(line) for line in printed.splitlines()}
    for line in command.shown:
        assert _kind(line) in lines, f"{command.text}: no line like\n{line}\nin\n{printed[-3000:]}"


def _kind(line: str) -> str:
    """A line without its numbers, and without what aligns it."""
    return " ".join(re.sub(r"[-─━=]{3,}", "-", VARYING.sub("#", line)).split())


@contextmanager
def served(clone: Path) -> Iterator[str]:
    """What `make ui` prints, until it is ended as by Ctrl-C."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = environment(clone) | {"ARGS": f"--port {port}"}
    with subprocess.Popen(
        SERVER.split(), cwd=clone, env=settings, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        assert server.stdout is not None
        said = ""
        try:
            for line in server.stdout:
                said += line
                if "Ctrl-C ends it" in line:
                    break
            yield said
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def test_a_network_is_loaded_as_shown(clone: Path) -> None:
    (code,) = (block for kind, block in BLOCKS if kind == "python" and "load_model" in block)
    with served(clone) as said:
        (address,) = set(re.findall(r"http://127\.0\.0\.1:\d+", said))
        program = f"""
import mlflow
mlflow.set_tracking_uri({address!r})
(experiment,) = [e for e in mlflow.search_experiments() if e.name == "sparsification (smoke)"]
runs = mlflow.search_runs([experiment.experiment_id], output_format="list")
(run, *_) = [r for r in runs if r.data.tags["kind"] == "repeat" and r.data.tags["repeat"] == "0"]
print(run.info.run_id)
"""
        file = clone / "find.py"
        file.write_text(program)
        run_id = run(clone, f"python {file}").split()[0]
        code = (
            re.sub(r"http://127\.0\.0\.1:\d+", address, code)
            .replace("<Run ID>", run_id)
            .replace("data/digits", "data/smoke")
        )
        file.write_text(code)
        printed = run(clone, f"python {file}")
    promised = re.findall(r"print\(.*\)\s+# (.*)", code)
    assert promised and {_kind(line) for line in promised} <= {_kind(line) for line in printed.splitlines()}


def test_there_are_commands_to_run() -> None:
    """Negative control of the search for them: those that a reader needs are found."""
    texts = {command.text for command in commands()}
    assert {"make repro", "make test", "make ui", "make docs", "make bench", "make repro PROFILE=mine"} <= texts
    assert any(text.startswith("dvc exp run") for text in texts) and any(command.shown for command in commands())


def test_pictures_are_there() -> None:
    shown = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", README)
    assert len(shown) >= 3
    for words, path in shown:
        assert len(words) > 20 and (ROOT / path).is_file(), path
