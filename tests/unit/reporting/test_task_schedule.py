"""How `task_schedule` is presented: the paper's Figure 3 and Table 5 from rows of any schedule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.task_schedule import ADAPTIVE, EQUAL_COST, EQUAL_SIZE, ROWS, STATIC, Settings
from pipeline.reporting.experiments.task_schedule import present
from pipeline.reporting.presentation import Presentation
from pipeline.reporting.presenters import headlines
from pipeline.results.provenance import DataSet
from pipeline.results.rows import frame
from pipeline.results.statistics import select, summarise

TASKS = ["one", "two"]
DATA = {name: DataSet(name, "digits", f"images {name}", 100, 40, 16, 10, "sha256:0") for name in TASKS}
SETTINGS = Settings.model_validate(
    {
        "data": TASKS,
        "repeats": 3,
        "epochs": 8,
        "batch_size": 48,
        "optimiser": "adamw",
        "learning_rate": 0.01,
        "weight_decay": 0.1,
        "psi_decay": 0.1,
        "configuration": {"intrinsic_length": "trainable", "compensation": "trainable+decay"},
        "layers": 3,
        "narrowest": 10,
        "widest": 20,
        "schedule": [{"epochs": 4, "active": ["one"]}, {"epochs": 4, "active": TASKS}],
        "train_samples": None,
        "test_samples": 30,
        "threshold": 0.95,
        "scaffold": 5,
        "columns": "normal",
    }
)


def made() -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for repeat in range(3):
        for kind in (ADAPTIVE, STATIC, EQUAL_SIZE, EQUAL_COST):
            for epoch in range(9):
                who: dict[str, object] = {"experiment": "task_schedule", "data": "one + two", "phase": "training"}
                who |= {"configuration": kind, "widths": kind, "repeat": repeat, "seed": repeat}
                who |= {"epoch": epoch, "precision": "float32"}
                for task in TASKS:
                    found = {"test_accuracy": 80 + epoch + random.normal(), "test_loss": 2.0 / (epoch + 1)}
                    rows += [who | {"task": task, "measure": m, "value": v} for m, v in found.items()]
                for layer in (1, 2, 3):
                    found = {"width": 12.0 + (epoch if kind == ADAPTIVE else 0) + repeat, "sigma_above": 7.0}
                    found |= {"sigma_median": 1.0, "sigma_largest": 2.0}
                    rows += [who | {"layer": layer, "measure": m, "value": v} for m, v in found.items()]
                rows.append(who | {"measure": "psi_norm", "value": 0.1 * epoch})
            spent = 1e6 * (1 + repeat) * {STATIC: 3.0, EQUAL_SIZE: 1.5}.get(kind, 1.0)
            rows.append(who | {"measure": "multiply_adds", "value": spent})
    return frame(rows, ROWS)


@pytest.fixture(scope="module")
def presentation() -> Presentation:
    return present(made(), SETTINGS, DATA)


def test_the_tasks_are_one_set_of_data_whose_files_need_no_name_of_it(presentation: Presentation) -> None:
    (part,) = presentation.parts
    assert (part.name, part.heading, part.data) == ("one-two", "one + two", ["one + two"])
    assert [table.name for table in part.tables] == ["table-5", "widths", "controls"]
    assert [plot.name for plot in part.plots] == ["figure-3", "behind-the-widths"]
    both = "one: images one (100 + 40 images, 10 classes); two: images two (100 + 40 images, 10 classes)"
    assert part.basis.data == both
    assert part.basis.network == "32-h1-h2-h3-20 with hidden widths from 10 to 20"


def test_table_5_is_the_schedule(presentation: Presentation) -> None:
    table, widths, _ = presentation.parts[0].tables
    labels = [row.label for row in table.groups[0].rows]
    assert labels == ["0–3: one", "4–7: one + two"]
    assert list(table.columns) == ["one, adaptive", "one, static", "two, adaptive", "two, static"]
    assert all(cell is not None and cell.n == 3 for row in table.groups[0].rows for cell in row.cells)
    assert [[cell.mean if cell else None for cell in row.cells] for row in widths.groups[0].rows] == [
        [13.0] * 3,
        [17.0] * 3,
        [21.0] * 3,
    ]


def test_controls_are_beside_adaptive_networks_and_twins(presentation: Presentation) -> None:
    table = presentation.parts[0].tables[2]
    assert list(table.columns) == [ADAPTIVE, STATIC, EQUAL_SIZE, EQUAL_COST]
    lines = {
        (group.key, row.key): [cell and cell.mean for cell in row.cells]
        for group in table.groups
        for row in group.rows
    }
    accuracy = select(made(), measure="test_accuracy", epoch=8)
    means = accuracy.groupby(["widths", "task"], observed=True)["value"].mean().unstack("task")
    for task in TASKS:
        assert lines["test accuracy (%)", task] == pytest.approx([means[task][kind] for kind in table.columns])
    over = [float(means.loc[kind].mean()) for kind in table.columns]
    assert lines["test accuracy (%)", "mean over tasks"] == pytest.approx(over)
    none, *ahead = lines["adaptive − static (percentage points)", "mean over tasks"]
    assert none is None and ahead == pytest.approx([over[0] - each for each in over[1:]])
    assert lines["width (neurons)", "sum over hidden layers"] == [63.0, 39.0, 39.0, 39.0]
    none, *spent = lines["multiply-adds of training", "over those of the adaptive network"]
    assert none is None and spent == pytest.approx([3.0, 1.5, 1.0])
    assert "[" in table.markdown().split("adaptive − static")[1].splitlines()[1], "differences with their intervals"


def test_figure_3_and_table_5_are_of_adaptive_networks_and_twins_alone(presentation: Presentation) -> None:
    twins = present(select(made(), widths=[ADAPTIVE, STATIC]), SETTINGS, DATA).parts[0]
    for before, now in zip(twins.tables[:2], presentation.parts[0].tables[:2], strict=True):
        assert before.csv() == now.csv()
    for before, now in zip(twins.plots, presentation.parts[0].plots, strict=True):
        assert before.alt == now.alt
        assert [len(ax.lines) for ax in before.figure.axes] == [len(ax.lines) for ax in now.figure.axes]


def test_figures_have_a_panel_for_every_layer_and_task(presentation: Presentation, tmp_path: Path) -> None:
    figure, behind = (plot.figure for plot in presentation.parts[0].plots)
    visible = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in visible] == [
        "hidden layer 1",
        "hidden layer 2",
        "hidden layer 3",
        *TASKS,
    ]
    thin = [line for line in visible[0].lines if line.get_linewidth() < 0.6]
    widths = [(12.0 + repeat + np.arange(9)).tolist() for repeat in range(3)]
    assert [np.asarray(line.get_ydata()).tolist() for line in thin] == widths, "a line per repeat"
    assert not visible[0].patches and len(visible[3].patches) == 2, "a band where there are no lines of repeats"
    assert [text.get_text() for text in visible[0].texts] == ["T1"]
    assert len([ax for ax in behind.axes if ax.get_visible()]) == 3 + 3 + 2 + 1
    for plot in presentation.parts[0].plots:
        plot.save(tmp_path)
        assert (tmp_path / f"{plot.name}.png").stat().st_size > 10_000
        assert "3 repeats" in plot.caption


def test_a_band_is_the_interval_that_tables_show(presentation: Presentation) -> None:
    ax = presentation.parts[0].plots[0].figure.axes[3]
    own = select(made(), measure="test_accuracy", task="one", configuration="adaptive")
    means = summarise(own, ["epoch"])
    corners = {tuple(corner) for corner in np.asarray(ax.patches[0].get_path().vertices).tolist()}
    assert corners == {
        *zip(means["epoch"], means["low"], strict=True),
        *zip(means["epoch"], means["high"], strict=True),
    }
    assert np.asarray(ax.lines[0].get_ydata()).tolist() == means["mean"].tolist()


def test_labels_are_at_the_left_and_below_the_lowest_of_a_column(presentation: Presentation) -> None:
    behind = presentation.parts[0].plots[1].figure
    visible = [ax for ax in behind.axes if ax.get_visible()]
    assert [bool(ax.get_ylabel()) for ax in visible] == [True, False, False] * 2 + [True, False, True]
    assert [ax.yaxis.get_tick_params()["labelleft"] for ax in visible] == [bool(ax.get_ylabel()) for ax in visible]
    assert [bool(ax.get_xlabel()) for ax in visible] == [False] * 5 + [True, False, True, True]


def test_the_protocol_says_what_differs(presentation: Presentation) -> None:
    same = {setting.name: setting.same for setting in presentation.parts[0].protocol}
    assert same["threshold θ"] and same["scaffold neurons Ξ"] and same["hidden layers"]
    assert not same["tasks"] and not same["schedule"] and not same["repeats"] and not same["test samples of a task"]
    basis = presentation.parts[0].basis
    assert not basis.same_as_paper
    assert basis.networks == 12


def test_headlines() -> None:
    found = headlines("task_schedule", made())["one + two"]
    assert found["width_start"] == 39
    assert found["width_end"] == 63
    assert set(found["accuracy_end"]) == {"adaptive", "static"}
