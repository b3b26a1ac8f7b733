"""From rows to the page, once, and what a reader must find there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline import paths
from pipeline.config import Configuration
from pipeline.errors import InputError
from pipeline.experiments.invariance import Settings
from pipeline.reporting.analysed import Analysed, Profile, read
from pipeline.reporting.origins import origins
from pipeline.reporting.overview import overview
from pipeline.reporting.pictures import PICTURES, chosen
from pipeline.reporting.presenters import presenter
from pipeline.reporting.render import render
from pipeline.reporting.report import outcomes, page
from pipeline.reporting.summary import summary
from pipeline.results.claims.criteria import of
from pipeline.results.provenance import DataSet
from pipeline.results.statistics import select

CHANGES = [8, 1, -1, -8]
ROOT = Path(__file__).parents[3]
VOID = {"meta", "br", "img", "link", "hr", "input", "col", "use", "path"}


class Reader(HTMLParser):
    """Checks nesting, and collects identifiers, references and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: dict[str, list[dict[str, str | None]]] = {}
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.setdefault(tag, []).append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.setdefault(tag, []).append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, *names: str) -> list[str]:
        nodes = [attributes for found in self.seen.values() for attributes in found]
        return [str(attributes[name]) for attributes in nodes for name in names if name in attributes]


def settings(labels: list[str]) -> Settings:
    pairs = [label.split(", ") for label in labels]
    configurations = [Configuration.model_validate({"intrinsic_length": a, "compensation": b}) for a, b in pairs]
    return Settings(
        data=["digits"],
        hidden=[16, 16],
        layer=2,
        changes=CHANGES,
        repeats=3,
        epochs=2,
        batch_size=48,
        optimiser="adamw",
        learning_rate=1e-3,
        weight_decay=1e-3,
        psi_decay=0.1,
        columns="normal",
        expectation_samples=10,
        configurations=configurations,
    )


DIGITS = DataSet("digits", "digits", "scikit-learn’s digits <8 x 8>", 1437, 360, 64, 10, "sha256:abcdef")
RUN: dict[str, Any] = {"code": "0123abc", "seconds": 12.5, "device": "cpu", "datasets": {"digits": asdict(DIGITS)}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, invariance_rows: Callable[..., pd.DataFrame]) -> Path:
    root = tmp_path_factory.mktemp("report")
    rows = invariance_rows()
    known = settings(rows["configuration"].drop_duplicates().tolist())
    folder = root / "digits"
    render("invariance", "How far do the logits move?", rows, known, RUN, folder / "invariance")
    folder.with_suffix(".html").write_text(page([read("digits", ["invariance"], folder)]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def reader(folder: Path) -> Reader:
    found = Reader()
    found.feed(folder.with_suffix(".html").read_text(encoding="utf-8"))
    found.close()
    return found


def test_files_of_the_experiment(folder: Path) -> None:
    names = {path.name for path in (folder / "invariance").iterdir()}
    tables = {
        f"digits-{name}.{end}"
        for name in ("table-1-float32", "table-1-float64", "table-4", "ablations")
        for end in ("md", "tex", "csv")
    }
    measures = ("training", "epsilon", "epsilon-scaled", "kl", "delta-accuracy", "delta-sigma")
    figures = {f"digits-{name}.{end}" for name in measures for end in ("svg", "png")}
    others = {"claims.json", "provenance.json", "section.html", "curve-accuracy.csv", "curve-log10-epsilon.csv"}
    assert names == tables | figures | others


def test_claims_are_data(folder: Path) -> None:
    claims = json.loads((folder / "invariance" / "claims.json").read_text(encoding="utf-8"))
    assert {claim["id"]: claim["outcome"] for claim in claims} == {
        "exact-growth: float64": "reproduced",
        "exact-growth: float32": "reproduced",
        "close-pruning: without length": "not judged",
        "close-pruning: without ψ": "not judged",
        "constant-as-trainable: length": "not judged",
        "constant-as-trainable: ψ": "not judged",
        "accuracy-kept: growing": "reproduced",
        "accuracy-kept: pruning": "not judged",
    }
    assert {claim["scale"] for claim in claims} == {"64-16-16-10, 21 networks, 3 repeats, 2 epochs"}
    assert not any(claim["basis"]["same_as_paper"] for claim in claims)


def test_tables_hold_the_means_of_the_rows(folder: Path, invariance_rows: Callable[..., pd.DataFrame]) -> None:
    table = pd.read_csv(folder / "invariance" / "digits-table-1-float64.csv")
    rows = invariance_rows()
    mine = (rows["measure"] == "epsilon") & (rows["precision"] == "float64") & (rows["change"] == -8)
    mine &= rows["configuration"] == "trainable, none"
    here = (table["measure"] == "epsilon") & (table["change of width"] == "-8")
    here &= table["configuration"] == "trainable, none"
    assert table[here]["mean"].item() == pytest.approx(rows[mine.fillna(False)]["value"].mean(), rel=1e-12)
    assert table[table["measure"] == "sigma_sum"]["change of width"].unique().tolist() == [
        "baseline", "8", "1", "0", "-1", "-8",
    ]  # fmt: skip
    accuracy = pd.read_csv(folder / "invariance" / "digits-table-4.csv")
    assert accuracy["change of width"].unique().tolist() == ["baseline", "8", "1", "0", "-1", "-8"]


def test_a_pruned_network_stands_beside_itself_with_its_corrections_taken_back(
    folder: Path, invariance_rows: Callable[..., pd.DataFrame]
) -> None:
    table = pd.read_csv(folder / "invariance" / "digits-ablations.csv")
    assert table["change of width"].unique().tolist() == [-1, -8] and table["configuration"].nunique() == 4
    means = table.groupby("measure")["mean"]
    # As the rows are made: 4, 9 and 30 times epsilon.
    assert means.agg(["min", "max"]).drop(index="epsilon").round(6).to_dict("index") == {
        way: {"min": percent, "max": percent}
        for way, percent in {"no length": 300.0, "no psi": 800.0, "neither": 2900.0}.items()
    }
    where = {"phase": "adapted", "measure": "epsilon", "precision": "float32", "ablation": None, "change": -8}
    rows = select(invariance_rows(), **where)
    whole = rows[rows["configuration"] == "trainable, constant"]["value"].mean()
    here = (table["measure"] == "epsilon") & (table["change of width"] == -8)
    assert table[here & (table["configuration"] == "trainable, constant")]["mean"].item() == pytest.approx(whole)
    rows = invariance_rows(changes=(1, 0))
    known = settings(rows["configuration"].drop_duplicates().tolist()).model_copy(update={"changes": [1]})
    (part,) = presenter("invariance").present(rows, known, made_rows.described("digits")).parts
    assert "digits-ablations" not in [shown.name for shown in part.tables], "nothing was pruned"


def test_epsilon_is_drawn_as_a_geometric_mean(invariance_rows: Callable[..., pd.DataFrame]) -> None:
    rows = invariance_rows(changes=(1, 0))
    rows.loc[(rows["measure"] == "epsilon") & (rows["repeat"] == 0), "value"] *= 100
    known = settings(rows["configuration"].drop_duplicates().tolist()).model_copy(update={"changes": [1]})
    (part,) = presenter("invariance").present(rows, known, made_rows.described("digits")).parts
    plots = {plot.name.removeprefix("digits-"): plot for plot in part.plots}
    own = select(rows, phase="adapted", measure="epsilon", precision="float32", ablation=None, change=1)
    drawn = np.concatenate([line.get_ydata() for line in plots["epsilon"].figure.axes[0].get_lines()])
    means = own.groupby("configuration", observed=True)["value"].agg(lambda values: np.exp(np.log(values).mean()))
    assert all(np.isclose(drawn, mean).any() for mean in means)
    assert not any(
        np.isclose(drawn, mean).any() for mean in own.groupby("configuration", observed=True)["value"].mean()
    )
    legends = {name: plot.figure.legends[0].get_title().get_text() for name, plot in plots.items()}
    assert "geometric mean of" in legends["epsilon"] and "geometric" not in legends["delta-accuracy"]


def test_curves_are_means_by_configuration_and_sorted(folder: Path) -> None:
    epsilon = pd.read_csv(folder / "invariance" / "curve-log10-epsilon.csv")
    accuracy = pd.read_csv(folder / "invariance" / "curve-accuracy.csv")
    assert epsilon["log10_epsilon"].max() < 1  # decades, not values
    for curve, column, places in ((epsilon, "change", sorted([0, *CHANGES])), (accuracy, "epoch", [0, 1, 2])):
        assert curve["configuration"].nunique() == 7
        assert all(own[column].tolist() == places for _, own in curve.groupby("configuration"))


def test_page_is_well_formed(reader: Reader) -> None:
    assert reader.open == []
    identifiers = reader.values("id")
    assert len(identifiers) == len(set(identifiers))
    inside = [target[1:] for target in reader.values("href", "xlink:href") if target.startswith("#")]
    assert inside and set(inside) <= set(identifiers)
    assert all("scope" in heading for heading in reader.seen["th"])
    assert all(figure["role"] == "img" and figure["aria-label"] for figure in reader.seen["svg"])


def test_page_needs_nothing_from_elsewhere(reader: Reader, folder: Path) -> None:
    html = folder.with_suffix(".html").read_text(encoding="utf-8")
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.seen)
    assert "@import" not in html and not re.search(r"url\((?!#)", html)
    targets = [
        target for target in reader.values("href", "src", "xlink:href", "action") if not target.startswith("#")
    ]
    beside = [target for target in targets if not target.startswith("../")]
    assert beside and all((folder.parent / target).is_file() for target in beside)


def test_each_table_and_figure_links_to_what_made_it(reader: Reader) -> None:
    targets = [target for target in reader.values("href") if target.startswith("../")]
    made = len(reader.seen["figure"]) - 1 + sum(table["class"] == "wide" for table in reader.seen["table"])
    code, rows = "../pipeline/reporting/experiments/invariance.py", f"../{paths.rows('digits', 'invariance')}"
    assert sorted(targets) == sorted([code, rows] * made)
    assert (ROOT / "reports" / code).is_file()
    assert " ".join(" ".join(reader.words).split()).count("rows of commit 0123abc") == made


def test_page_says_what_was_found_and_on_what(reader: Reader) -> None:
    text = " ".join(" ".join(reader.words).split())
    for words in (
        "Claims and parts of claims: 8, of which 3 reproduced (3 of them exact properties, which hold by algebra and "
        "test the code), 5 not judged. None of them under the paper’s protocol",
        "ε is the distance between the logits before and after a change",
        "How far do the logits move?",
        "scikit-learn’s digits <8 x 8> (1,437 + 360 images, 10 classes)",
        "sha256:abcdef",
        "64-16-16-10, 21 networks, 3 repeats, 2 epochs",
        "0: 1000, 1: 1001, 2: 1002",
        "0 (full diagonalisation)",
        "Counterpart of the paper’s Table 4",
    ):
        assert words in text, words


# Part: what is measured, region, effect, n (needed), data, outcome and reason.
FIRST = {
    "float64": (
        "ε, diagonalised or grown",
        "all 0 to 1 × 10−10",
        "(1.00 to 4.20) × 10−15",
        "3 (1)",
        "digits",
        "reproduced",
    ),
    "without length": (
        "ε of pruning, no / constant length",
        "> 1.1",
        "29.7 [27.4, 32.1]",
        "3 (7)",
        "digits",
        "not judged: 3 repeats",
    ),
    "pruning": (
        "accuracy, half pruned − before (points)",
        "> −1",
        "−0.150 [−0.150, −0.150]",
        "3 (5)",
        "digits",
        "not judged: out of scope",
    ),
}


def test_the_first_table_says_each_claim_in_the_words_of_the_paper(folder: Path) -> None:
    said = {words(body[0][0][0][0]): words(body[0][0]).split("“")[1:] for body in first_table(folder).iter("tbody")}
    criteria = of("invariance")
    assert {*said} == {criterion.claim for criterion in criteria} and len(said) < len(criteria)
    assert all(any(criterion.sentence in each for each in said[criterion.claim]) for criterion in criteria)
    assert [each.strip() for each in said["exact-growth"]] == [f"{criteria[0].sentence}”"], "once, of two parts"
    assert len(said["accuracy-kept"]) == 1, "one part's is within the other's"


def first_table(folder: Path) -> ElementTree.Element:
    page = folder.with_suffix(".html").read_text(encoding="utf-8")
    return ElementTree.fromstring(page[page.index("<table") : page.index("</table>") + len("</table>")])


def test_the_first_table_has_a_line_for_each_criterion_that_links_to_its_section_and_back(folder: Path) -> None:
    page = folder.with_suffix(".html").read_text(encoding="utf-8")
    heading, *lines = first_table(folder).iter("tr")
    assert [words(cell) for cell in heading] == [
        *("Part", "Measured", "Reproduced if", "Effect [95% interval], or least to largest"),
        *("n (needed)", "Data", "Outcome"),
    ]
    claim, found = "", {}
    for line in lines:
        if line[0].tag == "th":
            claim = words(line[0][0][0])
            continue
        part, *cells = map(words, line)
        found[f"{claim}: {part}"] = line
        if part in FIRST:
            assert tuple(cells) == FIRST[part]
    judged = ("exact-growth", "accuracy-kept")
    ids = sorted((each.id for each in of("invariance")), key=lambda id: not id.startswith(judged))
    assert list(found) == ids, "what was not judged comes last"
    for name, line in found.items():
        (link,) = line.iter("a")
        section = page[page.index(f'<section class="verdict" id="{link.attrib["href"].removeprefix("#")}">') :]
        section = section[section.index("<h6>") : section.index("</h6>")]
        assert section.startswith(f"<h6>{name}: <span") and f'href="#{line.attrib["id"]}"' in section
    reasons = {name: line[-1].attrib.get("title", "") for name, line in found.items()}
    assert reasons == {claim["id"]: claim["reason"] for claim in claims(folder)}, "all of it, when it is pointed at"
    quiet = {name for name, line in found.items() if line.attrib.get("class") == "quiet"}
    assert quiet == {claim["id"] for claim in claims(folder) if claim["outcome"] == "not judged"}


def claims(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "invariance" / "claims.json").read_text(encoding="utf-8")))


def words(node: ElementTree.Element) -> str:
    return "".join(node.itertext()).replace("\N{NO-BREAK SPACE}", " ")


def test_the_section_of_a_claim_says_all_of_its_criterion(reader: Reader) -> None:
    text = " ".join(" ".join(reader.words).split())
    for criterion in of("invariance"):
        why = criterion.why[0].upper() + criterion.why[1:]  # it begins a sentence
        for said in (criterion.sentence, criterion.scope, criterion.estimand, why, criterion.control):
            assert " ".join(said.split()) in text, (criterion.id, said)


def test_a_picture_of_the_first_page_is_drawn_once_and_copied_in_its_section(reader: Reader) -> None:
    copies = [use for use in reader.seen["use"] if use.get("href") == "#digits-invariance-digits-epsilon"]
    assert len(copies) == 1
    drawn = [svg for svg in reader.seen["svg"] if svg.get("id") == "digits-invariance-digits-epsilon"]
    assert len(drawn) == 1 and reader.seen["svg"][0] is drawn[0], "before all others"


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_figures_that_there_are(name: str) -> None:
    settings = made_rows.settings(name)
    data = made_rows.described(*settings.data)
    first, *_ = presenter(name).present(made_rows.rows(name), settings, data).parts
    assert len(chosen(name, first.plots)) == len(PICTURES[name].figures)


def test_page_of_an_experiment_that_was_not_analysed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"invariance/claims.json: cannot be read .*stages.analyse"):
        read("digits", ["invariance"], tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"region": [0.0]}, r"claims.json: 0.criterion.region: \[0.0\]: List should have at least 2 items"),
        ({"ratio": "no"}, r"claims.json: 0.criterion.ratio: 'no': Input should be a valid boolean"),
        (None, r"claims.json: 0.criterion: None: Input should be .*; `python -m stages.analyse` makes it"),
    ],
)
def test_a_damaged_claim_is_one_line(folder: Path, tmp_path: Path, change: Any, said: str) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    first, *others = claims(tmp_path)
    damaged = first | {"criterion": change and first["criterion"] | change}
    (tmp_path / "invariance/claims.json").write_text(json.dumps([damaged, *others]))
    with pytest.raises(InputError, match=said):
        read("digits", ["invariance"], tmp_path)


def test_a_picture_that_is_not_there_is_one_line(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    figure = tmp_path / "invariance/digits-epsilon.svg"
    figure.write_text("<b>", encoding="utf-8")
    with pytest.raises(InputError, match=r"digits-epsilon.svg: cannot be read \(no <svg> in it\)"):
        read("digits", ["invariance"], tmp_path)
    figure.unlink()
    with pytest.raises(InputError, match=r"provenance.json: pictures: 'digits-epsilon' is no figure here"):
        read("digits", ["invariance"], tmp_path)


# Several profiles, and what an experiment has beyond the paper, on claims made up here.


def made(id: str, outcome: str, on: str = "digits", **more: Any) -> dict[str, Any]:
    claim, _, part = id.partition(": ")
    criterion = {"claim": claim, "part": part, "short": "ε", "region": [0.0, None], "unit": "", "ratio": False}
    criterion |= {"sentence": f"About {claim}.", "every": False, "needs": 0}
    known = {"id": id, "outcome": outcome, "on": [on], "criterion": criterion, "needed": 3}
    known |= {"cells": [{"estimate": 1.0, "low": 0.5, "high": 1.5, "n": 4}], "changed": None, "reason": ""}
    return known | {"beyond": False, "basis": {"same_as_paper": False}, "anchor": f"{on}-{id}"} | more


def profile(name: str, claims: list[dict[str, Any]], **run: Any) -> Profile:
    record = {"title": "An experiment", "run": RUN | run, "seeds": [], "report": {"code": "4567"}, "claims": ["a"]}
    section = f'<details id="{name}-invariance"></details>'
    return Profile(name, [Analysed("invariance", record, claims, section, [])])


ONE = [made("a: 1", "not judged"), made("b", "reproduced"), made("a: 2", "not judged"), made("q", "yes", beyond=True)]
OTHER = [made("b", "contradicted", "cifar10"), made("b", "inconclusive", "cifar100"), made("c", "not judged")]


def test_claims_of_several_profiles_stand_side_by_side() -> None:
    groups = overview([ONE, OTHER], beyond=False)
    outcomes = [
        (group.claim, [claim and (claim["on"][0], claim["outcome"]) for claim in line.judged], line.first)
        for group in groups
        for line in group.lines
    ]
    assert outcomes == [
        ("b", [("digits", "reproduced"), ("cifar10", "contradicted")], True),
        ("b", [None, ("cifar100", "inconclusive")], False),
        ("a", [("digits", "not judged"), None], True),
        ("a", [("digits", "not judged"), None], True),
        ("c", [None, ("digits", "not judged")], True),
    ]
    (question,) = overview([ONE, OTHER], beyond=True)
    assert question.claim == "q" and question.found and not groups[-1].found
    assert [group.sentences for group in groups] == [["About b."], ["About a."], ["About c."]]


def test_the_page_of_several_profiles() -> None:
    found = Reader()
    found.feed(page([profile("one", ONE), profile("two", OTHER, seconds=3.5)]))
    assert found.open == [] and len(found.values("id")) == len({*found.values("id")})
    text = " ".join(" ".join(found.words).split())
    assert "Profile one : 1 experiment" in text and "Profile two : 1 experiment" in text
    assert "Claims and parts of claims: 3, of which 1 reproduced, 2 not judged." in text, "a question is no claim"
    assert "Experiments of profile one" in text and "Experiments of profile two" in text
    assert "contradicted on cifar10" in text and "inconclusive on cifar100" in text, "of one claim there are two"
    assert "Beyond the paper" in text and text.count("Yes if") == 1
    assert "b “About b.”" in text and "q About q." in text, "of the paper in quotation marks"
    first, *_ = found.seen["table"]
    assert first["class"] == "overview several" and "–" in text
    lines = {str(line["id"]) for line in found.seen["tr"] if "id" in line}
    assert lines == {"claim-a-1", "claim-a-2", "claim-b", "claim-c", "claim-q"}
    targets = [target for target in found.values("href") if "cifar" in target]
    assert targets == ["#cifar10-b", "#cifar100-b"], "an outcome of each profile links to its own evidence"


def test_a_question_beyond_the_paper_is_counted_apart() -> None:
    (said,) = [words for words in summary(profile("one", ONE)) if words.startswith("Claims")]
    assert "1 reproduced, 2 not judged" in said and "yes" not in said
    alone = page([profile("one", ONE[:3])])
    assert "Beyond the paper" not in alone and 'id="beyond"' not in alone


def test_exact_properties_are_counted_apart_as_they_test_the_code() -> None:
    def said(*claims: dict[str, Any]) -> str:
        return " ".join(summary(profile("one", list(claims))))

    exact, chance, mean = made("a", "reproduced"), made("b", "reproduced"), made("c", "reproduced")
    exact["criterion"]["every"] = chance["criterion"]["every"] = True
    chance["criterion"]["needs"] = 21
    one = "3 reproduced (1 of them an exact property, which holds by algebra and tests the code)."
    assert one in said(exact, chance, mean)
    assert "3 reproduced (2 of them exact properties, which hold" in said(exact, exact, mean)
    lost = exact | {"outcome": "contradicted"}
    assert "1 reproduced, 1 contradicted." in said(lost, mean) and "algebra" not in said(lost, chance, mean)


def test_what_was_known_when_criteria_were_written_is_said() -> None:
    known = [made("a", "reproduced", "digits", seen=True), made("b", "no", "digits + other", seen=True)]
    said = "The criteria were written when results on digits, other were known: on them they describe"
    assert said in " ".join(summary(profile("one", [*known, made("c", "no", "third", seen=False)])))
    assert "were written" not in " ".join(summary(profile("one", ONE)))


def test_a_criterion_that_was_changed_later_is_marked_in_the_first_table() -> None:
    late = made("a", "reproduced", changed={"later": True})
    assert "† Its criterion was changed" in page([profile("one", [late, made("b", "reproduced")])])
    assert "†" not in page([profile("one", [made("a", "reproduced", changed={"later": False})])])


def test_outcomes_are_flat_but_for_claims_on_several_data_sets() -> None:
    assert outcomes(profile("one", ONE)) == {
        "a: 1": "not judged",
        "b": "reproduced",
        "a: 2": "not judged",
        "q": "yes",
    }
    several = {"cifar10": "contradicted", "cifar100": "inconclusive"}
    assert outcomes(profile("two", OTHER)) == {"b": several, "c": "not judged"}


def test_provenance_says_once_what_is_common_and_by_experiment_what_differs() -> None:
    alike = [profile("one", ONE, code="aaaa"), profile("two", OTHER, code="aaaa")]
    common = {table.title: table for table in origins(alike)}["What all experiments have in common"]
    assert ("code", "aaaa", "4567") in common.lines and ("device", "cpu", "–") in common.lines
    assert "Runs, by experiment" not in {table.title for table in origins(alike)}
    differing = [profile("one", ONE, code="aaaa"), profile("two", OTHER, code="bbbb", jobs=2)]
    tables = {table.title: table for table in origins(differing)}
    runs = tables["Runs, by experiment"]
    assert runs.headings == ("Experiment", "code", "jobs")
    assert runs.lines == [("one: An experiment", "aaaa", "–"), ("two: An experiment", "bbbb", "2")]
    assert not any(line[0] == "code" and "aaaa" in line for line in tables[common.title].lines)
    (data,) = tables["Data"].lines
    assert data[0] == "digits" and data[3] == "sha256:abcdef", "the same data once"


def test_provenance_of_data_names_file_or_source_and_both_checksums() -> None:
    whole, images = f"sha256:{'0123456789abcdef' * 4}", f"sha256:{'fedcba9876543210' * 4}"
    taken = replace(DIGITS, name="colours", source="cifar10", checksum=whole, images=images, origin="cifar10.npz")
    known = {"digits": asdict(DIGITS), "colours": asdict(taken)}
    lost = {"letters": "no network"}
    (data,) = (
        table for table in origins([profile("one", ONE, datasets=known, absent=lost)]) if table.title == "Data"
    )
    assert data.headings == ("Name", "Description", "From", "Checksum", "Images in any order")
    words = "scikit-learn’s digits <8 x 8> (1,437 + 360 images, 10 classes)"
    assert data.lines == [
        ("digits", words, "source digits", "sha256:abcdef", "–"),  # fetched before images had one of their own
        ("colours", words, "file cifar10.npz", "sha256:0123456789ab…", "sha256:fedcba987654…"),
        ("letters", "not available: no network", "–", "–", "–"),
    ]
