"""Whatever error the system raises for a file: one line that names it and says what to do, in every stage."""

from __future__ import annotations

import errno
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import made_rows
import pandas as pd
import pytest
import torch

from pipeline.data import dataset
from pipeline.experiments import experiment
from pipeline.json_file import read_json, write_json
from pipeline.paths import denied, naming, written
from pipeline.remedies import remedy
from pipeline.results import correct, networks, rows
from pipeline.yaml_file import read_yaml
from stages import cli

ROOT = Path(__file__).parents[2]
# What open, read, write, rename, mkdir and flock may raise (their manual pages), but for mistakes of a program.
NUMBERS = [
    "EACCES",
    "EBUSY",
    "EDQUOT",
    "EEXIST",
    "EFBIG",
    "EINTR",
    "EINVAL",
    "EIO",
    "EISDIR",
    "ELOOP",
    "EMFILE",
    "EMLINK",
    "ENAMETOOLONG",
    "ENFILE",
    "ENODEV",
    "ENOENT",
    "ENOLCK",
    "ENOMEM",
    "ENOSPC",
    "ENOTDIR",
    "ENOTEMPTY",
    "ENOTSUP",
    "ENXIO",
    "EOVERFLOW",
    "EPERM",
    "EPIPE",
    "EROFS",
    "ESTALE",
    "ETXTBSY",
    "EXDEV",
    "EAGAIN",
    "ETIMEDOUT",
    "ECONNRESET",
    "EREMOTEIO",
]
STAGES = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem not in ("__init__", "cli", "alone"))


@pytest.mark.parametrize("name", [each for each in NUMBERS if hasattr(errno, each)])
def test_every_error_of_the_system_is_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Standard output is closed for good where a pipe is.
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1, raising=False)
    number = getattr(errno, name)
    with pytest.raises(SystemExit) as ended, cli.clear_errors(), written(Path("results/rows.parquet")) as beside:
        raise OSError(number, f"Cannot open {beside}", str(beside))
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.count("\n") == 1
    assert said.startswith(f"error: results/rows.parquet: {os.strerror(number)}; ")
    assert "what was finished is kept, and the same command goes on from there" in said
    assert list(Path("results").iterdir()) == [], "nothing is left half done"


def test_what_is_no_error_of_the_system_is_a_traceback() -> None:
    """The control: a mistake of the program is not hidden."""
    with pytest.raises(ZeroDivisionError), cli.clear_errors():
        print(1 / 0)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EMFILE, "`ulimit -n`"),
        (errno.EROFS, "mounted to be read only"),
        (errno.ENAMETOOLONG, "shorter names"),
        (errno.EIO, "mend that"),
    ],
)
def test_what_to_do_follows_from_the_error(number: int, remedy: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), cli.clear_errors():
        raise OSError(number, os.strerror(number), "data/a.pt")
    assert remedy in capsys.readouterr().err


@pytest.mark.parametrize("file", ["reports", "reports/digits", "reports/digits/spectra"])
@pytest.mark.parametrize("kind", ["a file", "a link to nothing"])
def test_what_is_no_folder_is_said_and_to_move_it(
    file: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).touch() if kind == "a file" else Path(file).symlink_to("nowhere")
    folder = Path("reports/digits/spectra")
    attempts = [lambda: folder.mkdir(parents=True, exist_ok=True)]
    attempts += [lambda: write_json({}, folder / "a.json"), lambda: write_json({}, folder.absolute() / "a.json")]
    attempts += [lambda: read_json(folder / "a.json", dict, "m"), lambda: dataset.load(folder / "a.pt")]
    for attempt in attempts:
        with pytest.raises(SystemExit), cli.clear_errors():
            attempt()
        said = capsys.readouterr().err
        assert f"; {file} is {kind}, where a folder is needed: move or remove it" in said and said.count("\n") == 1


def test_a_folder_where_a_file_should_be_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/a.json").mkdir(parents=True)
    for attempt in (lambda: write_json({}, Path("data/a.json")), lambda: dataset.load(Path("data/a.json"))):
        with pytest.raises(SystemExit), cli.clear_errors():
            attempt()
        assert "; data/a.json is a folder, where a file is needed: move or remove it" in capsys.readouterr().err


def test_whose_a_folder_is_and_how_it_becomes_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a run in a container: all of results/ is of another user, the clone is not."""
    monkeypatch.chdir(tmp_path)
    Path("results/my digits").mkdir(parents=True)
    monkeypatch.setattr(Path, "owner", lambda path: "root" if "results" in path.parts else "me")
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    with pytest.raises(SystemExit), cli.clear_errors(), naming(Path("results/my digits/spectra/rows.parquet")):
        raise PermissionError(errno.EACCES, "Permission denied", "results/my digits/spectra")
    said = capsys.readouterr().err
    assert said.startswith("error: results/my digits/spectra/rows.parquet: Permission denied; ")
    assert "results belongs to root: `sudo chown -R me results` makes it yours" in said


def test_an_error_names_the_file_also_when_a_worker_sends_it() -> None:
    with pytest.raises(OSError, match="No space") as caught, naming(Path("shards/a.parquet"), Path("shards/.x")):
        raise OSError(errno.ENOSPC, "Failed to write shards/.x", "shards/.x")
    sent = pickle.loads(pickle.dumps(caught.value))
    assert (sent.filename, sent.strerror) == ("shards/a.parquet", os.strerror(errno.ENOSPC))


def test_the_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, written(tmp_path / "a.json"):
        (tmp_path / "other").read_bytes()
    assert caught.value.filename in (tmp_path / "other", str(tmp_path / "other"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir(mode=0o500)
    with pytest.raises(PermissionError) as caught:
        write_json({}, tmp_path / "reports/a.json")
    assert caught.value.filename == str(tmp_path / "reports/a.json")


@pytest.mark.parametrize("stage", STAGES)
def test_a_closed_pipe_ends_a_stage_without_a_traceback(stage: str) -> None:
    """`python -m stages... --help | true`, with standard error into the same pipe and without."""
    program = f"""
import os, sys
read, write = os.pipe()
os.dup2(write, 1); os.close(read); os.close(write)
from stages import cli, {stage}
with cli.clear_errors():
    print("x" * 100_000)
"""
    known = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=known, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: Broken pipe; what reads the output has ended; ")


@pytest.mark.parametrize("stage", ["estimate", "plots_page"])
def test_what_is_printed_or_written_last_is_guarded_too(stage: str, tmp_path: Path) -> None:
    """`make estimate > /dev/full`, and a page in a folder that cannot be made."""
    (tmp_path / "file").touch()
    given = {"estimate": ["--profile", "smoke"], "plots_page": [str(tmp_path / "file/page.html")]}[stage]
    program = f"""
from pipeline.execution import estimate
from stages import {stage} as stage
estimate.estimate = lambda profile: None
stage.text = lambda found: "x" * 100_000
stage.main({given!r})
"""
    known = os.environ | {"PYTHONPATH": str(ROOT)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], env=known, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:126] . DefaultCPUAllocator: can't allocate memory: 8 bytes\nmore"
        ),
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("std::bad_alloc"),
    ],
    ids=["Python", "torch", "CUDA", "C++"],
)
def test_a_want_of_memory_is_one_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), cli.clear_errors():
        raise error
    said = capsys.readouterr().err
    assert said.startswith("error: memory: ") and said.count("\n") == 1 and "lower execution.workers" in said
    with pytest.raises(RuntimeError, match="shapes"), cli.clear_errors():  # the control
        raise RuntimeError("shapes do not fit")


@pytest.mark.skipif(os.name != "posix", reason="a limit of the size of files")
def test_a_disk_that_is_full_while_data_are_saved(tmp_path: Path) -> None:
    """What torch says of it is no error of the system."""
    program = """
import resource, signal
from types import SimpleNamespace
from stages import fetch
from pipeline.config import Data
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
fetch.load_profile = lambda name: SimpleNamespace(data={"digits": Data(source="digits")}, name="full")
fetch.main(["digits", "--profile", "full"])
"""
    known = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=known, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("error: data/full/digits.pt: File too large; ")
    assert not list((tmp_path / "data").rglob("*.pt"))


def test_what_a_stream_cannot_write_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    with cli.clear_errors():
        print("ψ \udce9")
    assert stream.buffer.getvalue() == b"\\u03c8 \\udce9\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "read",
    [
        lambda path: rows.read(path, "spectra", experiment("spectra").ROWS),
        lambda path: correct.read(path, made_rows.rows("spectra"), experiment("spectra").ROWS),
        networks.read,
        dataset.load,
        lambda path: read_json(path, dict, "dvc repro"),
        read_yaml,
    ],
    ids=["rows", "bits", "networks", "data set", "record", "profile"],
)
def test_nobody_is_told_to_delete_what_may_not_be_read(
    read: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything: the system's answer is imitated where each reader asks."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    (path := tmp_path / "file").write_bytes(b"content")
    for module, name in ((pd, "read_parquet"), (Path, "read_bytes"), (Path, "read_text"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    with pytest.raises(PermissionError) as caught:
        read(path)
    assert caught.value.filename == str(path)


def test_a_file_that_may_not_be_read_is_itself_to_be_made_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not the topmost folder that belongs to the same user."""
    path = tmp_path / "sub/file.npz"
    path.parent.mkdir()
    path.touch()
    monkeypatch.setattr(Path, "owner", lambda path: "me")
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    assert remedy(denied(path)) == f"make {path} readable and writable"


def test_outside_of_the_project_nothing_above_a_file_is_to_change_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all belongs to one user, up to /, there is an end as well."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    path = tmp_path / "disk/file.npz"
    path.parent.mkdir()
    path.touch()
    monkeypatch.setattr(Path, "owner", lambda path: "root")
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    words = "../disk/file.npz belongs to root: `sudo chown -R me ../disk/file.npz` makes it yours"
    assert remedy(denied(path)) == words
