"""`joint_sparsity`: methods are told apart, and turn the same networks without a change of function."""

from __future__ import annotations

from functools import cache

import made_rows
import pandas as pd
import pytest

from pipeline.config import validate
from pipeline.errors import InputError
from pipeline.experiments.joint_sparsity import STARTS, Settings, joint
from pipeline.reporting.experiments.joint_sparsity import headlines, present
from pipeline.results.statistics import select

SETTINGS = made_rows.SETTINGS["joint_sparsity"]


@cache
def rows() -> pd.DataFrame:
    return made_rows.rows("joint_sparsity")


def small(method: str, threshold: float = 1e-4) -> pd.Series:
    found = select(rows(), bases=method, measure="percent_small", threshold=threshold)
    return found.set_index(["network", "repeat"])["value"]


def most_zeros() -> pd.Series:
    return select(rows(), bases="trained", measure="percent_most").set_index(["network", "repeat"])["value"]


def layers(values: pd.Series) -> pd.Series:
    """How many hidden layers the network of each value has."""
    known = rows()[["network", "hidden_layers"]].drop_duplicates().set_index("network")["hidden_layers"]
    return values.index.get_level_values("network").map(known)


def methods() -> list[dict[str, object]]:
    return [joint(power, start) for power in SETTINGS.powers for start in STARTS]


def test_no_method_changes_the_function() -> None:
    turned = select(rows(), bases=["alternate", "alternate triangular", "joint"])
    assert select(turned, measure="epsilon", precision="float64")["value"].max() < 1e-11
    assert select(turned, measure="delta_accuracy", precision="float64")["value"].abs().max() == 0
    assert select(turned, measure="epsilon", precision="float32")["value"].min() > 1e-10, "they are other bases"


def test_alternate_diagonalisation_has_as_many_zeros_as_a_pair_of_widths_has_dimensions() -> None:
    ahead = small("alternate", min(SETTINGS.thresholds)) - most_zeros()
    even = ahead[layers(ahead) == 2]
    assert len(even) and (even > -1e-9).all()
    assert (small("trained", min(SETTINGS.thresholds)) < 5).all(), "negative control"


def test_only_a_width_left_over_is_made_triangular_and_gives_its_zeros() -> None:
    threshold, most = min(SETTINGS.thresholds), most_zeros()
    ahead = (small("alternate triangular", threshold) - most).dropna()
    odd = most.index[layers(most) == 3]
    assert len(odd) and set(ahead.index) == set(odd)
    assert (ahead > -1e-9).all()
    assert (small("alternate", threshold)[odd] < most[odd]).all(), "negative control"


def norms(**method: object) -> pd.Series:
    return select(rows(), phase="rebased", measure="l1_norm", **method).set_index(["network", "repeat"])["value"]


def test_joint_optimisation_lowers_the_norm_of_every_start() -> None:
    for power in SETTINGS.powers:
        for start in STARTS:
            assert (norms(**joint(power, start)) < norms(bases=start)).all()


def test_norms_by_stage_begin_at_the_start_and_end_at_the_end() -> None:
    stages = select(rows(), phase="descent", measure="l1_norm")
    for method in methods():
        own = select(stages, **method).sort_values("stage")
        first, last = (own.groupby(["network", "repeat"])["value"].nth(n).to_numpy() for n in (0, -1))
        assert sorted(first) == pytest.approx(sorted(norms(bases=method["initial"])))
        assert sorted(last) == pytest.approx(sorted(norms(**method)), rel=1e-6)


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
    wanted = [f"joint p {power:g} from {start}" for power in own.powers for start in STARTS]
    assert groups["parameters of size at most 0.001 (%)"] == ["trained", "alternate", *wanted]
