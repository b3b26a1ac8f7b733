"""What the claims on `task_schedule` measure, and what follows, on rows made so."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.random import Generator, default_rng

from pipeline.experiments.task_schedule import ADAPTIVE, EQUAL_COST, EQUAL_SIZE, ROWS, STATIC
from pipeline.results.claims import task_schedule as claims
from pipeline.results.claims.base import Basis, Context, Criterion, Verdict, judge
from pipeline.results.claims.criteria import of
from pipeline.results.claims.task_schedule import Phase, Removal, additions, fullest, phases, removals, two_groups
from pipeline.results.rows import frame
from tests.helpers.made_rows import diverged

BASIS = Basis("three tasks", "192-h1-h2-h3-30", networks=20, repeats=10, epochs=32, same_as_paper=False)
ENTRIES = [SimpleNamespace(epochs=8, active=list(active)) for active in ("a", "ab", "abc", "b")]
SOURCES = {"a": "mnist", "b": "fashion-mnist", "c": "emnist-aj"}
CONTEXT = Context(SimpleNamespace(schedule=ENTRIES, repeats=3), SOURCES, chance=10.0)
CRITERIA = {criterion.id: criterion for criterion in of("task_schedule")}
RISE, FALL, STABLE, TWINS, BIFURCATION, SIZE, COST = CRITERIA.values()

# Widths of a layer at some epochs. Tasks come at 8 and 16, and go at 24; 20 and 30 are within the last phases.
TOTALS = {0: 80.0, 8: 40.0, 16: 50.0, 20: 55.0, 24: 60.0, 30: 45.0, 32: 44.0}
Widths = Callable[[int, int, int], float]  # of epoch, repeat, layer
Accuracy = Callable[[str, int, str], float]  # of kind, repeat, task


def made(
    repeats: int = 3,
    width: Widths = lambda epoch, repeat, layer: TOTALS[epoch],
    accuracy: Accuracy = lambda kind, repeat, task: 90.0,
) -> pd.DataFrame:
    """Rows of adaptive networks of these widths, and of all accuracies when all tasks are active."""
    rows: list[dict[str, object]] = []
    for kind in (ADAPTIVE, STATIC, EQUAL_SIZE, EQUAL_COST):
        for repeat in range(repeats):
            who: dict[str, object] = {
                "experiment": "task_schedule",
                "data": "a + b + c",
                "network": "192-1..9-30",
                "configuration": kind,
            }
            who |= {"widths": kind, "repeat": repeat, "seed": repeat, "phase": "training"}
            for epoch in TOTALS:
                for layer in (1, 2, 3):
                    value = width(epoch, repeat, layer) if kind == ADAPTIVE else TOTALS[0]
                    rows.append(who | {"epoch": epoch, "layer": layer, "measure": "width", "value": value})
            for task in "abc":
                value = accuracy(kind, repeat, task)
                rows.append(who | {"epoch": 24, "task": task, "measure": "test_accuracy", "value": value})
            spent = 3e6 if kind in (STATIC, EQUAL_SIZE) else 1e6
            rows.append(who | {"epoch": 24, "measure": "multiply_adds", "value": spent})
    return frame(rows, ROWS)


def values(table: pd.DataFrame) -> dict[tuple[str, int], float]:
    """(cell, repeat) -> value."""
    return {(str(cell), int(repeat)): float(value) for cell, repeat, value in table.itertuples(index=False)}


def test_phases_of_a_schedule() -> None:
    own = phases(ENTRIES)
    assert own == [
        Phase(0, 8, frozenset("a")),
        Phase(8, 16, frozenset("ab")),
        Phase(16, 24, frozenset("abc")),
        Phase(24, 32, frozenset("b")),
    ]
    assert fullest(own) == own[2] and own[1].words == "epochs 8–15"
    assert additions(own) == own[1:3] and removals(own) == [Removal(8, own[3])]


def test_tasks_that_go_without_having_come_or_are_exchanged_are_no_removal() -> None:
    entries = [SimpleNamespace(epochs=1, active=list(active)) for active in ("abc", "ab", "ac", "abc", "a", "b")]
    own = phases(entries)
    assert additions(own) == [own[3]] and removals(own) == [Removal(3, own[4])]


def test_rise_is_of_total_widths_within_each_network() -> None:
    found = values(claims.rise(made(2), CONTEXT))
    once = {"epochs 8–15": math.log10(50 / 40), "epochs 16–23": math.log10(60 / 50)}
    assert found == pytest.approx({(cell, repeat): log for cell, log in once.items() for repeat in (0, 1)})
    scaled = made(2, lambda epoch, repeat, layer: TOTALS[epoch] * (1 + 4 * repeat) * layer)
    assert values(claims.rise(scaled, CONTEXT)) == pytest.approx(found), "a network's size is no part of it"
    grown = made(2, lambda epoch, repeat, layer: TOTALS[epoch] + 30 * (epoch == 16 and repeat == 1 and layer == 3))
    changed = {("epochs 8–15", 1): math.log10(180 / 120), ("epochs 16–23", 1): math.log10(180 / 180)}
    assert values(claims.rise(grown, CONTEXT)) == pytest.approx(found | changed)


def test_fall_is_what_is_lost_less_a_quarter_of_what_was_gained() -> None:
    share = 100 * (16 - 0.25 * 20) / 60
    assert values(claims.fall(made(1), CONTEXT)) == pytest.approx({("epochs 24–31", 0): share})
    kept = made(1, lambda epoch, repeat, layer: 60.0 if epoch == 32 else TOTALS[epoch])
    assert values(claims.fall(kept, CONTEXT)) == pytest.approx({("epochs 24–31", 0): -100 * 5 / 60})


def test_settling_is_over_the_last_quarter() -> None:
    assert values(claims.settling(made(1), CONTEXT)) == pytest.approx({("epochs 24–31", 0): math.log10(44 / 45)})
    falling = made(1, lambda epoch, repeat, layer: 50.0 if epoch == 30 else TOTALS[epoch])
    assert values(claims.settling(falling, CONTEXT)) == pytest.approx({("epochs 24–31", 0): math.log10(44 / 50)})


def test_advantage_is_paired_by_repeat_and_averaged_over_tasks() -> None:
    more = {"a": 0.0, "b": 0.3, "c": 0.9}
    found = values(
        claims.advantage(made(accuracy=lambda kind, repeat, task: 90 + more[task] * (kind == ADAPTIVE)), CONTEXT)
    )
    assert found == pytest.approx({("mean over tasks", repeat): 0.4 for repeat in range(3)})
    luck = made(accuracy=lambda kind, repeat, task: 90 - 7 * repeat + more[task] * (kind == ADAPTIVE))
    assert values(claims.advantage(luck, CONTEXT)) == pytest.approx(found), "what both twins share changes nothing"
    alone = made(accuracy=lambda kind, repeat, task: 90 + (more[task] - 7 * repeat) * (kind == ADAPTIVE))
    assert values(claims.advantage(alone, CONTEXT))["mean over tasks", 1] == pytest.approx(-6.6)


@pytest.mark.parametrize("epoch", [24, 30])  # before its accuracy counts, or later
def test_advantage_counts_networks_that_diverged_at_chance_where_rows_have_them(epoch: int) -> None:
    rows = diverged(made(), epoch, repeat=1, widths=ADAPTIVE)
    assert values(claims.advantage(rows, CONTEXT))["mean over tasks", 1] == pytest.approx(10 - 90)


@pytest.mark.parametrize(("criterion", "control"), [(SIZE, EQUAL_SIZE), (COST, EQUAL_COST)], ids=["size", "cost"])
def test_each_question_is_of_its_own_control(criterion: Criterion, control: str) -> None:
    random = default_rng(0)
    luck = random.normal(90, 1, 10)

    def outcome(better: str) -> str:
        """The answer where networks of a kind are a point better than all others."""
        rows = made(10, accuracy=lambda kind, repeat, task: float(luck[repeat]) + (kind == better))
        return str(verdict(criterion, rows).outcome)

    found = {kind: outcome(kind) for kind in (ADAPTIVE, STATIC, EQUAL_SIZE, EQUAL_COST)}
    assert found == {kind: "no" for kind in found} | {ADAPTIVE: "yes"}, "equal ones are not ahead"
    behind = values(criterion.values(made(3, accuracy=lambda kind, *_: 90.0 + (kind == control)), CONTEXT))
    assert behind == {("mean over tasks", repeat): -1.0 for repeat in range(3)}
    another = made(3, accuracy=lambda kind, *_: 90.0 + (kind not in (ADAPTIVE, control)))
    assert set(values(criterion.values(another, CONTEXT)).values()) == {0.0}


def test_what_has_no_control_is_left_out_and_a_control_that_diverged_is_at_chance() -> None:
    rows = made()
    without = rows[~((rows["repeat"] == 1) & (rows["widths"] == EQUAL_SIZE))]
    stopped = diverged(without, 24, repeat=1, widths=ADAPTIVE)
    assert set(values(SIZE.values(stopped, CONTEXT))) == {("mean over tasks", repeat) for repeat in (0, 2)}
    found = values(SIZE.values(diverged(rows, 24, repeat=1, widths=EQUAL_SIZE), CONTEXT))
    assert found == {("mean over tasks", 0): 0.0, ("mean over tasks", 1): 80.0, ("mean over tasks", 2): 0.0}


def test_a_control_that_costs_otherwise_is_unfit() -> None:
    rows = made()
    own = (rows["measure"] == "multiply_adds") & (rows["widths"] == EQUAL_COST) & (rows["repeat"] == 1)
    for factor, reason in (
        (1.06, "unequal cost: the training of a control cost +6.0%"),
        (0.9, "unequal cost: the training of a control cost −10.0%"),
    ):
        other = rows.assign(value=rows["value"].mask(own, 1e6 * factor))
        assert COST.unfit(other, CONTEXT).startswith(reason) and SIZE.unfit(other, CONTEXT) == ""
    assert COST.unfit(rows.assign(value=rows["value"].mask(own, 1.04e6)), CONTEXT) == ""


def late(growth: Callable[[int, int], float]) -> Widths:
    """Widths that grew so, by layer and repeat, in the second half of the phase with all tasks."""
    return lambda epoch, repeat, layer: TOTALS[24] / growth(layer, repeat) if epoch == 20 else TOTALS[epoch]


def test_division_leaves_each_repeat_out_of_its_layer() -> None:
    growth = [1.0, 1.01, 0.99, 1.2, 1.21, 1.22, 1.19, 1.0]
    rows = made(8, late(lambda layer, repeat: growth[repeat] if layer == 2 else 1.0))
    found = values(claims.division(rows, CONTEXT))
    logs = np.log(growth)
    assert {cell for cell, _ in found} == {"h2", "h3"}
    assert found["h2", 3] == pytest.approx(float(two_groups(np.delete(logs, 3)))) and found["h2", 3] > 6
    assert found["h3", 3] == 0, "no group grew"


def test_two_groups_by_hand() -> None:
    """Two groups of three without spread: it counts as RESOLUTION."""
    grown, within = math.log(1.2), 0.02
    together = math.log((grown / 2) ** 2) + 1  # -2/n log likelihood, without log(2 pi), of one group
    apart = math.log(within**2) + 2 * math.log(2)
    expected = 6 * (together - apart) - 2 * math.log(6)
    assert two_groups(np.array([0, grown, 0, grown, grown, 0])) == pytest.approx(expected)
    assert two_groups(np.array([0, grown, 0])) == 0, "too few for two groups"
    assert two_groups(np.array([0, grown, 0, grown, grown, 0]) + 0.1) == 0, "both grow"


Shape = Callable[[Generator, tuple[int, ...]], np.ndarray]
SINGLE: dict[str, Shape] = {
    "normal": lambda random, shape: random.normal(math.log(1.05), 0.05, shape),
    "evenly spread": lambda random, shape: random.uniform(-0.05, 0.25, shape),
    "skewed": lambda random, shape: random.exponential(0.1, shape),
}


def divided(random: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """As the criterion assumes: a third of the repeats grew by 20%, the others stayed."""
    return np.where(random.random(shape) < 1 / 3, math.log(1.2), 0.0) + random.normal(0, 0.03, shape)


def outcomes(growths: Shape, n: int, layers: int = 2, worlds: int = 2000) -> dict[str, float]:
    """How often each outcome is reached, as `decide` reaches it of all values."""
    late = growths(default_rng(0), (worlds, layers, n))
    gains = two_groups(claims.without_each(late))
    strong = claims.STRONG
    contradicted = (gains.max(-1) < strong).any(-1)
    reproduced = (gains.min(-1) >= strong).all(-1)
    return {"reproduced": float(reproduced.mean()), "contradicted": float(contradicted.mean())}


def test_worlds_have_the_outcomes_of_the_judge() -> None:
    found = []
    for logs in divided(default_rng(0), (30, 2, BIFURCATION.needs)):
        growth = np.exp([logs[0], *logs])  # the first layer's is not looked at
        rows = made(BIFURCATION.needs, late(partial(_in_layer, growth)))
        found.append(str(verdict(BIFURCATION, rows).outcome))
    counted = outcomes(divided, BIFURCATION.needs, worlds=30)
    assert {outcome: found.count(outcome) / 30 for outcome in counted} == pytest.approx(counted)


def _in_layer(growth: np.ndarray, layer: int, repeat: int) -> float:
    return float(growth[layer - 1, repeat])


def test_the_repeats_that_bifurcation_needs_are_those_of_80_percent_power() -> None:
    enough = outcomes(divided, BIFURCATION.needs)
    assert enough["reproduced"] >= 0.8 and enough["contradicted"] <= 0.05
    assert outcomes(divided, BIFURCATION.needs - 1)["reproduced"] < 0.8
    assert outcomes(divided, 8)["reproduced"] < 0.05, "the repeats of smaller profiles tell nothing"


@pytest.mark.parametrize("shape", SINGLE)
@pytest.mark.parametrize("layers", [1, 2])
def test_one_group_is_seldom_taken_for_two(shape: str, layers: int) -> None:
    found = outcomes(SINGLE[shape], BIFURCATION.needs, layers)
    assert found["reproduced"] <= 0.05 and found["contradicted"] > 0.5


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
def test_what_is_fit_has_no_reason(criterion: Criterion) -> None:
    assert criterion.unfit(made(), CONTEXT) == ""


@pytest.mark.parametrize(
    ("unfit", "changes", "reason"),
    [
        (claims.unrisen, {16: 40.0, 24: 41.0}, "too small a rise: widths changed by +2.5% while tasks came"),
        (claims.unfallen, {32: 59.0}, "too small a fall: widths changed by −1.7% after tasks went"),
        (claims.unadapted, {24: 80.8}, "hardly adapted: total widths changed by +1.0%"),
    ],
)
def test_what_made_no_difference_is_said(
    unfit: Callable[[pd.DataFrame, Context], str], changes: dict[int, float], reason: str
) -> None:
    widths = TOTALS | changes
    assert unfit(made(width=lambda epoch, repeat, layer: widths[epoch]), CONTEXT).startswith(reason)


def world(criterion: Criterion, mean: float, random: Generator, more: int = 0) -> pd.DataFrame:
    """Rows of which the values of a criterion have this mean and the spread that it assumes."""
    cells = 2 if criterion is RISE else 1
    n = criterion.repeats(cells) + more
    drawn = mean + criterion.spread * random.normal(size=(n, 2))
    logs = drawn if criterion is RISE else np.full((n, 2), math.log10(1.25))
    lost = drawn[:, 0] if criterion is FALL else np.full(n, 9.0)
    slow = drawn[:, 0] if criterion is STABLE else np.zeros(n)
    gain = drawn[:, 0] if criterion in (TWINS, SIZE, COST) else np.zeros(n)
    luck = random.normal(90, 1, n)

    def width(epoch: int, repeat: int, layer: int) -> float:
        come, more = 40.0, 10 ** logs[repeat]
        go = come * more[0] * more[1]
        end = go - 0.25 * (go - come) - lost[repeat] / 100 * go
        found = {0: 80.0, 8: come, 16: come * more[0], 20: go, 24: go, 30: end / 10 ** slow[repeat], 32: end}
        return float(found[epoch])

    return made(n, width, lambda kind, repeat, task: float(luck[repeat] + gain[repeat] * (kind == ADAPTIVE)))


def verdict(criterion: Criterion, rows: pd.DataFrame, context: Context = CONTEXT) -> Verdict:
    own = SimpleNamespace(**vars(context.settings) | {"repeats": int(rows["repeat"].nunique())})
    return judge(criterion, rows, replace(context, settings=own), BASIS)


def test_where_an_adaptive_network_diverged_it_is_not_judged_against_controls() -> None:
    """It has none: of those that went well alone the mean would be flattered."""
    rows = made(20, accuracy=lambda kind, repeat, task: 90.0 + 2 * (kind == ADAPTIVE) + 0.1 * (repeat % 3))
    assert verdict(SIZE, rows).outcome == "yes", "the control"
    without = rows[~((rows["repeat"] == 1) & rows["widths"].isin([EQUAL_SIZE, EQUAL_COST]))]
    for criterion in (SIZE, COST):
        found = verdict(criterion, diverged(without, 24, repeat=1, widths=ADAPTIVE))
        assert (found.outcome, found.reason.partition(",")[0]) == ("not judged", "1 of 20 adaptive networks diverged")


STATISTICAL = [RISE, FALL, STABLE, TWINS, SIZE, COST]
OPPOSITE = {RISE.id: -0.1, FALL.id: -15.0, STABLE.id: -0.1} | dict.fromkeys((TWINS.id, SIZE.id, COST.id), -0.7)
NOTHING = {RISE.id: 0.0, FALL.id: 0.0, STABLE.id: math.log10(1 / 1.05)}
NOTHING |= dict.fromkeys((TWINS.id, SIZE.id, COST.id), 0.1)


@pytest.mark.parametrize("criterion", STATISTICAL, ids=lambda each: each.id)
def test_outcomes_at_the_repeats_that_are_asked_for(criterion: Criterion) -> None:
    random = default_rng(0)
    found = {
        name: [verdict(criterion, world(criterion, mean, random)).outcome for _ in range(10)]
        for name, mean in {
            "as expected": criterion.expected,
            "nothing": NOTHING[criterion.id],
            "opposite": OPPOSITE[criterion.id],
        }.items()
    }
    holds, fails = ("yes", "no") if criterion.beyond else ("reproduced", "contradicted")
    assert found["as expected"].count(holds) >= 6 and fails not in found["as expected"]
    assert found["nothing"].count(holds) <= 2
    assert found["opposite"].count(fails) >= 8 and holds not in found["opposite"]
    few = verdict(criterion, world(criterion, criterion.expected, random, more=-1))
    assert few.outcome == "not judged" and few.reason.endswith("are needed to tell")


GROWTHS: dict[str, tuple[Callable[[int, int], float], str]] = {
    "two groups in both layers": (lambda layer, repeat: 1.2 if repeat % 3 == 0 else 0.98, "reproduced"),
    "in one layer": (lambda layer, repeat: 1.3 if repeat % 2 and layer == 2 else 1.0, "contradicted"),
    "all settle": (lambda layer, repeat: 1.0, "contradicted"),
    "all grow": (lambda layer, repeat: 1.2, "contradicted"),
    "two stragglers": (lambda layer, repeat: 1.3 if repeat in (4, 5) else 1.0, "inconclusive"),
    "evenly spread": (lambda layer, repeat: 1.0 + 0.015 * repeat, "contradicted"),
    "two groups, both growing": (lambda layer, repeat: 1.1 if repeat % 2 else 1.5, "contradicted"),
}


@pytest.mark.parametrize("case", GROWTHS)
def test_bifurcation(case: str) -> None:
    growth, expected = GROWTHS[case]
    assert verdict(BIFURCATION, made(21, late(growth))).outcome == expected


def test_bifurcation_with_fewer_repeats_is_not_judged() -> None:
    growth, _ = GROWTHS["two groups in both layers"]
    found = verdict(BIFURCATION, made(20, late(growth)))
    assert (found.outcome, found.reason) == ("not judged", "20 repeats; 21 are needed to tell")


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=CRITERIA)
def test_not_judged_if_more_than_a_tenth_diverged_or_all_did(criterion: Criterion) -> None:
    rows = made(25)
    for repeat in range(6):
        rows = diverged(rows, 3, repeat=repeat, widths=ADAPTIVE)
    found = verdict(criterion, rows)
    assert (found.outcome, found.reason) == ("not judged", "6 of 50 networks diverged")
    for kind in (ADAPTIVE, STATIC):
        for repeat in range(25):
            rows = diverged(rows, 3, repeat=repeat, widths=kind)
    assert verdict(criterion, rows).outcome == "not judged"


@pytest.mark.parametrize("criterion", [TWINS, BIFURCATION], ids=lambda each: each.id)
def test_other_data_are_out_of_scope(criterion: Criterion) -> None:
    other = Context(CONTEXT.settings, {"letters": "arrays", "b": "mnist"}, chance=10.0)
    found = verdict(criterion, made(25), other)
    assert (
        found.outcome == "not judged"
        and found.reason.startswith("out of scope")
        and found.reason.endswith("here: letters")
    )


@pytest.mark.parametrize("criterion", [FALL, STABLE], ids=lambda each: each.id)
def test_a_schedule_without_removals_has_nothing_to_compare(criterion: Criterion) -> None:
    context = Context(SimpleNamespace(schedule=ENTRIES[:3]), SOURCES, chance=10.0)
    assert verdict(criterion, made(9), context).reason == "nothing to compare"
