"""From rows to the page, once, and what a reader must find there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import made_rows
import pandas as pd
import pytest

from pipeline import paths
from pipeline.config import Configuration
from pipeline.errors import InputError
from pipeline.experiments.invariance import Settings
from pipeline.reporting.presenters import presenter
from pipeline.reporting.render import render
from pipeline.reporting.report import page
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
    page("digits", ["invariance"], folder, folder.with_suffix(".html"))
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
    made = len(reader.seen["figure"]) + sum(table["class"] == "wide" for table in reader.seen["table"])
    code, rows = "../pipeline/reporting/experiments/invariance.py", f"../{paths.rows('digits', 'invariance')}"
    assert sorted(targets) == sorted([code, rows] * made)
    assert (ROOT / "reports" / code).is_file()
    assert " ".join(" ".join(reader.words).split()).count("rows of commit 0123abc") == made


def test_page_says_what_was_found_and_on_what(reader: Reader) -> None:
    text = " ".join(" ".join(reader.words).split())
    for words in (
        "Claims and parts of claims: 8, of which 3 reproduced, 5 not judged. None of them under the paper’s protocol",
        "How far do the logits move?",
        "scikit-learn’s digits <8 x 8> (1,437 + 360 images, 10 classes)",
        "sha256:abcdef",
        "64-16-16-10, 21 networks, 3 repeats, 2 epochs",
        "0: 1000, 1: 1001, 2: 1002",
        "0 (full diagonalisation)",
        "Counterpart of the paper’s Table 4",
    ):
        assert words in text, words


# Claim: effect, n (needed), region, outcome and reason.
FIRST = {
    "exact-growth: float64": (
        "4.11 × 10−15 [4.04 × 10−15 to 4.20 × 10−15]; 1.00 × 10−15 [1.00 × 10−15 to 1.00 × 10−15]",
        "3 (1)",
        "every value from 0 to 1.00 × 10−10",
        "reproduced",
    ),
    "close-pruning: without length": (
        "29.7 [27.4 to 32.1]",
        "3 (7)",
        "above 1.10",
        "not judged: 3 repeats; 7 are needed to tell",
    ),
    "accuracy-kept: pruning": (
        "−0.150 [−0.150 to −0.150]",
        "3 (5)",
        "above −1.00 points",
        "not judged: out of scope: the claim is of CIFAR-10, pruning of about half the width without retraining; "
        "here: digits",
    ),
}


def test_the_first_table_has_a_line_for_each_criterion_that_links_to_its_section(folder: Path) -> None:
    page = folder.with_suffix(".html").read_text(encoding="utf-8")
    table = ElementTree.fromstring(page[page.index("<table") : page.index("</table>") + len("</table>")])
    lines = {words(line[0]): line for line in table.iter("tr")}
    assert [words(cell) for cell in lines.pop("Claim")] == [
        "Claim",
        "Effect [95% interval, or least and largest]",
        "n (needed)",
        "Reproduced if",
        "Data",
        "Outcome",
    ]
    assert list(lines) == [criterion.id for criterion in of("invariance")]
    for name, (effect, n, region, outcome) in FIRST.items():
        assert [words(cell) for cell in lines[name]] == [name, effect, n, region, "digits", outcome]
    for name, line in lines.items():
        (link,) = line.iter("a")
        section = page[page.index(f'<section class="verdict" id="{link.attrib["href"].removeprefix("#")}">') :]
        assert section[section.index("<h5>") :].startswith(f"<h5>{name}: <span")


def words(node: ElementTree.Element) -> str:
    return "".join(node.itertext())


def test_the_section_of_a_claim_says_all_of_its_criterion(reader: Reader) -> None:
    text = " ".join(" ".join(reader.words).split())
    for criterion in of("invariance"):
        for said in (criterion.sentence, criterion.scope, criterion.estimand, criterion.why, criterion.control):
            assert " ".join(said.split()) in text, (criterion.id, said)


def test_page_of_an_experiment_that_was_not_analysed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"invariance/claims.json: cannot be read .*stages.analyse"):
        page("digits", ["invariance"], tmp_path, tmp_path.with_suffix(".html"))
    assert not tmp_path.with_suffix(".html").exists()
