"""The numbers of docs/findings and of the README's captions that stand in no table, from the published rows.

    dvc pull --allow-missing && python -m docs.recounted

prints them in the words of the pages; a test asks whether the pages have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import paths
from pipeline.errors import InputError
from pipeline.experiments import experiment
from pipeline.results import rows
from pipeline.results.spectrum import cube, valley
from pipeline.results.statistics import select
from stages import cli

PROFILE = "published"
Phrases = Iterator[tuple[str, str]]  # page, words in it


def read(name: str, root: Path = Path()) -> pd.DataFrame:
    """The published rows of an experiment.

    Raises:
        InputError: they are not there, or damaged.
    """
    if not (path := root / paths.rows(PROFILE, name)).is_file():
        raise InputError(f"{path}: not there; `dvc pull --allow-missing` gets it")
    return rows.read(path, name, experiment(name).ROWS)


def spectra(table: pd.DataFrame) -> Phrases:
    """How deep the valley is, by how many values and at which epoch; what decays."""
    page = "docs/findings/spectra.md"
    sigma = select(table, phase="spectrum", measure="sigma", layer=1, activation="isotropic-tanh")
    values, _, epochs = cube(sigma)  # [R, E, n]
    last, generator = np.log10(values[:, -1]).ravel(), np.random.default_rng(0)
    drawn = [
        np.mean([valley(generator.choice(last, count, replace=False)) for _ in range(200)]) for count in (100, 400)
    ]
    yield (
        page,
        (
            f"it is {drawn[0]:.2f} of 100 values drawn at random from all {len(last):,}, {drawn[1]:.2f} of 400, "
            f"and {valley(last):.3f} of all"
        ),
    )
    depths = valley(np.log10(values)).mean(0)
    (deep,) = np.nonzero((depths > 0.5) & (epochs > 6))
    assert (np.diff(deep) == 1).all()
    pooled = valley(np.log10(values[:, 25]).ravel())
    yield (
        page,
        (
            f"{depths[1]:.2f} after one, {depths[6]:.2f} after 6, above 0.5 from the {deep[0]}th to the {deep[-1]}rd "
            f"(all {len(last):,}: {pooled:.2f} at the 25th), {depths[-1]:.2f} at the last"
        ),
    )
    for layer in (1, 2, 3):
        yield page, _map(table, layer)
    large = [100 * (values[:, epoch] > 150).mean() for epoch in (1, 14, -1)]
    yield page, "above 150: {:.0f} in 100 after one epoch, {:.0f} after 14, {:.0f} at the end".format(*large)
    first, final = np.sort(values[:, 1]), np.sort(values[:, -1])
    decile = np.exp(np.log(np.quantile(final, 0.1, axis=1) / np.quantile(first, 0.1, axis=1)).mean())
    yield (
        page,
        (
            f"{100 * (final < 0.8 * first).mean():.0f} of 100 values by more than a fifth, "
            f"the lower decile to {decile:.2f}"
        ),
    )


def _map(table: pd.DataFrame, layer: int) -> str:
    """The line of a map: its lower quartile after the last epoch, over that after the first and over the start."""

    def quartile(activation: str, epoch: int) -> float:
        known = select(table, phase="spectrum", measure="sigma", layer=layer, activation=activation)
        values, _, _ = cube(known)  # [R, E, n]
        low = np.log(np.quantile(values, 0.25, axis=-1))
        return float(np.exp((low[:, -1] - low[:, epoch]).mean()))

    cells = [f"{quartile(each, epoch):.2f}" for each in ("isotropic-tanh", "tanh") for epoch in (1, 0)]
    return f"| {layer} | {' | '.join(cells)} |"


def learning_rates(table: pd.DataFrame) -> Phrases:
    """What each activation loses at sixteen times its own best rate; rates are a factor of four apart."""
    ends = select(table, epoch=int(table["epoch"].max()))

    def at(measure: str, activation: str, width: int) -> Sequence[float]:
        own = select(ends, measure=measure, activation=activation, hidden_width=width)
        return own.groupby("learning_rate")["value"].mean().to_list()

    def lost(*of: Any) -> float:
        best, accuracies = int(np.argmax(at("validation_accuracy", *of))), at("test_accuracy", *of)
        return accuracies[best] - accuracies[best + 2]

    isotropic, standard = ([lost(each, width) for width in (8, 32)] for each in ("isotropic-tanh", "tanh"))
    yield (
        "docs/findings/learning_rates.md",
        (
            f"at sixteen times its own best it loses {isotropic[0]:.1f} and {isotropic[1]:.1f} points "
            f"(8 and 32 neurons), standard tanh {standard[0]:.1f} and {standard[1]:.1f}"
        ),
    )


def task_schedule(table: pd.DataFrame) -> Phrases:
    """Where singular values lie when tasks go, and what adapting gives by task."""
    page = "docs/findings/task_schedule.md"

    def layers(measure: str) -> Sequence[float]:
        known = select(table, widths="adaptive", epoch=450, measure=measure)
        return known.groupby("layer", observed=True)["value"].mean().to_list()

    yield page, "above {:.2f}, {:.2f} and {:.2f} when tasks go".format(*layers("sigma_median"))
    (below,) = {round(width - above) for width, above in zip(layers("width"), layers("sigma_above"), strict=True)}
    yield page, f"all values but those of the {below} scaffold neurons are above the threshold"

    def accuracy(kind: str, epoch: int) -> pd.Series:
        known = select(table, widths=kind, epoch=epoch, measure="test_accuracy")
        return known.groupby("task", observed=True)["value"].mean()

    gain = accuracy("adaptive", 450) - accuracy("static, equal cost", 450)
    yield (
        page,
        _minus(
            f"Fashion-MNIST {gain['fashion-mnist']:+.2f}, MNIST {gain['mnist']:+.2f}, letters {gain['letters']:+.2f}"
        ),
    )
    loss = select(table, epoch=450, measure="test_loss").astype({"value": float})
    mean = loss.groupby("widths", observed=True)["value"].mean()
    less = [mean[f"static{kind}"] - mean["adaptive"] for kind in ("", ", equal size", ", equal cost")]
    words = (
        "by {:.2f} nats of the twins of the same first widths, {:.2f} of those of equal size, {:.2f} of equal cost"
    )
    yield page, words.format(*less)
    end = accuracy("adaptive", 600)
    yield page, f"MNIST {end['mnist']:.1f} %, letters {end['letters']:.1f} %"


def invariance(table: pd.DataFrame) -> Phrases:
    """What length and ψ are worth, by how many neurons go, and what is left of the accuracy."""
    page = "docs/findings/corrections.md"
    adapted = select(table, phase="adapted", precision="float32", ablation=None)

    def of(measure: str, data: str, length: str, psi: str, change: int) -> pd.Series:
        own = select(adapted, measure=measure, data=data, intrinsic_length=length, compensation=psi, change=change)
        return own.set_index("repeat")["value"].astype(float)

    def ratio(one: tuple[str, str], other: tuple[str, str], change: int) -> float:
        first, second = (of("epsilon", "cifar10", *each, change) for each in (one, other))
        return float(np.exp(np.log(first / second).mean()))

    constant = ("trainable", "constant")
    psi = [ratio(("trainable", "none"), constant, each) for each in (-1, -75)]
    length = [ratio(("none", "trainable+decay"), ("constant", "trainable+decay"), each) for each in (-1, -75)]
    yield page, f"without ψ / with it is {psi[0]:.0f} at one neuron and {psi[1]:.1f} at 75"
    yield page, f"without length / with it {length[0]:.1f} and {length[1]:.1f}"
    (usual,) = {f"{ratio(('trainable', 'expectation'), constant, each):.1f}" for each in (-25, -50, -75)}
    yield page, f"ψ is worth a factor of {usual} from 25 neurons on"
    with_, without = (of("epsilon", "cifar10", "trainable", psi, -75).mean() for psi in ("trainable+decay", "none"))
    yield "README.md", f"pruning 75 of 100 neurons by {with_:.3f} with ψ, and by {without:.3f} without it"
    for data, words in (
        ("cifar10", "takes accuracy from {:.2f} to {:.2f} %"),
        ("cifar100", "from {:.2f} to {:.2f} %"),
    ):
        # Adding neurons leaves the accuracy as it was, on these data to the last image but one.
        ends = (of("accuracy", data, "trainable", "trainable+decay", change).mean() for change in (75, -75))
        yield "README.md", words.format(*ends)


def abundance(table: pd.DataFrame) -> Phrases:
    """The pairs of widths at the ends, beside networks that always had the end width."""
    ends = select(table, measure="test_accuracy", epoch=100)
    mean = ends.pivot_table(index="start", columns="end", values="value", observed=True)
    apart = mean - np.diag(mean)
    grown, pruned = apart.loc[[7, 10], [75, 100]].to_numpy(), apart.loc[25:, [7, 10]].to_numpy()
    yield "README.md", f"networks are {grown.min():.1f} to {grown.max():.1f} points better than wide from the start"
    yield "README.md", f"they are {-pruned.max():.1f} to {-pruned.min():.1f} worse than narrow from the start"


def sparsification(table: pd.DataFrame) -> Phrases:
    """How much smaller and faster the sparse form is, over numbers of hidden layers."""
    known = select(table, data="cifar10")

    def by_depth(measure: str, **which: Any) -> pd.Series:
        own = select(known, measure=measure, **which).astype({"value": float})
        return own.groupby("hidden_layers", observed=True)["value"].mean()

    fewer = by_depth("percent_exact")
    yield "README.md", f"the sparse form has {fewer.min():.0f} to {fewer.max():.0f} % fewer parameters"
    less = 100 * (1 - by_depth("latency_ratio", batch=1024))
    yield "README.md", f"takes {less.min():.0f} to {less.max():.0f} % less time for 1,024 images"


def other_methods(table: pd.DataFrame) -> Phrases:
    """What pruning to 50 or 25 neurons costs at once, and the accuracy after further training."""
    at_once = select(table, measure="delta_accuracy", precision="float32")
    last = select(table, measure="test_accuracy", epoch=int(table["epoch"].max()))

    def means(rows: pd.DataFrame, method: str) -> list[str]:
        return [f"{abs(select(rows, method=method, end=end)['value'].mean()):.1f}" for end in (50, 25)]

    (own,), other = set(means(at_once, "isotropic pruning")), means(at_once, "magnitude")
    yield (
        "README.md",
        f"costs {own} points at once, where pruning standard tanh by magnitude costs {' or '.join(other)}",
    )
    ends = (" and ".join(means(last, method)) for method in ("isotropic pruning", "magnitude"))
    yield "README.md", "they have {} %, against {} %".format(*ends)


def tanh_comparison(table: pd.DataFrame) -> Phrases:
    """When accuracies on CIFAR-10 and CIFAR-100 are best, what is lost from there on, and with depth."""
    page = "docs/findings/tanh_comparison.md"

    def curves(data: str, activation: str) -> pd.DataFrame:
        own = select(table, measure="test_accuracy", data=data, activation=activation).astype({"value": float})
        return own.pivot_table(index="hidden_layers", columns="epoch", values="value", observed=True)

    for data, name, losing in (
        ("cifar10", "CIFAR-10", "loses {:.1f} to {:.1f} points from there to the 50th"),
        ("cifar100", "CIFAR-100", "losing {:.1f} to {:.1f} points"),
    ):
        standard, isotropic = curves(data, "tanh"), curves(data, "isotropic-tanh")
        best = standard.max(axis="columns")
        yield page, "at epochs {}, {}, {} and {}".format(*standard.idxmax(axis="columns"))
        lost = best - standard[50]
        yield page, losing.format(lost.min(), lost.max())
        ahead = isotropic.max(axis="columns") - best
        yield page, _minus("{:+.2f}, {:+.2f}, {:+.2f} and {:+.2f}".format(*ahead)) + f" on {name}"
    errors = {
        data: [100 - curves(data, each)[50].mean() for each in ("isotropic-tanh", "tanh")]
        for data in ("fashion-mnist", "mnist")
    }
    fashion, mnist = (own / other for own, other in errors.values())
    yield page, f"{fashion:.2f} times as many errors as standard tanh, on MNIST {mnist:.2f} times"
    gains = {data: curves(data, "isotropic-tanh")[50] for data in ("mnist", "fashion-mnist", "cifar10")}
    gained = [curve[5] - curve[2] for curve in gains.values()]
    yield page, f"on the others it gains {min(gained):.1f} to {max(gained):.1f}"
    deep = {each: curves("cifar100", each)[50] for each in ("isotropic-tanh", "tanh")}
    own, other = (curve[2] - curve[5] for curve in deep.values())
    yield page, f"isotropic tanh loses {own:.1f} points, where standard tanh loses {other:.1f}"
    for data, digits in (("mnist", 3), ("cifar100", 2)):
        loss = select(table, measure="train_loss", data=data, hidden_layers=2, epoch=50).astype({"value": float})
        means = loss.groupby("activation", observed=True)["value"].mean()
        yield page, f"{means['isotropic-tanh']:.{digits}f} against {means['tanh']:.{digits}f}"


def timing(table: pd.DataFrame) -> Phrases:
    """Seconds of a part of an epoch, over epochs with and without testing."""
    page = "docs/findings/timing.md"

    def seconds(measure: str, adaptation: str) -> float:
        return float(select(table, measure=measure, adaptation=adaptation)["value"].mean())

    yield page, f"| pruning a neuron | {seconds('adapting_seconds', 'prune'):.3f} s |"
    yield page, f"| growing a neuron | {seconds('adapting_seconds', 'grow'):.3f} s |"
    pruned, grown, none = (seconds("training_seconds", each) for each in ("prune", "grow", "none"))
    yield page, f"({pruned:.2f} s with pruning, {grown:.2f} s with growing) than without ({none:.2f} s)"


def _minus(text: str) -> str:
    return re.sub(r"-(?=\d)", "\N{MINUS SIGN}", text)


def phrases(root: Path = Path()) -> Phrases:
    """All of them, from the rows in a clone."""
    for of in (
        tanh_comparison,
        spectra,
        learning_rates,
        task_schedule,
        invariance,
        abundance,
        sparsification,
        other_methods,
        timing,
    ):
        yield from of(read(of.__name__, root))


if __name__ == "__main__":
    with cli.clear_errors():
        for page, words in phrases():
            print(f"{page}: {words}")
