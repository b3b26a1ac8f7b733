"""`joint_sparsity`: methods are told apart, and turn the same networks without a change of function."""

from __future__ import annotations

from functools import cache

import made_rows
import pandas as pd
import pytest

from pipeline.config import validate
from pipeline.errors import InputError
from pipeline.experiments.joint_sparsity import Settings, joint
from pipeline.reporting.experiments.joint_sparsity import headlines, present
from pipeline.results.statistics import select

SETTINGS = made_rows.SETTINGS["joint_sparsity"]


@cache
def rows() -> pd.DataFrame:
    return made_rows.rows("joint_sparsity")


def small(method: str, threshold: str = "0.0001") -> pd.Series:
    found = select(rows(), phase=method, measure="percent_small", task=threshold)
    return found.set_index(["network", "repeat"])["value"]


def methods() -> list[str]:
    return [joint(power, start) for power in SETTINGS.powers for start in ("trained", "alternate")]


def test_no_method_changes_the_function() -> None:
    turned = rows()[~rows()["phase"].isin(["training", "trained"])]
    assert select(turned, measure="epsilon", precision="float64")["value"].max() < 1e-11
    assert select(turned, measure="delta_accuracy", precision="float64")["value"].abs().max() == 0
    assert select(turned, measure="epsilon", precision="float32")["value"].min() > 1e-10, "they are other bases"


def test_alternate_diagonalisation_has_as_many_zeros_as_a_pair_of_widths_has_dimensions() -> None:
    most = select(rows(), phase="trained", measure="percent_most").set_index(["network", "repeat"])["value"]
    ahead = small("alternate", f"{min(SETTINGS.thresholds):g}") - most
    even = ahead[ahead.index.get_level_values("network").str.count("-") == 3]
    assert len(even) and (even > -1e-9).all()
    assert (small("trained", f"{min(SETTINGS.thresholds):g}") < 5).all(), "negative control"


def test_only_a_width_left_over_is_made_triangular_and_gives_its_zeros() -> None:
    threshold = f"{min(SETTINGS.thresholds):g}"
    most = select(rows(), phase="trained", measure="percent_most").set_index(["network", "repeat"])["value"]
    ahead = (small("alternate triangular", threshold) - most).dropna()
    odd = most.index[most.index.get_level_values("network").str.count("-") == 4]
    assert len(odd) and set(ahead.index) == set(odd)
    assert (ahead > -1e-9).all()
    assert (small("alternate", threshold)[odd] < most[odd]).all(), "negative control"


def test_joint_optimisation_lowers_the_norm_of_every_start() -> None:
    whole = select(rows()[rows()["index"].isna()], measure="l1_norm")
    norms = {phase: own.set_index(["network", "repeat"])["value"] for phase, own in whole.groupby("phase")}
    for power in SETTINGS.powers:
        for start in ("trained", "alternate"):
            assert (norms[joint(power, start)] < norms[start]).all()


def test_norms_by_stage_begin_at_the_start_and_end_at_the_end() -> None:
    stages = select(rows()[rows()["index"].notna()], measure="l1_norm")
    whole = select(rows()[rows()["index"].isna()], measure="l1_norm")
    for method in methods():
        own = select(stages, phase=method).sort_values("index")
        first, last = (own.groupby(["network", "repeat"])["value"].nth(n).to_numpy() for n in (0, -1))
        start = select(whole, phase=method.rpartition(" ")[2])["value"].to_numpy()
        assert sorted(first) == pytest.approx(sorted(start))
        assert sorted(last) == pytest.approx(sorted(select(whole, phase=method)["value"]), rel=1e-6)


def test_settings_that_cannot_be_are_refused() -> None:
    for change, said in (
        ({"powers": [1.5]}, "powers.0: 1.5"),
        ({"joint_steps": 3}, "joint_steps: 3"),
        ({"thresholds": [0.0]}, "thresholds.0: 0"),
        ({"configurations": [{"activation": "tanh", "intrinsic_length": "none", "compensation": "none"}]}, "tanh"),
    ):
        with pytest.raises(InputError, match=said):
            validate(Settings, SETTINGS.model_dump() | change, "made")


def test_the_table_and_the_headlines_say_what_the_rows_say() -> None:
    (part,) = present(rows(), SETTINGS, made_rows.described("digits")).parts
    (table,) = part.tables
    group = next(each for each in table.groups if each.heading == "parameters of size at most 0.0001 (%)")
    network = next(iter(table.columns))
    cell = next(row for row in group.rows if row.key == "alternate").cells[0]
    assert cell is not None and cell.mean == pytest.approx(small("alternate")[network].mean())
    assert [row.key for row in group.rows][:2] == ["trained", "alternate"]
    assert "trained" not in [row.key for each in table.groups if "ε" in each.heading for row in each.rows]
    assert headlines(rows())[network]["alternate"] == pytest.approx(small("alternate")[network].mean(), abs=0.01)


def test_other_thresholds_than_the_papers_and_many_powers_are_all_shown() -> None:
    own = made_rows.settings("joint_sparsity", thresholds=[1e-3], powers=[1.0, 0.8, 0.6, 0.4], hidden_layers=[2])
    (part,) = present(made_rows.rows("joint_sparsity", own), own, made_rows.described("digits")).parts
    groups = {group.heading: [row.key for row in group.rows] for group in part.tables[0].groups}
    assert "parameters above 0.0001" not in groups
    wanted = [joint(power, start) for power in own.powers for start in ("trained", "alternate")]
    assert groups["parameters of size at most 0.001 (%)"] == ["trained", "alternate", *wanted]
