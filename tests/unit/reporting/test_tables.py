from __future__ import annotations

import csv
import io
import math
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from pipeline.reporting.latex import escape
from pipeline.reporting.tables import Group, Quantity, Row, Table, quantities

AWKWARD = "50% of A_1 & B#2 | {x} ~ ^ \\ $ “ε” ≤ ψ × Δ"


def table(groups: int = 2) -> Table:
    exact = Quantity(3, 1.23456789e-6, 3e-7, 2e-7, 5e-7, 2e-6)
    single = Quantity(1, 0.5, math.nan, math.nan, math.nan, math.nan)
    rows = [Row("75", "+75", [exact, single, None]), Row("0", "0 (diagonalisation)", [single, exact, exact])]
    columns = {"a": ("left", "one"), "b": ("right", "two"), "c": ("right", "a|b & c")}
    named = [Group("epsilon", f"ε & {i}", None, rows) for i in range(groups)]
    return Table("some-table", "Title", AWKWARD, "change", "configuration", columns, named)


def test_markdown_has_equal_columns_and_escaped_bars() -> None:
    lines = table().markdown().splitlines()[2:]
    assert {line.replace(r"\|", "").count("|") for line in lines} == {5}
    assert lines[0] == r"| change | left, one | right, two | right, a\|b & c |"
    assert "| +75 | (1.23 ± 0.30) × 10⁻⁶ | 0.500 | – |" in lines


def test_a_single_group_has_no_heading() -> None:
    assert "ε & 0" in table().markdown() and "ε & 0" not in table(groups=1).markdown()


def test_csv_has_raw_numbers_and_no_formatted_text() -> None:
    rows = list(csv.DictReader(io.StringIO(table().csv())))
    assert list(rows[0]) == ["measure", "change", "configuration", "n", "mean", "sd", "se", "low", "high"]
    assert len(rows) == 2 * 5  # a missing quantity has no line
    assert float(rows[0]["mean"]) == 1.23456789e-6 and rows[0]["n"] == "3"
    assert rows[1]["mean"] == "0.5" and rows[1]["sd"] == ""
    assert {row["change"] for row in rows} == {"75", "0"}


def test_html_merges_headings_and_gives_every_one_a_scope() -> None:
    html = table().html()
    assert html.count("<th ") == html.count("<th scope=")
    assert '<th scope="colgroup" colspan="2">right</th>' in html
    assert "a|b &amp; c" in html and "& c" not in html
    assert "(1.23 ± 0.30) × 10<sup>−6</sup>" in html


def test_html_takes_no_text_for_markup() -> None:
    one = Quantity(1, 0.5, math.nan, math.nan, math.nan, math.nan)
    groups = [Group("x", f"<i>heading {i}", None, [Row("a", "<i>row", [one])]) for i in range(2)]
    html = Table("t", "<i>title", "<i>caption", "<i>rows", "c", {"a": ("<i>column",)}, groups).html()
    assert "<i>" not in html
    shown = ("title", "caption", "rows", "column", "heading 0", "heading 1", "row<")
    assert [html.count(f"&lt;i&gt;{text}") for text in shown] == [1, 1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("repeats", [None, 1, 3, 4])
def test_what_rests_on_fewer_repeats_says_so(repeats: int | None) -> None:
    whole, two = Quantity(4, 43.1, 0.52, 0.26, 42.3, 43.9), Quantity(3, 43.1, 0.52, 0.3, 41.8, 44.4)
    unknown = Quantity(2, math.nan, math.nan, math.nan, math.nan, math.nan)
    rows = [
        Row("a", "a", [whole, two, unknown, None]),
        Row("b", "b", [whole, two, unknown, None], differences=True),
    ]
    columns = {name: (name,) for name in "wxyz"}
    found = Table("t", "T", "Caption.", "r", "c", columns, [Group("accuracy", "accuracy", 2, rows)], repeats)
    written = {"markdown": found.markdown(), "html": found.html(), "latex": found.latex()}
    if repeats != 4:
        assert not any("n = " in text or "left" in text or "$n$" in text for text in written.values())
        return
    assert "| a | 43.10 ± 0.52 | 43.10 ± 0.52 (n = 3) | – | – |" in written["markdown"]
    assert "| b | +43.10 [42.30, 43.90] | +43.10 [41.80, 44.40] (n = 3) | – | – |" in written["markdown"]
    assert "<td>43.10 ± 0.52 (n = 3)</td><td>–</td><td>–</td>" in written["html"]
    assert r"$43.10 \pm 0.52$ ($n$ = 3) & -- & -- \\" in written["latex"]
    assert r"$+43.10\ [41.80,\ 44.40]$ ($n$ = 3)" in written["latex"]
    for text in written.values():
        assert "Where fewer than 4 repeats are left, n says how many." in text
    assert "n = " not in found.csv()


def test_latex_escapes() -> None:
    assert escape("50% & a_b") == r"50\% \& a\_b"
    assert escape("\\{") == r"\textbackslash{}\{"


def test_quantities_by_row_and_column() -> None:
    means = pd.DataFrame({"place": ["0", "1"], "label": ["a", "a"], "n": [2, 1], "mean": [1.0, 2.0]})
    means = means.assign(sd=0.1, se=0.1, low=0.0, high=3.0)
    assert quantities(means, "place", "label")["1", "a"] == Quantity(1, 2.0, 0.1, 0.1, 0.0, 3.0)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("packages", ["booktabs", "booktabs,graphicx"])
def test_latex_compiles(tmp_path: Path, packages: str) -> None:
    table().save(tmp_path)
    assert compiled(tmp_path, packages, r"\input{some-table.tex}") == 0


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_unescaped_text_would_not_compile(tmp_path: Path) -> None:
    """Negative control of the test above."""
    assert compiled(tmp_path, "booktabs", AWKWARD) != 0


def compiled(folder: Path, packages: str, body: str) -> int:
    text = f"\\documentclass{{article}}\\usepackage{{{packages}}}\\begin{{document}}{body}\\end{{document}}"
    (folder / "main.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    return subprocess.run(command, cwd=folder, capture_output=True, timeout=60).returncode
