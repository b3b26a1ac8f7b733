"""Malformed files of every kind that a stage reads: one line, and no output; what is accepted is what was written."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import made_rows
import pandas as pd
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from malformed import TRIED, VALUES, accept, damaged, deleted, files, places, put, refusal, replaced, tries
from PIL import Image

from pipeline import paths
from pipeline.data import dataset, facts, sources
from pipeline.data.facts import describe
from pipeline.execution import runner
from pipeline.experiments import invariance
from pipeline.profile import load_profile
from pipeline.reporting import render
from pipeline.results import correct, rows
from stages import analyse, cli, fetch, report, run, track

ROOT = Path(__file__).parents[2]
NAME, SCHEMA = "invariance", invariance.ROWS
FACTS = facts.beside(paths.dataset("mine", "digits"))
DATA, ROWS, RECORD = paths.dataset("mine", "digits"), paths.rows("mine", NAME), paths.run_record("mine", NAME)
REPORT = paths.report("mine") / NAME
PICTURE = Path("pictures/train/a/1.png")


class Whole(dict[Path, bytes]):
    """Files as they should be; too long to be shown."""

    def __repr__(self) -> str:
        return f"{len(self)} files"


class Evil:
    """Writes a file when it is read from a pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("open('executed', 'w').close()",)


class Presenter:
    """Stands in for what makes tables and figures of rows and a record that were read."""

    present = staticmethod(accept)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """All that the stages of one experiment read, in a working folder, as its bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("files"))
        content = yaml.safe_load((ROOT / "profiles/smoke.yaml").read_text())
        content["experiments"] = {NAME: content["experiments"][NAME]}
        content["data"]["pictures"] = {"source": "image-folder", "root": "pictures"}
        put(Path("profiles/mine.yaml"), yaml.safe_dump(content).encode())
        for part in ("train", "test"):
            put(Path(f"pictures/{part}/a/1.png"), picture())
        profile = load_profile("mine")
        digits = sources.fetch("digits", profile.data["digits"])
        dataset.save(digits, DATA)
        table = made_rows.rows(NAME, profile.settings(NAME))
        rows.write(table, ROWS)
        rows.write(correct.frame([], SCHEMA), paths.correct("mine", NAME))
        record = {
            "datasets": {"digits": vars(describe(digits))},
            "absent": {"other": "gone"},
            "seconds": 1.5,
        }
        RECORD.write_text(json.dumps(record))
        render.render(NAME, "?", table, profile.settings(NAME), record, REPORT)
        # What comes after all input was read.
        patch.setattr(runner, "run", accept)
        patch.setattr(render, "presenter", lambda name: Presenter)
        patch.setattr(track, "synchronise", accept)
        yield Whole({path: path.read_bytes() for path in files()})


def picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((9, 7), 50).save(file, "png")
    return file.getvalue()


def read_data(arguments: list[str]) -> None:
    """What a worker of a run does first; the process that waits for it reads only the facts beside the data set."""
    with cli.clear_errors():
        dataset.load(DATA)


@contextmanager
def given_to(main: Any, *rest: str, kind: str, path: Path, content: bytes, whole: Whole) -> Iterator[bool]:
    """Whether a stage refuses such a file, in a line that names it. Afterwards the file is whole again."""
    put(path, content)
    dataset._load.cache_clear()  # a file written again within the clock's resolution looks like the one before
    try:
        line = refusal(main, *rest, "--profile", "mine")
        TRIED[f"{kind} {'that were still valid' if line is None else 'refused'}"] += 1
        assert line is None or str(path) in line
        yield line is not None
    finally:
        put(path, whole[path])


def saved(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


NOT_DATA = [
    *(b"", b"PK", pickle.dumps({"name": "digits"}), b"\x80\x04."),
    *map(saved, ({}, [], 1, None, torch.zeros(3), {"name": "digits"}, {"absent": 1}, {"absent": None})),
]
EVIL = [saved(Evil()), saved({"absent": Evil()}), saved({"name": "digits", "shape": [Evil()]})]


def test_what_is_not_malformed_is_accepted(whole: Whole) -> None:
    """The control: every stage gets as far as its work."""
    for main, arguments in ((run.main, [NAME]), (analyse.main, [NAME]), (report.main, []), (track.main, [])):
        assert refusal(main, *arguments, "--profile", "mine") is None
    assert refusal(fetch.main, "pictures", "--profile", "mine") is None
    for made in (paths.dataset("mine", "pictures"), paths.page("mine")):
        made.unlink()


@pytest.mark.parametrize("content", NOT_DATA, ids=range(len(NOT_DATA)))
def test_what_is_no_data_set_is_refused(content: bytes, whole: Whole) -> None:
    with given_to(read_data, kind="data sets", path=DATA, content=content, whole=whole) as refused:
        assert refused


@pytest.mark.parametrize("content", EVIL, ids=range(len(EVIL)))
def test_code_in_a_pickle_is_not_run(content: bytes, whole: Whole) -> None:
    with given_to(read_data, kind="data sets", path=DATA, content=content, whole=whole) as refused:
        assert refused and not Path("executed").exists()
    torch.load(io.BytesIO(content), weights_only=False)
    assert Path("executed").exists(), "the control: where it is trusted, it does something"
    Path("executed").unlink()


@tries(150)
@given(st.data())
def test_a_damaged_data_set_is_refused(whole: Whole, data: st.DataObject) -> None:
    """Unless what is damaged is not what it holds: an archive has gaps."""
    content = data.draw(damaged(whole[DATA]) | st.binary(max_size=200))
    with given_to(read_data, kind="data sets", path=DATA, content=content, whole=whole) as refused:
        assert refused or dataset.load(DATA).provenance["checksum"].encode() in whole[RECORD]


@tries(200)
@given(st.data())
def test_damaged_rows_are_refused(whole: Whole, data: st.DataObject) -> None:
    """Unless they say the same as before."""
    content = data.draw(damaged(whole[ROWS]) | st.binary(max_size=200))
    main, *arguments = data.draw(st.sampled_from([(analyse.main, NAME), (track.main,)]))
    with given_to(main, *arguments, kind="rows", path=ROWS, content=content, whole=whole) as refused:
        if not refused:
            pd.testing.assert_frame_equal(rows.read(ROWS, NAME, SCHEMA), pd.read_parquet(io.BytesIO(whole[ROWS])))


OTHER: dict[str, Any] = {
    "of another experiment": lambda table: table.assign(experiment="spectra"),
    "of no experiment": lambda table: table.assign(experiment=None),
    "a column more": lambda table: table.assign(more=1),
    "a column less": lambda table: table.drop(columns="value"),
    "another order": lambda table: table[table.columns[::-1]],
    "the columns of another experiment": lambda table: table.rename(columns={"change": "end"}),
    "a level that is none": lambda table: table.assign(phase="adapting"),
    "text for numbers": lambda table: table.assign(value="much"),
    "halves of repeats": lambda table: table.assign(repeat=0.5),
    "lists": lambda table: table.assign(value=[[1.0]] * len(table)),
    "no columns": lambda table: pd.DataFrame(),
}


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize(("main", "arguments"), [(analyse.main, [NAME]), (track.main, [])], ids=["analyse", "track"])
def test_other_rows_are_refused(name: str, main: Any, arguments: list[str], whole: Whole) -> None:
    content = OTHER[name](rows.read(ROWS, NAME, SCHEMA)).to_parquet(index=False)
    with given_to(main, *arguments, kind="rows", path=ROWS, content=content, whole=whole) as refused:
        assert refused


@st.composite
def altered(draw: st.DrawFn, whole: bytes) -> bytes:
    """JSON in which one value is another, or is left out."""
    content = json.loads(whole)
    place = draw(st.sampled_from(list(places(content))))
    changed = deleted(content, place) if draw(st.booleans()) else replaced(content, place, draw(VALUES))
    return json.dumps(changed).encode()


READ_BY = {
    RECORD: (analyse.main, NAME),
    REPORT / "claims.json": (report.main,),
    REPORT / "provenance.json": (report.main,),
    REPORT / "section.html": (report.main,),
}
NO_RECORD = [b"", b"[" * 100_000, b"NaN", b'"\\ud800"', b"\xff", b"null", b"9" * 5000]
JSON_TEXT = st.text(st.sampled_from('[]{},:"\\u018dE+-.truefalsN \n'), max_size=40).map(str.encode)


@tries(300)
@given(st.data())
def test_malformed_records_are_refused_or_make_a_whole_page(whole: Whole, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(READ_BY)))
    content = damaged(whole[path]) | st.binary(max_size=100) | JSON_TEXT
    content = data.draw(content | altered(whole[path]) if path.suffix == ".json" else content)
    main, *arguments = READ_BY[path]
    with given_to(main, *arguments, kind="records", path=path, content=content, whole=whole) as refused:
        if not refused and main is report.main:
            assert paths.page("mine").read_text(encoding="utf-8").endswith("</html>")
    paths.page("mine").unlink(missing_ok=True)


@pytest.mark.parametrize("path", [*READ_BY, FACTS], ids=str)
@pytest.mark.parametrize("content", NO_RECORD, ids=range(len(NO_RECORD)))
def test_what_is_no_record_is_refused(path: Path, content: bytes, whole: Whole) -> None:
    main, *arguments = {**READ_BY, FACTS: (run.main, NAME)}[path]
    with given_to(main, *arguments, kind="records", path=path, content=content, whole=whole) as refused:
        assert refused or (path.suffix == ".html" and content != b"\xff")
    paths.page("mine").unlink(missing_ok=True)


@tries(100)
@given(st.data())
def test_damaged_images_are_refused_or_read_whole(whole: Whole, data: st.DataObject) -> None:
    content, made = data.draw(damaged(whole[PICTURE]) | st.binary(max_size=200)), paths.dataset("mine", "pictures")
    with given_to(fetch.main, "pictures", kind="images", path=PICTURE, content=content, whole=whole) as refused:
        assert refused or len(dataset.load(made).train) == 1
    made.unlink(missing_ok=True)
