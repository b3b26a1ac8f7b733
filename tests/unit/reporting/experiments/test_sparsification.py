"""Table 6 and the latencies, from made-up rows."""

from __future__ import annotations

import math

import made_rows
import pytest

from pipeline.reporting.experiments.sparsification import present
from pipeline.reporting.presentation import Part
from pipeline.reporting.tables import Group, Quantity

BATCH = made_rows.SETTINGS["sparsification"].latency_batches[0]


@pytest.fixture(scope="module")
def part() -> Part:
    rows = made_rows.rows("sparsification")
    (only,) = present(rows, made_rows.SETTINGS["sparsification"], made_rows.described("digits")).parts
    return only


def cells(group: Group, key: str) -> list[Quantity]:
    (row,) = [row for row in group.rows if row.key == key]
    return [cell for cell in row.cells if cell is not None]


def test_what_is_exact_is_written_without_a_spread_and_what_is_measured_with_one(part: Part) -> None:
    (removed,) = [group for group in part.tables[0].groups if group.key == "parameters removed (%)"]
    exact, measured = cells(removed, "exact, from the widths"), cells(removed, "measured, float32")
    assert len(exact) == len(measured) == len(part.tables[0].columns)
    assert all(math.isnan(cell.sd) and cell.n == 4 for cell in exact)
    assert all(cell.sd > 0 and cell.n == 4 for cell in measured)


def test_a_latency_is_of_its_batch_and_its_form(part: Part) -> None:
    first = part.tables[1].groups[0]
    assert first.key == f"batch {BATCH}" and first.heading == f"latency of batch {BATCH} (ms)"
    for form, milliseconds in (("dense", 2.0), ("sparse", 1.0)):
        found = cells(first, f"batch {BATCH} {form}")
        assert len(found) == len(part.tables[1].columns)
        assert all((cell.n, cell.mean) == (4, milliseconds) for cell in found), "n would be more of several batches"


def test_a_panel_for_each_width_and_a_line_for_what_was_measured(part: Part) -> None:
    removed, latency = part.plots
    widths = [f"width {width}" for width in made_rows.SETTINGS["sparsification"].hidden_widths]
    assert [ax.get_title(loc="left") for ax in removed.figure.axes] == widths
    legend = [text.get_text() for text in removed.figure.legends[0].get_texts()]
    assert legend == ["measured, float32", "exact, from the widths"]
    assert "Width 8, at 2: 10.0 for all." in removed.alt
    assert f"(batch {BATCH})" in latency.alt
