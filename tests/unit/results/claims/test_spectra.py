"""stratified-spectra: what is measured of made spectra, when it is not judged, and the outcomes of known worlds."""

from __future__ import annotations

from collections.abc import Sequence

import made_rows
import numpy as np
import pandas as pd
import pytest

from pipeline.experiments.spectra import ROWS, STANDARD
from pipeline.results.claims import criteria, spectra
from pipeline.results.claims.base import Basis, Context, Criterion, Values, judge
from pipeline.results.rows import frame
from pipeline.results.spectrum import FLOOR, valley

ISOTROPIC = "trainable, trainable+decay"
BASIS = Basis("CIFAR-10", "3072-32-10", networks=16, repeats=8, epochs=2, same_as_paper=False)
CIFAR = Context(made_rows.settings("spectra"), {"cifar10": "cifar10"}, chance=10.0)
REPEATS = 8
EVEN = np.linspace(0.5, -0.5, 32)  # log10: one bulk
FEW = np.concatenate([[1.6, 1.55, 1.5], np.linspace(0.5, -0.5, 29)])  # three apart from it
BY_PART = {criterion.part: criterion for criterion in criteria.SPECTRA}
START = np.zeros(32)
Course = Sequence[np.ndarray]  # log10 sigma [n], descending, by epoch
ISOTROPIC_COURSE, STANDARD_COURSE = (START, FEW, FEW - 0.3), (START, EVEN, EVEN)


def made(
    isotropic: Course = ISOTROPIC_COURSE,
    standard: Course = STANDARD_COURSE,
    repeats: int = REPEATS,
    noise: float = 0.01,
    other_map: float = 1.0,
) -> pd.DataFrame:
    """Spectra of map 1, of repeats that are apart by `noise` decades, and of map 2, their logarithms to a power."""
    random = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for label, course in ((ISOTROPIC, isotropic), (STANDARD, standard)):
        for repeat in range(repeats):
            for epoch, logs in enumerate(course):
                own = logs + noise * random.normal() * (epoch > 0)
                who = {"experiment": "spectra", "data": "cifar10", "network": "3072-32-10", "configuration": label}
                place = who | {"repeat": repeat, "epoch": epoch, "phase": "spectrum", "measure": "sigma"}
                for layer, power in ((1, 1.0), (2, other_map)):
                    values = enumerate(10.0 ** (np.sign(own) * np.abs(own) ** power))
                    rows += [place | {"layer": layer, "index": index, "value": value} for index, value in values]
    return frame(rows, ROWS)


def outcome(part: str, rows: pd.DataFrame, context: Context = CIFAR) -> tuple[str, str]:
    found = judge(BY_PART[part], rows, context, BASIS)
    return found.outcome, found.reason


def only(values: Values) -> list[float]:
    """The values of the only cell, by repeat."""
    assert values["cell"].nunique() == 1
    return [float(value) for value in values.sort_values("repeat")["value"]]


def test_valleys_are_those_of_each_activation() -> None:
    rows = made(repeats=2)
    deep, none = float(valley(FEW)), float(valley(EVEN))
    assert deep > 0.9 and none < 0.01
    assert only(spectra.groups(rows, CIFAR)) == pytest.approx([deep, deep])
    assert only(spectra.bulk(rows, CIFAR)) == pytest.approx([none, none])
    swapped = made(STANDARD_COURSE, ISOTROPIC_COURSE, repeats=2)
    assert only(spectra.groups(swapped, CIFAR)) == pytest.approx([none, none])
    assert only(spectra.bulk(swapped, CIFAR)) == pytest.approx([deep, deep])
    undone = made((START, FEW, EVEN), repeats=2)
    assert only(spectra.groups(undone, CIFAR)) == pytest.approx([none, none])


def test_decay_is_of_the_lower_quartile_from_the_first_epoch_and_from_the_start() -> None:
    rows = made((START, EVEN + 1, EVEN + 0.2, EVEN - 0.1), repeats=2, noise=0)
    assert only(spectra.decay(rows, CIFAR)) == pytest.approx([-1.1, -1.1])
    quartile = np.quantile(EVEN, 0.25) - 0.1
    assert only(spectra.from_start(rows, CIFAR)) == pytest.approx([quartile, quartile])


def test_a_factor_common_to_both_ends_changes_no_ratio_and_one_of_an_end_does() -> None:
    rows = made(noise=0, repeats=3)
    first, late = rows["repeat"] == 0, rows["epoch"] > 0
    both = rows.assign(value=rows["value"].where(~first, 7 * rows["value"]))
    for estimand in (spectra.decay, spectra.from_start):
        assert only(estimand(both, CIFAR)) == pytest.approx(only(estimand(rows, CIFAR)))
    one = rows.assign(value=rows["value"].where(~(first & (rows["epoch"] == 2)), 10 * rows["value"]))
    assert only(spectra.decay(one, CIFAR)) == pytest.approx([0.7, -0.3, -0.3])
    trained = rows.assign(value=rows["value"].where(~(first & late), 10 * rows["value"]))
    assert only(spectra.decay(trained, CIFAR)) == pytest.approx([-0.3] * 3)
    moved = np.subtract(only(spectra.from_start(trained, CIFAR)), only(spectra.from_start(rows, CIFAR)))
    assert moved == pytest.approx([1, 0, 0])


def test_likeness_is_of_isotropic_repeats_over_the_course() -> None:
    assert only(spectra.alike(made(noise=0, repeats=3), CIFAR)) == pytest.approx([1, 1, 1])
    flat = (START, np.array([1.0, -1.0]), np.array([1.0, -1.0]))
    rows = made(flat, flat, noise=0, repeats=2)
    second = (rows["repeat"] == 1) & (rows["epoch"] > 0)
    apart = rows.assign(value=rows["value"].where(~second, rows["value"] * 10**0.5))
    assert only(spectra.alike(apart, CIFAR)) == pytest.approx([0.75, 0.75])  # 1 - 0.5^2 / 1^2


@pytest.mark.parametrize("estimand", [spectra.groups, spectra.bulk, spectra.decay, spectra.from_start, spectra.alike])
def test_other_maps_are_not_judged_and_no_rows_have_no_values(estimand: object) -> None:
    assert callable(estimand)
    rows = made(other_map=0.3)
    assert only(estimand(rows, CIFAR)) == only(estimand(made(), CIFAR))
    swapped = rows.assign(layer=3 - rows["layer"])
    assert only(estimand(swapped, CIFAR)) != pytest.approx(only(estimand(rows, CIFAR)))
    assert estimand(made().iloc[:0], CIFAR).empty


def test_a_spectrum_with_a_value_that_is_missing_has_no_number() -> None:
    rows = made(repeats=2)
    lost = rows.assign(value=rows["value"].mask((rows["repeat"] == 0) & (rows["index"] == 3)))
    for estimand in (spectra.groups, spectra.bulk, spectra.decay):
        first, second = only(estimand(lost, CIFAR))
        assert np.isnan(first) and np.isfinite(second)


def test_unfit() -> None:
    assert spectra.unfit(made(), CIFAR) == ""
    slower = Context(made_rows.settings("spectra", learning_rate=0.01), CIFAR.sources, 10.0)
    assert spectra.unfit(made(), slower) == "out of scope: the claim is of a learning rate of 0.05; here: 0.01"
    few = made([course[:31] for course in ISOTROPIC_COURSE])
    assert spectra.unfit(few, CIFAR) == "map 1 has 31 singular values; groups are told apart from 32 on"
    assert spectra.unfit(made(ISOTROPIC_COURSE[:2], STANDARD_COURSE[:2]), CIFAR) == "one epoch alone has no course"
    still = made(standard=(START, START, START), noise=0.001)
    assert spectra.unfit(still, CIFAR).startswith("training moved no singular value of standard tanh: at most 0.00")


@pytest.mark.parametrize("criterion", criteria.SPECTRA, ids=lambda each: each.part)
def test_needs_and_scope(criterion: Criterion) -> None:
    needed = criterion.repeats()
    assert 2 <= needed <= REPEATS
    assert outcome(criterion.part, made(repeats=needed))[0] == "reproduced"
    fewer = outcome(criterion.part, made(repeats=needed - 1))
    assert fewer == ("not judged", f"{needed - 1} repeats; {needed} are needed to tell")
    digits = Context(CIFAR.settings, {"digits": "digits"}, 10.0)
    said = "out of scope: the claim is of CIFAR-10 at a learning rate of 0.05; here: digits"
    assert outcome(criterion.part, made(), digits) == ("not judged", said)
    rows = made_rows.diverged(made(repeats=10), 2, configuration=ISOTROPIC, repeat=0)
    rows = made_rows.diverged(rows, 2, configuration=STANDARD, repeat=0)
    assert outcome(criterion.part, rows)[0] == "reproduced"  # a tenth
    rows = made_rows.diverged(rows, 2, configuration=STANDARD, repeat=1)
    assert outcome(criterion.part, rows) == ("not judged", "3 of 20 networks diverged")


def test_the_opposite_is_contradicted() -> None:
    swapped = made(STANDARD_COURSE, ISOTROPIC_COURSE)
    assert outcome("a few large values apart", swapped)[0] == "contradicted"
    assert outcome("standard tanh one bulk", swapped)[0] == "contradicted"
    growing = made((START, FEW, FEW + 1.0))
    assert outcome("decay", growing)[0] == outcome("below the start", growing)[0] == "contradicted"
    assert outcome("repeats evolve alike", made(noise=1.0))[0] == "contradicted"


def test_a_bulk_that_falls_after_a_rise_but_not_below_its_start() -> None:
    rows = made((START, FEW + 2, FEW + 1))
    assert outcome("decay", rows)[0] == "reproduced"
    assert outcome("below the start", rows)[0] == "contradicted"


def test_a_course_without_an_effect_is_not_reproduced() -> None:
    same = made((START, EVEN, EVEN))
    assert outcome("a few large values apart", same)[0] == "contradicted"
    assert outcome("decay", same)[0] == "contradicted"
    mixed = pd.concat([made()[lambda rows: rows["repeat"] < 4], same[same["repeat"] >= 4]])
    assert outcome("a few large values apart", mixed)[0] == "inconclusive"


def test_zeros_are_of_the_size_of_the_floor() -> None:
    rows = made((START, FEW, np.concatenate([FEW[:16], np.full(16, -20.0)])), repeats=2)
    assert only(spectra.from_start(rows, CIFAR)) == pytest.approx([np.log10(FLOOR)] * 2)
