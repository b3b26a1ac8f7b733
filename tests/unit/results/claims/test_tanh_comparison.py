"""What is judged on `tanh_comparison`: numbers of made rows, and outcomes of made worlds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.tanh_comparison import ROWS, STANDARD
from pipeline.results.claims.base import Basis, Context, Verdict, judge
from pipeline.results.claims.criteria import of
from pipeline.results.claims.tanh_comparison import (
    DATA,
    ahead,
    final,
    isotropic_loses_less,
    nothing_lost,
    outside,
    standard_loses,
)
from pipeline.results.rows import frame

BASIS = Basis("all", "500 x 2", networks=1, repeats=4, epochs=2, same_as_paper=False)
OWN = "none, none"  # what isotropic tanh is called in rows
CLASSES = {"cifar100": 100, "caltech256": 257}
CLAIMED = {
    "cifar10": 3.0,
    "cifar100": 3.0,
    "caltech256": 3.0,
    "mnist": -0.5,
    "emnist-aj": -0.6,
    "fashion-mnist": -0.3,
}
CRITERIA = {each.part: each for each in of("tanh_comparison")}
DEPTH, WIDTH = "isotropic loses much less with depth", "isotropic loses much less with width"


def made(
    difference: Mapping[str, float] = CLAIMED,
    standard: tuple[float, float] = (3.0, 2.0),
    isotropic: tuple[float, float] = (0.5, 0.3),
    repeats: int = 4,
    noise: float = 0.0,
    seed: int = 0,
    widths: tuple[int, int] = (500, 1000),
) -> pd.DataFrame:
    """Mean accuracies `difference` apart on each data set; both activations lose as told with (depth, width)."""
    random, rows = np.random.default_rng(seed), []
    for data, apart in difference.items():
        for repeat in range(repeats):
            luck = random.normal()  # what the networks of a repeat have in common
            for label, lost in ((STANDARD, standard), (OWN, isotropic)):
                for layers in (2, 3, 4, 5):
                    for width in widths:
                        value = 60 + luck - lost[0] * (layers - 3.5) / 3 - lost[1] * ((width == widths[1]) - 0.5)
                        value += apart * (label == OWN) + noise * random.normal()
                        sizes = "-".join(map(str, [64, *[width] * layers, CLASSES.get(data, 10)]))
                        who = {"data": data, "network": sizes, "configuration": label, "repeat": repeat}
                        who |= {"hidden_width": width, "hidden_layers": layers}
                        place = {"phase": "training", "measure": "test_accuracy"}
                        rows += [who | place | {"epoch": e, "value": v} for e, v in ((1, 12.0), (2, value))]
    return frame(rows, ROWS)


def context(*names: str) -> Context:
    return Context(None, {name: name for name in names or DATA}, chance=10.0)


def which(rows: pd.DataFrame, **columns: object) -> pd.Series[bool]:
    mask = rows["epoch"] == 2
    for column, value in columns.items():
        mask &= rows[column] == value
    return mask.astype(bool)


def changed(rows: pd.DataFrame, by: float, **columns: object) -> pd.DataFrame:
    """`by` added to the final accuracies of which the columns have these values."""
    return rows.assign(value=rows["value"] + by * which(rows, **columns))


def diverging(rows: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """The networks of which the columns have these values diverged in the last epoch."""
    mask = which(rows, **columns)
    return rows.assign(**{name: rows[name].mask(mask, "diverged") for name in ("phase", "measure")}).astype(
        rows.dtypes
    )


def numbers(values: pd.DataFrame) -> list[float]:
    return [round(float(value), 9) for value in values.sort_values(["cell", "repeat"])["value"]]


def found(rows: pd.DataFrame, given: Context | None = None) -> dict[str, Verdict]:
    return {part: judge(each, rows, given or context(), BASIS) for part, each in CRITERIA.items()}


# estimands


def test_final_accuracy_is_that_of_the_last_epoch() -> None:
    assert len(final(made())) == 6 * 4 * 2 * 8 and (final(made())["value"] > 12).all()


def test_ahead_is_paired_within_repeat_and_architecture() -> None:
    rows = made(repeats=2)
    assert numbers(ahead("cifar10")(rows, context())) == [3.0, 3.0]
    assert numbers(ahead("mnist")(rows, context())) == [-0.5, -0.5]
    shared = changed(changed(rows, 5.0, data="cifar10", repeat=1), 7.0, hidden_layers=3)
    assert numbers(ahead("cifar10")(shared, context())) == [3.0, 3.0]
    one = changed(rows, 8.0, data="cifar10", repeat=1, configuration=STANDARD, hidden_layers=3, hidden_width=500)
    assert numbers(ahead("cifar10")(one, context())) == [3.0, 2.0]


def test_ahead_goes_by_the_source_of_data_and_not_by_its_name() -> None:
    named = Context(None, {"cifar10": "image-folder", "mnist": "cifar10"}, chance=10.0)
    assert numbers(ahead("cifar10")(made(repeats=1), named)) == [-0.5]


@pytest.mark.parametrize(("column", "loss", "less"), [("hidden_layers", 3.0, 1.0), ("hidden_width", 2.0, 0.7)])
def test_losses(column: str, loss: float, less: float) -> None:
    rows = made(repeats=2)
    assert numbers(standard_loses(column)(rows, context())) == [loss, loss]
    assert numbers(isotropic_loses_less(column)(rows, context())) == [less, less]
    shared = changed(rows, 5.0, data="cifar10", repeat=1)
    assert numbers(standard_loses(column)(shared, context())) == [loss, loss]
    assert numbers(isotropic_loses_less(column)(shared, context())) == [less, less]
    most = {"repeat": 1, column: rows[column].max()}
    lower = changed(rows, -1.0, configuration=STANDARD, **most)
    assert numbers(standard_loses(column)(lower, context())) == [loss, loss + 1]
    assert numbers(isotropic_loses_less(column)(lower, context())) == pytest.approx([less, less + 0.5])
    lower = changed(rows, -1.0, configuration=OWN, **most)
    assert numbers(standard_loses(column)(lower, context())) == [loss, loss]
    assert numbers(isotropic_loses_less(column)(lower, context())) == pytest.approx([less, less - 1])


def test_losses_are_of_the_paper_s_data_alone() -> None:
    rows = pd.concat([made(repeats=1), made({"digits": 0.0}, standard=(9.0, 9.0), repeats=1)])
    assert numbers(standard_loses("hidden_layers")(rows, context(*DATA, "digits"))) == [3.0]


def test_a_network_that_diverged_is_at_chance_of_its_data() -> None:
    rows = made({"cifar100": 3.0}, repeats=2)
    own = {"repeat": 1, "configuration": STANDARD, "hidden_layers": 3, "hidden_width": 500}
    before = rows.loc[which(rows, **own), "value"].iloc[0]
    (_, after) = numbers(ahead("cifar100")(diverging(rows, **own), context()))
    assert after == pytest.approx(3.0 + (before - 1.0) / 8)


def test_one_size_or_one_activation_gives_nothing() -> None:
    rows = made(repeats=2)
    one = rows[(rows["hidden_width"] == 500) & (rows["hidden_layers"] == 3)]
    for column in ("hidden_layers", "hidden_width"):
        assert standard_loses(column)(one, context()).empty and isotropic_loses_less(column)(one, context()).empty
        assert standard_loses(column)(rows.iloc[:0], context()).empty
    assert ahead("cifar10")(rows[rows["configuration"] == OWN], context()).empty


# scope


def test_outside() -> None:
    why = outside(["cifar10"])
    assert why(made(), context()) == ""
    assert why(made(), context("mnist", "digits")) == "out of scope: the claim is of CIFAR-10; here: digits, mnist"
    assert why(made(widths=(50, 500)), context()) == (
        "out of scope: the claim is of networks whose width of each hidden layer is 500 to 1000; here: 50, 500"
    )


def test_standard_tanh_that_loses_nothing_is_unfit() -> None:
    why = nothing_lost("hidden_width")
    assert why(made(), context()) == ""
    assert why(made(standard=(3.0, 0.4)), context()) == (
        "standard tanh loses 0.4 points, under 1: isotropic tanh could not lose much less"
    )
    assert why(made(), context("digits")).startswith("out of scope")


# outcomes


@pytest.mark.parametrize("seed", range(3))
def test_the_claimed_world_is_reproduced(seed: int) -> None:
    needed = max(each.repeats() for each in CRITERIA.values())
    rows = made(repeats=needed, noise=0.1, seed=seed)
    assert {part: each.outcome for part, each in found(rows).items()} == dict.fromkeys(CRITERIA, "reproduced")


@pytest.mark.parametrize("seed", range(3))
def test_the_world_without_is_not_reproduced(seed: int) -> None:
    none = dict.fromkeys(DATA, 0.0) | {"fashion-mnist": 2.0}
    outcomes = {part: each.outcome for part, each in found(made(none, (0, 0), (0, 0), noise=0.5, seed=seed)).items()}
    assert "reproduced" not in outcomes.values()
    assert outcomes[DEPTH] == outcomes[WIDTH] == "not judged", "there is nothing to lose less of"


def test_the_opposite_world_is_contradicted() -> None:
    opposite = {name: -difference for name, difference in CLAIMED.items()} | {"fashion-mnist": 3.0}
    outcomes = {part: each.outcome for part, each in found(made(opposite, noise=0.1)).items()}
    assert all(outcomes[words] == "contradicted" for words in DATA.values())
    outcomes = {part: each.outcome for part, each in found(made(isotropic=(3.0, 2.0), noise=0.1)).items()}
    assert outcomes[DEPTH] == outcomes[WIDTH] == "contradicted"
    gaining = found(made(standard=(-3.0, -2.0), noise=0.1))
    assert {gaining[f"standard loses with {word}"].outcome for word in ("depth", "width")} == {"contradicted"}
    assert gaining[DEPTH].outcome == "not judged" and gaining[DEPTH].reason.startswith("standard tanh loses -3.0")


def test_each_data_set_is_judged_where_it_is() -> None:
    some = found(made({"cifar10": 3.0, "digits": 3.0}, noise=0.1), context("cifar10", "digits"))
    assert some["CIFAR-10"].outcome == "reproduced"
    assert (some["MNIST"].outcome, some["MNIST"].reason) == (
        "not judged",
        "out of scope: the claim is of MNIST; here: cifar10, digits",
    )
    none = found(made({"digits": 3.0}, noise=0.1), context("digits"))
    assert {each.outcome for each in none.values()} == {"not judged"}


def test_more_than_a_tenth_diverged_or_too_few_repeats() -> None:
    stopped = found(diverging(made(noise=0.1), hidden_layers=5))
    assert {each.reason for each in stopped.values()} == {"96 of 384 networks diverged"}
    few = found(made(noise=0.1, repeats=2))["CIFAR-10"]
    assert (few.outcome, few.reason) == ("not judged", "2 repeats; 3 are needed to tell")
