"""What all presenters share: the lines of their protocols, the words of their captions, and text that LaTeX knows."""

from __future__ import annotations

import made_rows
import pytest

from pipeline.experiments import EXPERIMENTS
from pipeline.reporting.presentation import Presentation
from pipeline.reporting.presenters import presenter
from pipeline.reporting.protocol import architectures, basis, common, data_line, mean_of, repeats
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
    assert list(lines).index("optimiser") >= len(lines) - 5


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


def test_common_lines_and_basis() -> None:
    settings, rows = made_rows.SETTINGS["invariance"], made_rows.rows("invariance")
    names = [setting.name for setting in common(settings, psi=False)]
    assert names == ["batch size", "optimiser", "learning rate", "weight decay"]
    assert [setting.name for setting in common(settings, growing=True)][4:] == [
        "decay of ψ, λ",
        "columns of new neurons",
    ]
    found = basis(rows, common(settings), "data", "network")
    assert (found.networks, found.repeats, found.epochs, found.same_as_paper) == (28, 4, 2, True)
    assert not basis(rows, common(settings, batch_size=24), "data", "network").same_as_paper
    assert architectures(made_rows.SETTINGS["tanh_comparison"]) == "2, 3 hidden layers of width 6, 8"
