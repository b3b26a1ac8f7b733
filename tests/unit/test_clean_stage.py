"""`make clean` removes what the pipeline made, and nothing that a user may have put beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import made_rows
import pytest

from pipeline.reporting.render import render
from stages import clean

ROOT = Path(__file__).parents[2]

MADE = [
    "data/mine/mine.pt",
    "data/mine/mine.json",
    "data/mine/.other.x1_y2z34.pt",
    "results/digits/spectra/.rows.x1_y2z34.parquet",
    "reports/.digits.x1_y2z34.html",
    "results/digits/spectra/rows.parquet",
    "results/digits/spectra/run.json",
    "results/digits/spectra/networks.npz",
    "results/digits/spectra/.lock",
    "reports/digits/spectra/provenance.json",
    "reports/digits/spectra/section.html",
    "reports/digits/spectra/a.svg",
    "reports/digits/spectra/.a.x1_y2z34.svg",
    "reports/digits/spectra/curve-accuracy.csv",
    "reports/digits.html",
    "reports/digits.json",
    "reports/digits,digits.html",
    "results/digits/spectra/correct.parquet",
    ".shards/0123456789abcdef0123456789abcdef.parquet",
    ".shards/.0123456789abcdef0123456789abcdef.x1.checkpoint",
    "mlflow.db",
    "mlflow.db.lock",
    "mlartifacts/1/a.png",
    "dvc_plots/index.html",
    ".dvc/tmp/x",
]
OWN = [
    "data/mine/train/a/0.png",
    "pipeline/experiments/spectra.py",  # the clone's
    "data/mine/other.pt",
    "data/mine/model.pt",
    "data/mine/model.json",
    "results/mine/sweep/run.json",
    "mlflow.db.backup",
    "data/photos.zip",
    "results/digits/spectra/metrics.json",
    "reports/README.md",
    "results/digits/spectra/notes.txt",
    "reports/mine.html",
    "results/digits/outcomes.json",
    "reports/talk/figure.svg",
    "reports/digits/spectra/notes.txt",
    "reports/digits/spectra/b.svg",
    "reports/digits/spectra/talk/a.svg",
    "reports/digits/notes.md",
    ".shards/notes.txt",
    "datasets/a/b.png",
    "profiles/digits.yaml",
    ".dvc/config",
]

CONTENT = {
    "data/mine/mine.json": '{"absent": "why"}',
    "reports/digits/spectra/section.html": '<a href="digits/spectra/a.svg">a</a> <a href="mine/spectra/b.svg">b</a>',
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (*MADE, *OWN, ".dvc/cache/files/md5/00/1"):
        (path := Path(name)).parent.mkdir(parents=True, exist_ok=True)
        path.write_text(CONTENT.get(name, ""))


def there() -> set[str]:
    return {str(path) for path in Path().rglob("*") if path.is_file()}


def test_what_the_pipeline_made_goes_and_all_else_stays(capsys: pytest.CaptureFixture[str]) -> None:
    clean.main([])
    assert there() == set(OWN)
    assert not Path("mlartifacts").exists() and not Path("data/mine/mine.pt").exists()
    said = capsys.readouterr().out
    assert said.startswith("left, since the pipeline did not make it: .shards/notes.txt, data/mine/model.json, ")
    for name in (
        "data/mine/train",
        "data/photos.zip",
        "reports/talk/figure.svg",
        "results/mine/sweep",
        "spectra/notes.txt",
    ):
        assert name in said
    assert said.count("\n") == 1 and "metrics.json" not in said


def test_all_that_an_analysis_writes_goes() -> None:
    """By what its section links to: every table, figure and curve."""
    own, data = made_rows.SETTINGS["invariance"], made_rows.described("digits")
    record = {"datasets": {name: asdict(each) for name, each in data.items()}}
    folder = Path("reports/digits/invariance")
    render("invariance", "How far?", made_rows.rows("invariance"), own, record, folder)
    Path("pipeline/experiments/invariance.py").touch()
    assert {path.suffix for path in folder.iterdir()} == {".md", ".tex", ".csv", ".svg", ".png", ".json", ".html"}
    clean.main([])
    assert not folder.exists()


def test_nothing_is_said_where_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    for name in OWN:
        if not name.endswith(("metrics.json", "README.md", ".yaml", "config", "datasets/a/b.png", "spectra.py")):
            Path(name).unlink()
    clean.main([])
    assert capsys.readouterr().out == "" and not Path("data").exists() and not Path(".shards").exists()
    clean.main([])  # and there is nothing to do


def test_the_cache_stays_where_something_was_added_by_hand() -> None:
    Path("datasets/a.dvc").write_text("")
    clean.main([])
    assert Path(".dvc/cache/files/md5/00/1").is_file()


def test_what_is_behind_a_link_stays(tmp_path_factory: pytest.TempPathFactory) -> None:
    disk = tmp_path_factory.mktemp("disk")
    for name in ("mine.pt", "mine.json", "rows.parquet", "0123456789abcdef0123456789abcdef.parquet"):
        (path := disk / "spectra" / name).parent.mkdir(exist_ok=True)
        path.write_text('{"absent": "why"}')
        (disk / name).write_text('{"absent": "why"}')
    shutil.rmtree(".shards")
    for link in ("data/linked", "results/linked", ".shards"):
        Path(link).symlink_to(disk)
    clean.main([])
    assert len([path for path in disk.rglob("*") if path.is_file()]) == 8


@pytest.mark.parametrize("stage", sorted(path.stem for path in (ROOT / "stages").glob("[a-z]*.py")))
def test_every_stage_is_begun_by_its_name(stage: str) -> None:
    """`python -m stages.NAME` does something, or is no stage."""
    begins = (ROOT / f"stages/{stage}.py").read_text().endswith('if __name__ == "__main__":\n    main()\n')
    assert begins == (stage not in ("cli", "alone", "as_made"))


def test_it_is_done_as_a_command() -> None:
    subprocess.run([sys.executable, "-m", "stages.clean"], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert there() == set(OWN)


def test_what_git_has_is_left_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """As the report of a profile that is published."""
    subprocess.run(["git", "init", "--quiet"], check=True)
    kept = ("reports/digits/spectra/a.svg", "reports/digits/spectra/provenance.json", "reports/digits.json")
    subprocess.run(["git", "add", *kept], check=True)
    clean.main([])
    assert all(Path(name).is_file() for name in kept)
    assert not Path("reports/digits/spectra/section.html").exists() and not Path("reports/digits.html").exists()
    assert "a.svg" not in capsys.readouterr().out.replace("talk/a.svg", "")


@pytest.mark.parametrize("how", ["asked", "in a hook of another", "without git", "an archive"])
def test_what_is_published_stays_whether_or_not_git_says_so(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report is in git, and what the pipeline makes has the same names."""
    published = {
        "reports/papers/spectra/provenance.json",
        "reports/papers/spectra/claims.json",
        "reports/papers.json",
    }
    for name in published:
        (path := Path(name)).parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    Path("profiles/papers.yaml").write_text("published: true\n")
    Path(".gitignore").write_text("*\n!reports/papers*\n!reports/papers/**\n")
    if how != "an archive":
        for step in (["init", "-q"], ["add", "-f", *published]):
            subprocess.run(["git", *step], check=True)
    if how == "in a hook of another":
        subprocess.run(["git", "init", "-q", "elsewhere"], check=True)
        monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere/.git"))
    if how == "without git":
        monkeypatch.setenv("PATH", str(tmp_path))
    if how == "an archive":
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    clean.main([])
    assert published <= there()
    assert not there() & set(MADE)
