"""The two experiments that move widths, from rows to tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from pipeline.config import Configuration
from pipeline.experiments import abundance, width_transitions
from pipeline.reporting.experiments import abundance as abundance_report
from pipeline.reporting.experiments import width_transitions as transitions_report
from pipeline.reporting.pairs import heat_map
from pipeline.reporting.presentation import Part
from pipeline.reporting.style import COLOURS, styles
from pipeline.results.provenance import DataSet
from pipeline.results.rows import frame
from pipeline.results.schema import Schema

DIGITS = DataSet("digits", "digits", "a few digits", 10, 5, 64, 10, "sha256:0")
WIDTHS = (4, 8, 16)
COMMON: dict[str, Any] = {
    "data": ["digits"],
    "repeats": 2,
    "epochs": 4,
    "batch_size": 48,
    "optimiser": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 1e-3,
    "psi_decay": 0.1,
    "columns": "normal",
    "hidden_widths": list(WIDTHS),
}


def rows(schema: Schema, before: int, label: str, control: bool) -> pd.DataFrame:
    """Rows of either experiment: the final accuracy is 80 + end + start / 100 + repeat, of controls 20 less."""
    made: list[dict[str, object]] = []
    for repeat in range(2):
        for start in WIDTHS:
            for end in WIDTHS:
                for configuration in [label, "standard tanh"] if control and start == end else [label]:
                    who = {"data": "digits", "network": f"64-{start}-10", "configuration": configuration}
                    who |= {"start": start, "end": end, "repeat": repeat}
                    last = 80 + end + start / 100 + repeat - (20 if configuration != label else 0)
                    for epoch in range(before, 5):
                        place = {"phase": "training", "epoch": epoch, "measure": "test_accuracy"}
                        made.append(who | place | {"value": last - 10 * (4 - epoch)})
                    for measure in {"accuracy", "best_accuracy"} & set(schema.measures):
                        made.append(who | {"phase": "final", "epoch": 4, "measure": measure, "value": last})
            for configuration in [label, "standard tanh"] if before else []:
                who = {"data": "digits", "network": f"64-{start}-10", "configuration": configuration, "start": start}
                place = {"phase": "training", "measure": "test_accuracy", "repeat": repeat}
                made += [who | place | {"epoch": epoch, "value": 10.0 * epoch} for epoch in range(before + 1)]
    return frame((row | {"precision": "float32"} for row in made), schema)


@pytest.fixture(scope="module")
def moved() -> Part:
    configuration = Configuration(intrinsic_length="trainable", compensation="trainable+decay")
    settings = abundance.Settings(
        **COMMON, configuration=configuration, hidden_layers=2, epochs_at_start=1, epochs_at_end=1
    )
    table = rows(abundance.ROWS, 0, configuration.label, control=False)
    (part,) = abundance_report.present(table, settings, {"digits": DIGITS}).parts
    return part


@pytest.fixture(scope="module")
def transitions() -> Part:
    configuration = Configuration(intrinsic_length="trainable", compensation="expectation")
    settings = width_transitions.Settings(
        **COMMON, configuration=configuration, epochs_before=2, neurons_per_epoch=6, expectation_samples=10
    )
    table = rows(width_transitions.ROWS, 2, configuration.label, control=True)
    (part,) = transitions_report.present(table, settings, {"digits": DIGITS}).parts
    return part


def axes(part: Part, name: str) -> list[Axes]:
    (plot,) = [plot for plot in part.plots if plot.name == name]
    return plot.figure.axes


def test_table_2_is_start_by_end(moved: Part) -> None:
    (table,) = moved.tables
    assert [group.key for group in table.groups] == ["accuracy", "best_accuracy"]
    assert list(table.columns) == ["4", "8", "16"]
    cell = table.groups[0].rows[2].cells[0]  # from 16 to 4
    assert cell is not None and (cell.n, cell.mean) == (2, pytest.approx(80 + 4 + 0.16 + 0.5))


def test_the_controls_have_a_line_of_their_own(transitions: Part) -> None:
    (table,) = transitions.tables
    assert [row.label for row in table.groups[0].rows] == ["4", "8", "16", "standard tanh, static"]
    isotropic, control = table.groups[0].rows[1].cells[1], table.groups[0].rows[-1].cells[1]  # 8, static
    assert isotropic is not None and control is not None
    assert isotropic.n == control.n == 2
    assert isotropic.mean - control.mean == pytest.approx(20)


def test_bases_say_what_was_run(moved: Part, transitions: Part) -> None:
    assert moved.basis.scale == "64-n-n-10, from and to 4, 8, 16, 18 networks, 2 repeats, 4 epochs"
    assert transitions.basis.networks == 18 + 6
    assert not any(part.basis.same_as_paper for part in (moved, transitions))


def test_every_caption_of_a_page_ends_with_the_same_conditions(moved: Part, transitions: Part) -> None:
    for part, figures in ((moved, 2), (transitions, 3)):
        captions = [shown.caption for shown in (*part.tables, *part.plots)]
        ends = {caption[caption.index("Data digits, network 64-") :] for caption in captions}
        assert len(captions) == 1 + figures and len(ends) == 1 and ends.pop().endswith(", float32.")


@pytest.mark.parametrize(
    ("figure", "titles", "epochs"),
    [
        ("digits-figure-3", ["from width 4", "from width 8", "from width 16"], [2, 3, 4]),
        ("digits-figure-4", ["to width 4", "to width 8", "to width 16"], [2, 3, 4]),
        ("digits-figure-5", ["from width 4", "from width 8", "from width 16"], [1, 2]),
    ],
)
def test_figures_of_the_first_version(transitions: Part, figure: str, titles: list[str], epochs: list[int]) -> None:
    panels = axes(transitions, figure)  # three in two rows: the fourth place is empty, not an axis without data
    assert [ax.get_title(loc="left") for ax in panels] == titles
    assert list(np.asarray(panels[0].get_lines()[0].get_xdata())) == epochs


def test_figure_5_has_training_before_and_control_once_an_epoch(transitions: Part) -> None:
    lines = [np.asarray(line.get_xdata()).tolist() for line in axes(transitions, "digits-figure-5")[0].get_lines()]
    drawn = [epochs for epochs in lines if len(epochs) > 0 and epochs != [2, 2] and epochs != [0, 1]]
    assert [1, 2] in drawn and [1, 2, 3, 4] in drawn and drawn.count([2, 3, 4]) == 3
    (control,) = [line for line in axes(transitions, "digits-figure-5")[0].get_lines() if len(line.get_xdata()) == 4]
    # At epoch 2 it is that of the way to its own width, 84.54 - 20 - 20, without the 20 of the training before.
    assert np.asarray(control.get_ydata()).tolist() == pytest.approx([10.0, 44.54, 54.54, 64.54])


def test_heat_map_writes_every_number_and_leaves_gaps() -> None:
    means = pd.DataFrame({"start": [4, 4, 8], "end": [4, 8, 4], "mean": [1.0, -2.0, 3.0]})
    figure = heat_map({"accuracy": means, "difference": means}, [4, 8])
    written = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert written == [["1.0", "−2.0", "3.0", "–"], ["+1.0", "−2.0", "+3.0", "–"]]
    for ax in figure.axes:  # starts from bottom to top
        places = {text.get_text().lstrip("+"): tuple(text.get_position()) for text in ax.texts}
        assert places == {"1.0": (0.5, 0.5), "−2.0": (1.5, 0.5), "3.0": (0.5, 1.5), "–": (1.5, 1.5)}
        assert ax.get_ylim() == (0, 2) and [text.get_text() for text in ax.get_yticklabels()] == ["4", "8"]
    assert [bool(ax.get_ylabel()) for ax in figure.axes] == [True, False]


def test_zero_is_pale_where_squares_show_differences() -> None:
    means = pd.DataFrame({"start": [4, 4, 8], "end": [4, 8, 4], "mean": [0.0, -1.0, 4.0]})
    colours = [ax.collections[0].get_facecolors() for ax in heat_map({"first": means, "other": means}, [4, 8]).axes]
    assert colours[1][0, :3].min() > 0.9
    assert colours[1][1, 0] > colours[1][1, 2] and colours[1][2, 0] < colours[1][2, 2], "orange below, purple above"
    assert colours[0][0, :3].min() < 0.9, "in the first it is one number of others"


def test_numbers_on_squares_keep_their_colour_on_a_dark_page() -> None:
    means = pd.DataFrame({"start": [4, 4, 8], "end": [4, 8, 4], "mean": [0.0, 1.0, 9.0]})
    (ax,) = heat_map({"accuracy": means}, [4, 8]).axes
    inks = [str(text.get_color()) for text in ax.texts if text.get_text() != "–"]
    assert len(set(inks)) == 2, "light on dark squares, dark on light ones"
    # The page replaces these, the squares it does not.
    assert not {light for light, _ in COLOURS.values()} & set(inks)


def test_more_widths_than_styles_are_all_drawn() -> None:
    assert list(styles(range(9))) == list(range(9)) and styles(range(9))[8] == styles(range(9))[1]


def test_files_are_written(moved: Part, tmp_path: Path) -> None:
    for plot in moved.plots:
        plot.save(tmp_path)
    assert {path.name for path in tmp_path.glob("*.svg")} == {"digits-pairs.svg", "digits-training.svg"}
