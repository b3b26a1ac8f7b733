"""What the report says where networks diverged or data is not to be had, for every experiment."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import made_rows
import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.reporting.analysed import read
from pipeline.reporting.figures import Plot
from pipeline.reporting.notices import availability, losses
from pipeline.reporting.presenters import presenter
from pipeline.reporting.render import render
from pipeline.reporting.report import page
from pipeline.results.claims.criteria import CRITERIA, of
from pipeline.results.claims.history import Change
from pipeline.results.statistics import select

JUDGED = sorted({criterion.experiment for criterion in CRITERIA})


@pytest.fixture(autouse=True)
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Plot]:
    """The figures, which are drawn as an empty file: here words are read, and drawing is nine tenths of a report."""
    plots: list[Plot] = []

    def save(plot: Plot, folder: Path) -> None:
        plots.append(plot)
        (folder / f"{plot.name}.svg").write_text('<svg viewBox="0 0 2 1"></svg>', encoding="utf-8")

    monkeypatch.setattr(Plot, "save", save)
    return plots


def rendered(
    name: str,
    rows: pd.DataFrame,
    folder: Path,
    absent: Mapping[str, str] | None = None,
    settings: Any = None,
) -> str:
    """The text of an experiment's section, without its figures."""
    settings = settings or made_rows.SETTINGS[name]
    names = [data for data in settings.data if data not in (absent or {})] if len(rows) else []
    data = {key: asdict(known) for key, known in made_rows.described(*names).items()}
    run = {"seconds": 1.0, "datasets": data, "absent": dict(absent or {})}
    render(name, experiment(name).QUESTION, rows, settings, run, folder / name)
    section = (folder / name / "section.html").read_text(encoding="utf-8")
    return words(re.sub(r"<svg.*?</svg>", "", section, flags=re.DOTALL))


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def claims(name: str, folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / name / "claims.json").read_text(encoding="utf-8")))


def summary(folder: Path, names: tuple[str, ...] = EXPERIMENTS) -> str:
    text = words(page([read("made", names, folder)]))
    return text[text.index("Profile made") :]


def test_without_divergence_and_with_all_data_nothing_is_said_of_either(tmp_path: Path) -> None:
    text = rendered("invariance", made_rows.rows("invariance"), tmp_path)
    assert "iverged" not in text and "vailable" not in text and "(n = " not in text and "4 repeats" in text
    assert not any("diverged" in claim["reason"] for claim in claims("invariance", tmp_path))
    assert "could not be judged" not in summary(tmp_path, ("invariance",))


def test_a_network_that_diverged_is_named_and_its_cells_say_n(tmp_path: Path) -> None:
    rows = made_rows.diverged(made_rows.rows("invariance"), 2, repeat=1, configuration="trainable, none")
    text = rendered("invariance", rows, tmp_path)
    assert "1 network diverged: a loss or a parameter was no longer finite" in text
    assert "Data Network Configuration Repeats digits 64-8-8-10 trainable, none 1 (in epoch 2)" in text
    assert "3 to 4 repeats of 2 epochs" in text and "Where fewer than 4 repeats are left, n says how many." in text
    found = {claim["id"]: claim for claim in claims("invariance", tmp_path)}
    assert {claim["basis"]["networks"] for claim in found.values()} == {27}
    assert found["exact-growth: float64"]["outcome"] == "reproduced"
    assert [cell["n"] for cell in found["close-pruning: without ψ"]["cells"]] == [3]
    assert "close-pruning: without ψ: not judged (3 repeats; 4 are needed to tell)" in text
    with (tmp_path / "invariance/digits-table-4.csv").open(encoding="utf-8") as file:
        counts = {line["configuration"]: line["n"] for line in csv.DictReader(file)}
    assert counts.pop("trainable, none") == "3" and set(counts.values()) == {"4"}
    markdown = (tmp_path / "invariance/digits-table-4.md").read_text(encoding="utf-8")
    assert markdown.count("(n = 3)") == 6 and "(n = 4)" not in markdown
    curve = pd.read_csv(tmp_path / "invariance/curve-accuracy.csv")
    kept = made_rows.rows("invariance").query("repeat != 1 and configuration == 'trainable, none'")
    last = kept[(kept["measure"] == "test_accuracy") & (kept["epoch"] == 2)]["value"].mean()
    last_shown = curve[curve["configuration"] == "trainable, none"]["test_accuracy"].iloc[-1]
    assert last_shown == pytest.approx(last), "from its first epoch on"


def test_a_network_that_diverged_is_in_no_number_of_a_claim_but_at_chance(tmp_path: Path) -> None:
    whole = made_rows.rows("task_schedule")
    label, last = whole["configuration"].iloc[0], int(whole["epoch"].max())
    own = (whole["repeat"] == 1) & (whole["configuration"] == label)
    found = {}
    for name, rows in {
        "whole": whole,
        "diverged": made_rows.diverged(whole, last, repeat=1, configuration=label),  # its earlier rows are there
        "without": whole[~own],
    }.items():
        rendered("task_schedule", rows, tmp_path / name)
        found[name] = {claim["id"]: claim for claim in claims("task_schedule", tmp_path / name)}
    rise, beaten = "grows-with-tasks: rise", "adaptive-beats-static: twins of the same first widths"
    assert found["diverged"][rise]["cells"] == found["without"][rise]["cells"] != found["whole"][rise]["cells"]
    assert {cell["n"] for cell in found["diverged"][rise]["cells"]} == {3}
    assert found["diverged"][rise]["reason"] == "1 of 8 networks diverged"
    (kept,), (chance,) = (found[name][beaten]["cells"] for name in ("whole", "diverged"))
    assert chance["n"] == kept["n"] == 4 and chance["estimate"] < kept["estimate"] - 5


@pytest.mark.parametrize("name", sorted(set(JUDGED) - {"abundance", "sparsification"}))
def test_a_configuration_with_no_repeat_left_is_a_dash(name: str, tmp_path: Path, saved: list[Plot]) -> None:
    rows = made_rows.rows(name)
    label = rows["configuration"].iloc[0]
    whole = rendered(name, rows, tmp_path / "whole")
    saved.clear()
    text = rendered(name, made_rows.diverged(rows, int(rows["epoch"].max()), configuration=label), tmp_path)
    assert label in text[text.index("Diverged networks") : text.index("Tables")]
    assert text.count("–") > whole.count("–")
    for plot in saved:
        plot.figure.draw_without_rendering()  # nor is a line of what is not there an error
    found = claims(name, tmp_path)
    assert {claim["outcome"] for claim in found} == {"not judged"}
    assert all("networks diverged" in claim["reason"] or "out of scope" in claim["reason"] for claim in found)
    assert all(claim["reason"] in text for claim in found)


@pytest.mark.parametrize("name", ["abundance", "width_transitions"])
def test_the_end_of_a_network_that_diverged_is_named(name: str, tmp_path: Path) -> None:
    rows = made_rows.rows(name)
    last, start, label = int(rows["epoch"].max()), rows["start"].iloc[0], rows["configuration"].iloc[0]
    text = rendered(name, made_rows.diverged(rows, last, repeat=2, start=start, end=8), tmp_path)
    assert "Configuration Hidden width at the end Repeats" in text
    assert f"{label} 8 2 (in epoch {last})" in text
    assert "(n = 3)" in text


def test_there_is_no_column_of_what_no_network_that_diverged_has() -> None:
    rows = select(made_rows.rows("width_transitions"), end=None)
    found = losses(made_rows.diverged(rows, 1, repeat=2))
    assert found is not None
    assert list(found.headings) == ["Data", "Network", "Configuration", "Repeats"]


def test_networks_that_all_diverged_after_the_training_before_any_change(tmp_path: Path) -> None:
    rows = made_rows.diverged(made_rows.rows("width_transitions"), 2)
    text = rendered("width_transitions", rows, tmp_path)
    assert "24 networks diverged" in text
    assert {claim["outcome"] for claim in claims("width_transitions", tmp_path)} == {"not judged"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_of_which_every_network_diverged(name: str, tmp_path: Path) -> None:
    rows = made_rows.diverged(made_rows.rows(name), 1)
    text = rendered(name, rows, tmp_path)
    assert presenter(name).TITLE in text and "networks diverged" in text
    assert claims(name, tmp_path) == []
    said = summary(tmp_path, (name,))
    unjudged = f"could not be judged because every network diverged: {presenter(name).TITLE} ("
    assert (unjudged in said) == (name in JUDGED)


def test_a_data_set_on_which_every_network_diverged_is_told_apart(tmp_path: Path) -> None:
    settings = made_rows.settings("invariance", data=["digits", "other"])
    rows = made_rows.diverged(made_rows.rows("invariance", settings), 1, data="other")
    text = rendered("invariance", rows, tmp_path, settings=settings)
    assert "28 networks diverged" in text and "other 64-8-8-10" in text
    assert not any("diverged" in claim["reason"] for claim in claims("invariance", tmp_path))


# Data that is not there


def test_an_experiment_without_data_has_a_section_that_says_so(tmp_path: Path) -> None:
    for name in EXPERIMENTS:
        none, settings = made_rows.rows(name).iloc[:0], made_rows.SETTINGS[name]
        text = rendered(name, none, tmp_path, dict.fromkeys(settings.data, "no network."))
        assert text.startswith(f"{presenter(name).TITLE} {experiment(name).QUESTION} Nothing was run here, because ")
        assert "digits (no network)" in text
        assert claims(name, tmp_path) == []
        provenance = json.loads((tmp_path / name / "provenance.json").read_text(encoding="utf-8"))
        assert provenance["title"] == presenter(name).TITLE and provenance["seeds"] == []
        others = {"section.html", "claims.json", "provenance.json"}
        curves = {"curve-accuracy.csv", "curve-log10-epsilon.csv"} if name == "invariance" else set()
        assert {path.name for path in (tmp_path / name).iterdir()} == others | curves
    said = summary(tmp_path)
    assert f"{len(CRITERIA)} claims could not be judged for lack of data: " in said
    assert "; Invariance under adaptation (exact-growth: float64, " in said
    assert "Claims and parts of claims" not in said and "digits not available: no network." in said


def test_curves_for_dvc_have_the_columns_it_knows_with_and_without_rows() -> None:
    labels = [configuration.label for configuration in made_rows.SETTINGS["invariance"].configurations]
    plots = (Path(__file__).parents[3] / "dvc.yaml").read_text(encoding="utf-8")
    settings = made_rows.settings("invariance", data=["digits", "other"])
    rows = made_rows.rows("invariance", settings)
    others = {f"other: {label}" for label in labels}
    shown = ({*labels} | others, others, set())
    for expected, table in zip(shown, (rows, rows[rows["data"] == "other"], rows.iloc[:0]), strict=True):
        curves = presenter("invariance").present(table, settings, made_rows.described("other")).curves
        for name, first, last in (
            ("accuracy", "epoch", "test_accuracy"),
            ("log10-epsilon", "change", "log10_epsilon"),
        ):
            assert list(curves[name]) == [first, "configuration", last]
            assert {*curves[name]["configuration"]} == expected and curves[name][last].notna().all()
            assert f"x: {first}\n" in plots and f"curve-{name}.csv: {last}\n" in plots


@pytest.mark.parametrize("name", sorted({*EXPERIMENTS} - {"task_schedule"}))
def test_some_absent_data_is_left_out_with_a_note(name: str, tmp_path: Path) -> None:
    settings = made_rows.settings(name, data=["gone", "digits"])
    rows = made_rows.rows(name)
    text = rendered(name, rows, tmp_path, {"gone": "cannot be downloaded"}, settings)
    assert f"{experiment(name).QUESTION} Not available here, and left out: gone (cannot be downloaded)." in text
    assert [claim["id"] for claim in claims(name, tmp_path)] == [criterion.id for criterion in of(name)]
    said = summary(tmp_path, (name,))
    title = presenter(name).TITLE
    assert f"Judged without some of the data, which was not available: {title} (without gone)." in said
    assert "could not be judged" not in said and "gone not available: cannot be downloaded" in said


def test_the_comparison_tells_data_of_no_interest_from_data_that_is_absent(tmp_path: Path) -> None:
    settings = made_rows.settings("tanh_comparison", data=["fashion-mnist", "mnist", "digits"])
    rows = made_rows.rows("tanh_comparison", settings)
    rows = rows[rows["data"] != "fashion-mnist"]
    text = rendered("tanh_comparison", rows, tmp_path, {"fashion-mnist": "no network"}, settings)
    assert "Not in this profile: EMNIST A-J, CIFAR-10, CIFAR-100, Caltech-256. Not available: Fashion-MNIST." in text
    found = {claim["id"]: claim for claim in claims("tanh_comparison", tmp_path)}
    for source in ("Fashion-MNIST", "CIFAR-10"):
        claim = found[f"harder-favours-isotropic: {source}"]
        assert claim["outcome"] == "not judged" and claim["cells"] == []
        assert claim["reason"] == f"out of scope: the claim is of {source}; here: digits, mnist"
    assert [cell["name"] for cell in found["harder-favours-isotropic: MNIST"]["cells"]] == ["mnist"]


def test_an_unknown_kind_of_absence_is_an_error(tmp_path: Path) -> None:
    run = {"datasets": {}, "absent": ["mnist"]}
    with pytest.raises(InputError, match=r"record of the run: absent: \['mnist'\] is not a table of names"):
        render("timing", "?", made_rows.rows("timing").iloc[:0], made_rows.SETTINGS["timing"], run, tmp_path)


def test_nothing_missing_is_nothing_said() -> None:
    assert availability({}, some=True) == "" and losses(made_rows.rows("timing")) is None


def test_a_criterion_that_was_changed_after_the_rows_were_made_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (criterion.id for criterion in of("equivariance"))
    known = {first: Change("0123abc", False), second: Change("4567def", True)}
    monkeypatch.setattr("pipeline.reporting.render.changes", lambda rows: known)
    text = rendered("equivariance", made_rows.rows("equivariance"), tmp_path)
    assert "Last changed 0123abc Of" in text and "Last changed 4567def, after the rows were made" in text
    changed = [claim["changed"] for claim in claims("equivariance", tmp_path)]
    assert changed == [{"commit": "0123abc", "later": False}, {"commit": "4567def", "later": True}]
    monkeypatch.setattr("pipeline.reporting.render.changes", lambda rows: {})
    text = rendered("equivariance", made_rows.rows("equivariance"), tmp_path)
    assert text.count("Last changed Not known: git, or a whole history of it, is not there.") == 2


def test_every_claim_of_an_experiment_is_known() -> None:
    assert set(JUDGED) < set(EXPERIMENTS)
    assert len({criterion.id for criterion in CRITERIA}) == len(CRITERIA)
