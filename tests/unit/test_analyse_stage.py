"""stages.analyse and stages.report, from the files of a run to the files of a report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import made_bits
import pandas as pd
import pytest

from pipeline import paths
from pipeline.config import Configuration, Execution
from pipeline.experiments.invariance import ROWS, Settings
from pipeline.profile import Profile
from pipeline.results import correct, rows
from pipeline.results.claims.criteria import of
from pipeline.results.provenance import DataSet
from stages import analyse, report

LABEL = "trainable, trainable+decay"
SETTINGS = Settings(
    expectation_samples=10,
    data=["digits"],
    hidden=[16, 16],
    layer=2,
    changes=[1, -1],
    configurations=[Configuration(intrinsic_length="trainable", compensation="trainable+decay")],
    repeats=2,
    epochs=1,
    batch_size=48,
    optimiser="adamw",
    learning_rate=1e-3,
    weight_decay=1e-3,
    psi_decay=0.1,
    columns="normal",
)
DIGITS = DataSet("digits", "digits", "a few digits", 10, 5, 64, 10, "sha256:0")
PROFILE = Profile("mine", Execution(runner="serial", workers=1, device="cpu"), {}, {"invariance": SETTINGS})


@pytest.fixture
def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invariance_rows: Callable[..., pd.DataFrame]
) -> Callable[[Any], None]:
    """Writes the rows and the record of a run of profile `mine` into an empty working folder."""
    monkeypatch.chdir(tmp_path)
    for stage in (analyse, report):
        monkeypatch.setattr(stage, "load_profile", lambda _: PROFILE)

    def write(record: Any) -> None:
        table = invariance_rows(changes=[1, 0, -1], repeats=2, epochs=1, configurations=[LABEL])
        table, bits = made_bits.with_bits(table, ROWS, SETTINGS.ends)
        rows.write(table, paths.rows("mine", "invariance"))
        rows.write(bits, paths.correct("mine", "invariance"))
        paths.run_record("mine", "invariance").write_text(json.dumps(record))

    return write


def test_rows_become_a_page(made: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> None:
    made({"datasets": {"digits": asdict(DIGITS)}})
    analyse.main(["invariance", "--profile", "mine"])
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "exact-growth: float64: reproduced",
        "exact-growth: float32: reproduced",
        "close-pruning: without length: not judged",  # of one configuration
    ]
    assert len(said) == len(of("invariance"))
    report.main(["--profile", "mine"])
    assert capsys.readouterr().out == "reports/mine.html\n"
    assert "a few digits" in Path("reports/mine.html").read_text(encoding="utf-8")


def test_several_profiles_become_one_page(made: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> None:
    made({"datasets": {"digits": asdict(DIGITS)}})
    analyse.main(["invariance", "--profile", "mine"])
    shutil.copytree("reports/mine", "reports/other")
    capsys.readouterr()
    report.main(["--profile", "mine", "other"])
    assert capsys.readouterr().out == "reports/mine,other.html\n"
    claims = json.loads(Path("reports/mine,other.json").read_text(encoding="utf-8"))
    assert [claim["profile"] for claim in claims] == ["mine"] * len(of("invariance")) + ["other"] * len(
        of("invariance")
    )
    assert not list(Path("results").rglob("outcomes.json")), "which each profile has by itself"
    with pytest.raises(SystemExit):
        report.main(["--profile", "mine", "other", "mine"])
    assert capsys.readouterr().err == "error: --profile: mine other mine names a profile twice; give each once\n"


def test_no_rows_become_a_page_that_says_so(
    made: Callable[[Any], None], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    made({"datasets": {}, "absent": {"digits": "cannot be downloaded"}})
    rows.write(rows.frame([], ROWS), paths.rows("mine", "invariance"))
    rows.write(correct.frame([], ROWS), paths.correct("mine", "invariance"))
    analyse.main(["invariance", "--profile", "mine"])
    assert capsys.readouterr().out == "" and not caplog.records
    report.main(["--profile", "mine"])
    text = Path("reports/mine.html").read_text(encoding="utf-8")
    assert f"{len(of('invariance'))} claims could not be judged for lack of data: Invariance under adaptation" in text
    assert "digits (cannot be downloaded)" in text


@pytest.mark.parametrize(
    ("record", "arguments", "said"),
    [
        (None, ["nothing"], "experiments.nothing is not there; there are: invariance"),
        (None, ["invariance"], "results/mine/invariance/rows.parquet: no such file"),
        ({"datasets": {"digits": "sha256:0"}}, ["invariance"], "does not describe data sets"),
        ({"datasets": {}, "absent": ["digits"]}, ["invariance"], "absent: ['digits'] is not a table of names"),
        ([1], ["invariance"], "results/mine/invariance/run.json: cannot be read"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    made: Callable[[Any], None], capsys: pytest.CaptureFixture[str], record: Any, arguments: list[str], said: str
) -> None:
    if record is not None:
        made(record)
    with pytest.raises(SystemExit) as caught:
        analyse.main([*arguments, "--profile", "mine"])
    captured = capsys.readouterr()
    assert caught.value.code == 1
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1 and said in captured.err
    assert not Path("reports").exists()


def test_a_page_needs_its_analyses(made: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.main(["--profile", "mine"])
    assert "reports/mine/invariance/claims.json: cannot be read" in capsys.readouterr().err
