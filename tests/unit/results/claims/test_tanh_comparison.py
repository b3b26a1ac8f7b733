"""The claims on `tanh_comparison`, on made-up accuracies: each verdict can come out each way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.tanh_comparison import ROWS
from pipeline.results.claims.base import Basis, Interval, Verdict
from pipeline.results.claims.tanh_comparison import DATA, HARDER, final, judge
from pipeline.results.rows import frame

ISOTROPIC, STANDARD = "none, none", "standard tanh"
BASIS = Basis("some data", "some widths", 1, 3, 2, same_as_paper=False)
AS_CLAIMED = {**dict.fromkeys(HARDER, 4.0), "mnist": -3.0, "emnist-aj": -3.0, "fashion-mnist": 0.0}


def made(
    ahead: Mapping[str, float] = AS_CLAIMED,
    standard: tuple[float, float] = (2.0, 3.0),
    isotropic: tuple[float, float] = (0.2, 0.2),
    layers: tuple[int, ...] = (2, 3, 5),
    repeats: int = 3,
    noise: float = 0.05,
) -> pd.DataFrame:
    """Accuracies `ahead` of standard tanh on each data set, with (depth, width) losses of both, from end to end."""
    random, rows = np.random.default_rng(0), []
    for data, difference in ahead.items():
        for repeat in range(repeats):
            luck = random.normal()  # shared by all networks of a repeat
            for label, lost in ((STANDARD, standard), (ISOTROPIC, isotropic)):
                for h in layers:
                    for width in (20, 40):
                        value = 70 + luck - lost[0] * (h - 3.5) / 3 - lost[1] * (width - 30) / 20
                        value += difference * (label == ISOTROPIC) + noise * random.normal()
                        who = {"data": data, "configuration": label, "repeat": repeat}
                        who |= {"network": f"{width} x {h}", "hidden_width": width, "hidden_layers": h}
                        place = {"phase": "training", "measure": "test_accuracy", "precision": "float32"}
                        rows += [who | place | {"epoch": e, "value": v} for e, v in ((1, 12.0), (2, value))]
    return frame(rows, ROWS)


def verdict(rows: pd.DataFrame, claim: str) -> Verdict:
    return next(found for found in judge(rows, ISOTROPIC, BASIS) if found.id == claim)


def test_final_accuracy_is_that_of_the_last_epoch() -> None:
    found = final(made())
    assert len(found) == 6 * 3 * 2 * 6 and (found["value"] > 12).all()


# harder-favours-isotropic


def test_differences_are_those_of_the_rows() -> None:
    found = verdict(made(), "harder-favours-isotropic")
    number = found.numbers["CIFAR-100: isotropic − standard (points)"]
    assert found.verdict == "reproduced"
    assert isinstance(number, Interval) and number.n == 3 and number.estimate == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("name", "ahead", "expected"),
    [
        ("cifar10", -0.5, "not reproduced"),
        ("mnist", 0.5, "not reproduced"),
        ("fashion-mnist", 0.9, "reproduced"),
        ("fashion-mnist", 1.5, "not reproduced"),
        ("fashion-mnist", -1.5, "not reproduced"),
    ],
)
def test_one_data_set_the_other_way(name: str, ahead: float, expected: str) -> None:
    assert verdict(made(AS_CLAIMED | {name: ahead}), "harder-favours-isotropic").verdict == expected


def test_a_difference_that_may_be_none_is_inconclusive() -> None:
    rows = made(AS_CLAIMED | {"cifar10": 0.0}, noise=2.0)
    assert verdict(rows, "harder-favours-isotropic").verdict == "inconclusive"


@pytest.mark.parametrize(("cifar10", "expected"), [(4.0, "inconclusive"), (-4.0, "not reproduced")])
def test_some_of_the_data_sets_can_refute_but_not_reproduce(cifar10: float, expected: str) -> None:
    found = verdict(made({"mnist": -3.0, "cifar10": cifar10}), "harder-favours-isotropic")
    assert found.verdict == expected
    assert found.numbers["not here and so not judged"] == "EMNIST A-J, Fashion-MNIST, CIFAR-100, Caltech-256"
    assert "not here and so not judged" not in verdict(made(), "harder-favours-isotropic").numbers


@pytest.mark.parametrize("name", DATA)
def test_with_any_one_missing_it_is_inconclusive(name: str) -> None:
    found = verdict(
        made({key: ahead for key, ahead in AS_CLAIMED.items() if key != name}), "harder-favours-isotropic"
    )
    assert found.verdict == "inconclusive"
    assert found.numbers["not here and so not judged"] == DATA[name]


def test_other_data_alone_decides_nothing() -> None:
    assert verdict(made({"digits": -3.0}), "harder-favours-isotropic").verdict == "inconclusive"


def test_other_data_is_shown_and_not_judged() -> None:
    found = verdict(made(AS_CLAIMED | {"digits": 9.0}), "harder-favours-isotropic")
    assert found.verdict == "reproduced"
    assert "digits: isotropic − standard (points, not judged)" in found.numbers
    assert set(DATA) == set(AS_CLAIMED)


# depth-hurts-standard


def test_losses_are_those_of_the_rows() -> None:
    found = verdict(made(), "depth-hurts-standard")
    assert found.verdict == "reproduced"
    expected = {
        "2 to 5 hidden layers: lost by standard tanh (points)": 2.0,
        "width 20 to 40: lost by standard tanh (points)": 3.0,
        "width 20 to 40: lost by isotropic tanh (points)": 0.2,
        "width 20 to 40: half the loss of standard − loss of isotropic (points)": 1.3,
    }
    for label, value in expected.items():
        number = found.numbers[label]
        assert isinstance(number, Interval) and number.n == 3 and number.estimate == pytest.approx(value, abs=0.1)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ({"standard": (-2.0, 3.0)}, "not reproduced"),  # gains with depth
        ({"standard": (2.0, -3.0)}, "not reproduced"),  # gains with width
        ({"isotropic": (1.5, 0.2)}, "not reproduced"),  # isotropic loses nearly as much
        ({"isotropic": (-2.0, -3.0)}, "reproduced"),  # isotropic gains
    ],
)
def test_losses_that_are_not_as_claimed(losses: dict[str, Any], expected: str) -> None:
    assert verdict(made(**losses), "depth-hurts-standard").verdict == expected


def test_what_cannot_be_told_is_inconclusive() -> None:
    for rows in (made(repeats=1), made(layers=(3,)), made(noise=30.0), made().iloc[:0]):
        assert [found.verdict for found in judge(rows, ISOTROPIC, BASIS)][1] == "inconclusive"


def test_each_data_set_is_shown_if_there_are_several() -> None:
    label = "2 to 5 hidden layers, MNIST: lost by standard tanh (points, not judged)"
    assert label in verdict(made(), "depth-hurts-standard").numbers
    assert label not in verdict(made({"mnist": -3.0}), "depth-hurts-standard").numbers


def test_a_missing_accuracy_decides_nothing() -> None:
    rows = made()
    rows.loc[(rows["epoch"] == 2) & (rows["repeat"] == 0), "value"] = np.nan
    assert {found.verdict for found in judge(rows, ISOTROPIC, BASIS)} == {"inconclusive"}
