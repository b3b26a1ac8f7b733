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
from pipeline.reporting.figures import Plot
from pipeline.reporting.notices import availability, losses
from pipeline.reporting.presenters import presenter
from pipeline.reporting.render import render
from pipeline.reporting.report import page
from pipeline.results.claims import CLAIMS
from pipeline.results.statistics import select

ENTRY = "networks that diverged (left out; repeats are fewer there)"


@pytest.fixture(autouse=True)
def saved(monkeypatch: pytest.MonkeyPatch) -> list[Plot]:
    """The figures, which are drawn as an empty file: here words are read, and drawing is nine tenths of a report."""
    plots: list[Plot] = []

    def save(plot: Plot, folder: Path) -> None:
        plots.append(plot)
        (folder / f"{plot.name}.svg").write_text("<svg ></svg>", encoding="utf-8")

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
    page("made", names, folder, folder.with_suffix(".html"))
    text = words(folder.with_suffix(".html").read_text(encoding="utf-8"))
    return text[text.index("Claims", text.index("Provenance")) :]


def test_without_divergence_and_with_all_data_nothing_is_said_of_either(tmp_path: Path) -> None:
    text = rendered("invariance", made_rows.rows("invariance"), tmp_path)
    assert "iverged" not in text and "vailable" not in text and "(n = " not in text and "4 repeats" in text
    assert not any(ENTRY in claim["numbers"] for claim in claims("invariance", tmp_path))
    assert "could not be judged" not in summary(tmp_path, ("invariance",))


def test_a_network_that_diverged_is_named_and_its_cells_say_n(tmp_path: Path) -> None:
    rows = made_rows.diverged(made_rows.rows("invariance"), 2, repeat=1, configuration="trainable, none")
    text = rendered("invariance", rows, tmp_path)
    assert "1 network diverged: a loss or a parameter was no longer finite" in text
    assert "Data Network Configuration Repeats digits 64-8-8-10 trainable, none 1 (in epoch 2)" in text
    assert "3 to 4 repeats of 2 epochs" in text and "Where fewer than 4 repeats are left, n says how many." in text
    found = claims("invariance", tmp_path)
    assert all(claim["numbers"][ENTRY] == 1 for claim in found) and ENTRY in text
    assert {claim["basis"]["networks"] for claim in found} == {27}
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


@pytest.mark.parametrize("name", sorted({*CLAIMS} - {"abundance", "sparsification"}))
def test_a_configuration_with_no_repeat_left_is_a_dash(name: str, tmp_path: Path, saved: list[Plot]) -> None:
    rows = made_rows.rows(name)
    label = rows["configuration"].iloc[0]
    whole = rendered(name, rows, tmp_path / "whole")
    saved.clear()
    text = rendered(name, made_rows.diverged(rows, int(rows["epoch"].max()), configuration=label), tmp_path)
    gone = "configurations with no repeat left (at best inconclusive)"
    assert gone in text and label in text[text.index("Diverged networks") : text.index("Tables")]
    assert text.count("–") > whole.count("–")
    for plot in saved:
        plot.figure.draw_without_rendering()  # nor is a line of what is not there an error
    assert not any(claim["verdict"] == "reproduced" for claim in claims(name, tmp_path))


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
    assert {claim["verdict"] for claim in claims("width_transitions", tmp_path)} == {"inconclusive"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_of_which_every_network_diverged(name: str, tmp_path: Path) -> None:
    rows = made_rows.diverged(made_rows.rows(name), 1)
    text = rendered(name, rows, tmp_path)
    assert presenter(name).TITLE in text and "networks diverged" in text
    assert claims(name, tmp_path) == []
    said = summary(tmp_path, (name,))
    unjudged = f"could not be judged because every network diverged: {presenter(name).TITLE} ("
    assert (unjudged in said) == (name in CLAIMS)


def test_a_data_set_on_which_every_network_diverged_is_told_apart(tmp_path: Path) -> None:
    settings = made_rows.settings("invariance", data=["digits", "other"])
    rows = made_rows.diverged(made_rows.rows("invariance", settings), 1, data="other")
    text = rendered("invariance", rows, tmp_path, settings=settings)
    assert "28 networks diverged" in text and "other 64-8-8-10" in text
    assert not any(ENTRY in claim["numbers"] for claim in claims("invariance", tmp_path))


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
    number = sum(map(len, CLAIMS.values()))
    assert f"{number} claims could not be judged for lack of data: " in said
    assert "; Invariance under adaptation (exact-growth," in said
    assert "Verdicts on" not in said and "digits not available: no network." in said


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
    assert {claim["id"] for claim in claims(name, tmp_path)} == set(CLAIMS.get(name, ()))
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
    (claim,) = [each for each in claims("tanh_comparison", tmp_path) if each["id"] == "harder-favours-isotropic"]
    assert "Fashion-MNIST" in claim["numbers"]["not here and so not judged"] and claim["verdict"] != "reproduced"


def test_an_unknown_kind_of_absence_is_an_error(tmp_path: Path) -> None:
    run = {"datasets": {}, "absent": ["mnist"]}
    with pytest.raises(InputError, match=r"record of the run: absent: \['mnist'\] is not a table of names"):
        render("timing", "?", made_rows.rows("timing").iloc[:0], made_rows.SETTINGS["timing"], run, tmp_path)


def test_nothing_missing_is_nothing_said() -> None:
    assert availability({}, some=True) == "" and losses(made_rows.rows("timing")) is None


def test_every_claim_of_an_experiment_is_known() -> None:
    assert set(CLAIMS) <= set(EXPERIMENTS)
