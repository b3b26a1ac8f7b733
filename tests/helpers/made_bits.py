"""Made rows with bits: accuracies that are means over images, of which some are hard for all networks."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from pipeline.results import correct
from pipeline.results.schema import Schema, networks


def with_bits(
    rows: pd.DataFrame, schema: Schema, ends: Collection[int], images: int = 120, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows in which the accuracies after the epochs `ends` are those of bits, and the bits.

    Values of before count for nothing: a network has an image right by its configuration, its repeat, the image and
    chance. Changes of accuracy are from the phase "baseline".
    """
    random = np.random.default_rng(seed)
    rows = rows.reset_index(drop=True).astype({"value": "Float64"})
    at_an_end = rows["epoch"].isin(list(ends)) & (rows["phase"] != "final") & (rows["precision"] != "float64")
    kept = rows[rows["measure"].isin(correct.ACCURACIES) & at_an_end.fillna(False).astype(bool)]
    hard = {data: random.normal(size=images) for data in sorted(rows["data"].unique())}
    groups = kept.groupby(["configuration", "network"], sort=False, observed=True).ngroup().to_numpy()
    ability = 0.5 + 0.3 * groups[:, None] + 0.2 * kept["repeat"].to_numpy(dtype=float)[:, None]
    common = np.stack([hard[data] for data in kept["data"]])
    right = ability - common + random.normal(size=(len(kept), images)) > 0
    rows.loc[kept.index, "value"] = 100 * right.mean(1)
    where = kept.drop(columns=["measure", "value"]).to_dict("records")
    known = [{column: value for column, value in each.items() if not pd.isna(value)} for each in where]
    bits = correct.packed(right)
    table = correct.frame(
        ({**each, "images": images, "correct": own} for each, own in zip(known, bits, strict=True)), schema
    )
    return changes(rows), table


def changes(rows: pd.DataFrame) -> pd.DataFrame:
    """Changes of accuracy as the accuracies say."""
    network = [*networks(list(rows.columns)), "epoch", "precision"]
    place = [column for column in rows if column not in ("measure", "value")]
    start = rows[(rows["phase"] == "baseline") & (rows["measure"] == "accuracy")][[*network, "value"]]
    after = rows[rows["measure"] == "accuracy"].merge(start, on=network, suffixes=("", "_before"))
    after["change_of"] = after["value"] - after["value_before"]
    found = rows.merge(after[[*place, "change_of"]], on=place, how="left")["change_of"]
    change = (rows["measure"] == "delta_accuracy") & found.notna()
    return rows.assign(value=rows["value"].mask(change, found))
