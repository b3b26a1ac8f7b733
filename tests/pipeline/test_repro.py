"""The whole pipeline as a user runs it: `dvc repro` on profile smoke, in a fresh clone of the working tree."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from clones import committed, run, tried

from pipeline.experiments import EXPERIMENTS


def test_everything_is_there(clone):
    report = clone / "reports/smoke"
    assert (report.with_suffix(".html")).stat().st_size > 10_000
    kinds = {path.suffix for path in (report / "invariance").rglob("*")}
    assert {".md", ".tex", ".csv", ".svg", ".png", ".json"} <= kinds
    assert (clone / "results/smoke/invariance/rows.parquet").exists()


def test_mlflow_has_all_of_it(clone):
    """Rows, figures and networks: there is nothing left to publish, and so nothing to write anew."""
    said = run(clone, sys.executable, "-m", "stages.track", "--profile", "smoke")
    assert re.findall(r"added (\d+), replaced (\d+)", said) == [("0", "0")] * len(EXPERIMENTS)
    found = list((clone / "mlartifacts/smoke/sparsification").glob("**/MLmodel"))
    assert len(found) > 1, "networks, too"


def test_a_second_run_does_nothing(clone):
    before = written(clone)
    output = run(clone, "dvc", "repro", "profiles/smoke/dvc.yaml")
    assert "Running stage" not in output
    assert "up to date" in output
    assert written(clone) == before


def written(clone: Path) -> dict[Path, int]:
    """Every file that the pipeline made, with the time of its last change."""
    made = [path for name in ("data", "results", "reports") for path in (clone / name).rglob("*")]
    assert len(made) > 100
    return {path: path.stat().st_mtime_ns for path in made if path.is_file()}


@pytest.mark.parametrize(
    ("file", "stale"),
    [
        ("pipeline/reporting/style.py", {"analyse", "report"}),
        ("pipeline/reporting/report.py", {"report"}),
        ("pipeline/seeds.py", {"fetch", "run"}),
        ("isotropic/surgery/widths.py", {"run"}),
        ("pipeline/results/rows.py", {"run", "analyse", "report"}),
        ("pipeline/results/claims/criteria.py", {"analyse", "report"}),
        ("pipeline/tracking/runs.py", set()),
        ("stages/cli.py", set()),
    ],
)
def test_an_edit_makes_stale_what_depends_on_it(clone, file, stale):
    found = stale_after(clone, file)
    assert {stage.partition("@")[0] for stage in found} == stale
    for stage in stale - {"fetch", "report"}:
        assert {f"{stage}@{name}" for name in EXPERIMENTS} <= found


def test_a_caption_is_that_of_one_experiment(clone):
    assert stale_after(clone, "pipeline/reporting/experiments/spectra.py") == {"analyse@spectra"}
    assert stale_after(clone, "pipeline/experiments/scaffolds.py") == {"run@scaffolds", "analyse@scaffolds"}


def stale_after(clone: Path, file: str) -> set[str]:
    """The stages whose dependencies have changed after an edit of a file."""
    path, before = clone / file, status(clone)
    text = path.read_text()
    path.write_text(text + "\n# edited\n")
    after = status(clone)
    path.write_text(text)
    return {name.rpartition(":")[2] for name, why in after.items() if why != before.get(name)}


def status(clone: Path) -> dict[str, object]:
    """Stage -> what of its dependencies and outputs has changed."""
    return dict(json.loads(run(clone, "dvc", "status", "--json", "profiles/smoke/dvc.yaml")))


def test_metrics_and_plots_say_something(clone):
    shown = json.loads(run(clone, "dvc", "metrics", "show", "--json"))
    text = json.dumps(shown)
    assert "pruned_without_psi" in text
    assert "grown_float64" in text
    run(clone, "dvc", "plots", "show", "profiles/smoke/dvc.yaml::accuracy", "--out", "plots")
    assert '"configuration": "trainable, none"' in (clone / "plots/index.html").read_text()


def test_nothing_is_missed_of_profiles_that_were_not_run(clone):
    done = tried(clone, "dvc", "metrics", "diff")
    assert done.returncode == 0 and "failed" not in done.stderr and "results/smoke/invariance" in done.stdout
    assert "results/desk" not in run(clone, "dvc", "metrics", "show", "--json")


def test_a_setting_is_tried_beside_the_workspace(clone):
    """`dvc exp run --temp -S` leaves the profile as it is written, and only what depends on it runs again."""
    committed(clone)
    before = (clone / "profiles/smoke.yaml").read_bytes()
    change = "profiles/smoke.yaml:experiments.invariance.epochs=1"
    output = run(clone, "dvc", "exp", "run", "--temp", "-n", "short", "profiles/smoke/dvc.yaml", "-S", change)
    assert "run@invariance" in output and "run@spectra' didn't change" in output
    assert (clone / "profiles/smoke.yaml").read_bytes() == before
    compared = run(clone, "dvc", "exp", "diff", "HEAD", "short")
    assert "experiments.invariance.epochs" in compared and "digits.accuracy" in compared


def test_the_profiles_of_others_are_not_touched(clone):
    assert not (clone / "results/digits/invariance/rows.parquet").exists()
    assert not (clone / "dvc.lock").exists() or "smoke" not in (clone / "dvc.lock").read_text()


def test_wrong_input_is_one_line_and_a_status(clone):
    for command in (
        ["stages.fetch", "nothing", "--profile", "smoke"],
        ["stages.run", "nothing", "--profile", "smoke"],
        ["stages.run", "invariance", "--profile", "nothing"],
        ["stages.analyse", "nothing", "--profile", "smoke"],
    ):
        done = subprocess.run([sys.executable, "-m", *command], cwd=clone, capture_output=True, text=True)
        assert done.returncode == 1, command
        assert done.stderr.startswith("error: "), done.stderr
        assert done.stderr.count("\n") == 1
        assert "nothing" in done.stderr


LENGTHS = """
  lengths:
    <<: *common
    data: [digits]
    repeats: 3
    epochs: 2
    hidden: [8]
    configurations:
      - {intrinsic_length: trainable, compensation: trainable+decay}
      - {activation: tanh, intrinsic_length: none, compensation: none}
"""


def test_a_new_experiment_is_one_file(clone):
    """With its settings in the profile it goes through every stage, and nothing else runs again."""
    (clone / "pipeline/experiments/lengths.py").write_text((Path(__file__).parent / "lengths.py").read_text())
    profile = clone / "profiles/smoke.yaml"
    profile.write_text(profile.read_text() + LENGTHS)
    assert "profiles/smoke/params.yaml is written" in run(clone, sys.executable, "-m", "stages.profiles", "smoke")
    output = run(clone, "dvc", "repro", "profiles/smoke/dvc.yaml")
    assert "run@lengths" in output and "run@invariance' didn't change" in output
    numbers = json.loads((clone / "results/smoke/lengths/metrics.json").read_text())["digits"]
    assert set(numbers) == {"trainable, trainable+decay", "standard tanh"}
    assert numbers["standard tanh"]["length"] > 0 and numbers["standard tanh"]["test_accuracy"] > 10
    page = (clone / "reports/smoke.html").read_text()
    assert "How long do the logits become in training?" in page and "lengths precision float32" in page
