"""docs/rows.md, which says what rows mean, and the README's example of reading them."""

import re
from pathlib import Path

import made_rows
import pytest

from docs import rows as pages
from pipeline.experiments import experiment
from pipeline.results import rows
from pipeline.results.schema import Measure, Schema

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_experiments_declare() -> None:
    assert (ROOT / "docs/rows.md").read_text(encoding="utf-8") == pages.page(), "`make docs` writes it anew"


def test_another_declaration_makes_another_page(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pages.page()
    own = Schema({"lengths": "after an epoch"}, {"length": Measure("mean length of the logits", "parsec")})
    monkeypatch.setattr(experiment("spectra"), "ROWS", own)
    assert "| `length` | mean length of the logits | parsec |" in pages.page() and "parsec" not in before


def test_the_example_of_the_readme_makes_its_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```python\n(import pandas.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert len(block.strip().splitlines()) <= 10
    (path,) = re.findall(r'read_parquet\("(.*?)"', block)
    (tmp_path / path).parent.mkdir(parents=True)
    rows.write(made_rows.rows("pruning_order"), tmp_path / path)
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    assert (tmp_path / "order.png").stat().st_size > 10_000
