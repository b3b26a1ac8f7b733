"""What all presenters share: the lines of their protocols, the words of their captions, and text that LaTeX knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import made_rows
import pytest
from pydantic import BaseModel, ValidationError

from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.reporting.presentation import Presentation, Setting
from pipeline.reporting.presenters import presenter
from pipeline.reporting.protocol import architectures, basis, common, data_line, mean_of, precisions, repeats
from pipeline.results.claims.criteria import of
from pipeline.results.provenance import DataSet


@pytest.fixture(scope="module", params=EXPERIMENTS)
def shown(request: pytest.FixtureRequest) -> tuple[str, Presentation]:
    name, settings = request.param, made_rows.SETTINGS[request.param]
    data = made_rows.described(*settings.data)
    return name, presenter(name).present(made_rows.rows(name), settings, data)


# As EXPERIMENTS has them, where they are not those common to all.
OWN = {
    "spectra": {"learning rate": "0.05"},
    "timing": {"learning rate": "0.08"},
    "width_transitions": {"learning rate": "0.08", "batch size": "24", "optimiser": "adam", "weight decay": "0"},
    "learning_rates": {"learning rate": "0.08", "batch size": "24", "optimiser": "adam", "weight decay": "0"},
    "task_schedule": {"batch size, of each task": "48"},
}
COMMON = {"batch size": "48", "optimiser": "adamw", "learning rate": "0.001", "weight decay": "0.001"}


def test_the_papers_training_is_the_protocols_end(shown: tuple[str, Presentation]) -> None:
    name, presentation = shown
    (part,) = presentation.parts
    lines = {setting.name: setting.paper for setting in part.protocol}
    assert len(lines) == len(part.protocol), "no line stands twice"
    known = COMMON | OWN.get(name, {})
    assert {key: lines[key] for key in known if key in lines} == {
        key: value for key, value in known.items() if key in lines
    }
    assert set(OWN.get(name, {})) <= set(lines)
    assert next(iter(lines)) in ("data", "tasks")
    assert list(lines).index("optimiser") >= len(lines) - 6


def test_claims_are_judged_on_the_networks_of_the_rows(shown: tuple[str, Presentation]) -> None:
    name, presentation = shown
    (part,) = presentation.parts
    members = made_rows.SETTINGS[name].cases() if name == "timing" else made_rows.SETTINGS[name].members()
    # 4 repeats of 4 pairs and 2 controls; of adaptive networks, twins and 2 controls.
    many = {"width_transitions": 4 * (4 + 2), "task_schedule": 4 * (2 + 2)}.get(name, len(members))
    assert part.basis.networks == many or not of(name)  # with nothing to judge it stands nowhere
    assert not all(setting.same for setting in part.protocol) and not part.basis.same_as_paper


def test_captions_are_words_that_latex_knows(shown: tuple[str, Presentation]) -> None:
    for table in (table for part in shown[1].parts for table in part.tables):
        assert table.latex().isascii(), [character for character in table.latex() if not character.isascii()]


def test_there_is_no_one_repeats_or_epochs(shown: tuple[str, Presentation]) -> None:
    name, _ = shown
    settings = made_rows.settings(name, repeats=1)
    (part,) = (
        presenter(name).present(made_rows.rows(name, settings), settings, made_rows.described(*settings.data)).parts
    )
    texts = [*(table.caption for table in part.tables), *(plot.caption for plot in part.plots)]
    legends = [legend.get_title().get_text() for plot in part.plots for legend in plot.figure.legends]
    assert texts and not any(
        f"1 {noun}s" in text for text in texts + legends for noun in ("repeat", "epoch", "neuron")
    )


def test_counts_of_repeats() -> None:
    rows = made_rows.rows("invariance")
    assert (repeats(rows), mean_of(rows)) == ("4 repeats", "mean of 4 repeats with 95% interval")
    fewer = rows[~((rows["configuration"] == "trainable, none") & (rows["repeat"] > 1))]
    assert repeats(fewer) == "2 to 4 repeats"
    assert (repeats(rows[rows["repeat"] == 0]), mean_of(rows[rows["repeat"] == 0])) == ("1 repeat", "1 repeat")


def test_a_data_set_is_the_papers_by_its_source() -> None:
    known = DataSet("mine", "cifar10", "images", 10, 5, 3072, 10, "sha256:0")
    other = DataSet("cifar10", "image-folder", "images", 10, 5, 3072, 10, "sha256:0")
    papers = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
    line = data_line(papers, known)
    assert (line.paper, line.here, line.same) == ("CIFAR-10, CIFAR-100", "CIFAR-10", True)
    assert not data_line(papers, other).same and data_line(papers, other).here.startswith("cifar10: images (10 + 5")


@pytest.mark.parametrize("name", ["invariance", "spectra", "abundance", "width_transitions", "tanh_comparison"])
def test_more_repeats_than_the_papers_are_no_departure(name: str) -> None:
    def line(repeats: int) -> Setting:
        settings = made_rows.settings(name, repeats=repeats)
        shown = presenter(name).present(made_rows.rows(name), settings, made_rows.described(*settings.data))
        return next(setting for setting in shown.parts[0].protocol if setting.name.startswith("repeats"))

    papers = int(line(2).paper)
    assert [line(papers + more).same for more in (-1, 0, 1)] == [False, True, True]


def test_common_lines_and_basis() -> None:
    settings, rows = made_rows.SETTINGS["invariance"], made_rows.rows("invariance")
    names = [setting.name for setting in common(settings, psi=False)]
    assert names == ["batch size", "optimiser", "learning rate", "weight decay", "matrix products of training"]
    assert [setting.name for setting in common(settings, growing=True)][5:] == [
        "decay of ψ, λ",
        "columns of new neurons",
    ]
    found = basis(rows, common(settings), "data", "network")
    assert (found.networks, found.repeats, found.epochs, found.same_as_paper) == (28, 4, 2, True)
    assert not basis(rows, common(settings, batch_size=24), "data", "network").same_as_paper
    assert architectures(made_rows.SETTINGS["tanh_comparison"]) == "2, 3 hidden layers of width 6, 8"


# Settings that have no line in an experiment's protocol, and why they are no departure from the paper's.
UNSAID = {
    ("every", "data"): "the data set itself has a line",
    ("every", "keep_networks"): "which networks are left, not how they are trained",
    ("timing", "repeats"): "there is one, and epochs are the repetitions",
    ("sparsification", "latency_batches"): "they are the lines of the table of latencies",
    ("sparsification", "latency_passes"): "of a time, not of a network; the captions say how many",
    ("components", "psi_decay"): "its networks have no ψ",
    ("components", "shown"): "how many pictures are drawn",
    ("learning_rates", "psi_decay"): "its networks have no ψ",
    ("tanh_comparison", "psi_decay"): "its networks have no ψ",
    ("width_transitions", "psi_decay"): "its networks have no ψ that decays",
}


def others(value: Any, annotation: Any) -> Iterator[Any]:
    """Other values of a setting: with each part of it changed, one at a time."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            for other in others(getattr(value, name), field.annotation):
                yield value.model_copy(update={name: other})
    elif isinstance(value, list):
        yield from ([other, *value[1:]] for other in others(value[0], annotation))
        if len(value) > 1:
            yield value[:-1]
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        for levels in literals(annotation):  # without levels it is a name
            yield from (level for level in levels if value in levels and level != value)
    elif value is None:
        yield next((levels[-1] for levels in literals(annotation)), 3)
    else:
        yield from (value + 1, type(value)(value / 2), type(value)(value + 0.5))


def literals(annotation: Any) -> Iterator[tuple[str, ...]]:
    """The levels of all texts within a type."""
    within = get_args(annotation)
    if within and all(isinstance(each, str) for each in within):
        yield within
    for each in within:
        yield from literals(each)


def protocols(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings -> the lines of an experiment's protocol, from rows under its made settings."""
    module, base = presenter(name), made_rows.SETTINGS[name]
    rows, data = made_rows.rows(name), made_rows.described(*base.data)
    monkeypatch.setattr(module._Page, "tables", lambda self: ())  # which need not be there for other settings
    monkeypatch.setattr(module._Page, "plots", lambda self: ())
    if name == "tanh_comparison":
        monkeypatch.setattr(module._Page, "_table_7", lambda self: module.Table("", "", "", "", "", {}, [], 1))

    def lines(settings: Any) -> list[Setting]:
        return list(module.present(rows, settings, data).parts[0].protocol)

    return lines


def unsaid(name: str, lines: Any) -> set[str]:
    """The settings of an experiment that can be others without another protocol."""
    settings, found = made_rows.SETTINGS[name], set()
    before = lines(settings)
    for field, known in experiment(name).Settings.model_fields.items():
        if ("every", field) in UNSAID:
            continue
        value = getattr(settings, field)
        different = [other for other in others(value, known.annotation) if other != value]
        valid = [other for other in different if is_valid(settings, field, other)]
        tried = valid or different  # of what has one valid value alone a line must do, too
        assert tried, field
        if any(lines(settings.model_copy(update={field: other})) == before for other in tried):
            found.add(field)
    return found


def is_valid(settings: Any, field: str, value: Any) -> bool:
    try:
        type(settings).model_validate(settings.model_dump() | {field: value})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_setting_has_a_line_or_a_reason_for_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = {field for own, field in UNSAID if own == name}
    assert unsaid(name, protocols(name, monkeypatch)) == reasons, "and no reason is of a setting that has a line"


def test_a_setting_that_is_dropped_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    lines = protocols("invariance", monkeypatch)

    def without(settings: Any) -> list[Setting]:
        return [line for line in lines(settings) if line.name != "samples of the mean gain"]

    assert unsaid("invariance", without) - unsaid("invariance", lines) == {"expectation_samples"}


def test_captions_say_the_precision_of_rows_and_of_products(shown: tuple[str, Presentation]) -> None:
    def of(presentation: Presentation) -> tuple[list[str], bool]:
        (part,) = presentation.parts
        (products,) = [line.same for line in part.protocol if line.name == "matrix products of training"]
        return [each.caption for each in (*part.tables, *part.plots)], products

    name, presentation = shown
    captions, full = of(presentation)
    assert full and captions and not any("bf16" in caption for caption in captions)
    rows, settings = made_rows.rows(name), made_rows.SETTINGS[name].model_copy(update={"matmul": "bf16"})
    one = {*rows["precision"]} == {"float32"}  # an experiment with both selects by it
    if one:
        assert all("float32" in caption for caption in captions)
        swapped = {"float32": "float64", "float64": "float32"}
        rows = rows.assign(precision=rows["precision"].cat.rename_categories(swapped))
    others, full = of(presenter(name).present(rows, settings, made_rows.described(*settings.data)))
    assert not full and all(caption.endswith(" Trained with matrix products in bf16.") for caption in others)
    assert not one or all("float64" in caption and "float32" not in caption for caption in others)


def test_precisions_in_words() -> None:
    rows = made_rows.rows("invariance")
    assert precisions(rows) == "float32 and float64"
    assert precisions(rows[rows["precision"] == "float64"]) == "float64"
