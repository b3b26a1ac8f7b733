"""stratified-spectra with rows made to give each verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.experiments.spectra import ROWS, STANDARD
from pipeline.results.claims.base import Basis, Interval, Verdict
from pipeline.results.claims.spectra import judge
from pipeline.results.rows import frame

BASIS = Basis("digits", "64-16-10", networks=6, repeats=3, epochs=2, same_as_paper=False)
ISOTROPIC = "trainable, trainable+decay"
STRATIFIED = [0.9, 0.8, *np.linspace(-0.1, -1, 8)]  # log10: two large values and a decaying bulk
BULK = list(np.linspace(0.6, -0.6, 10))


def made(isotropic: list[float], standard: list[float], noise: float = 0.01, repeats: int = 3) -> pd.DataFrame:
    """Spectra of maps 1 and 2 over two epochs, repeats apart by `noise` decades."""
    random = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for configuration, logs in ((ISOTROPIC, isotropic), (STANDARD, standard)):
        for repeat in range(repeats):
            for epoch in range(3):
                for layer in (1, 2):
                    place = {"configuration": configuration, "repeat": repeat, "epoch": epoch, "layer": layer}
                    place |= {"phase": "spectrum", "measure": "sigma"}
                    values = 10 ** (epoch / 2 * np.array(logs) + epoch * noise * random.normal(size=len(logs)))
                    rows += [place | {"index": i, "value": v} for i, v in enumerate(np.sort(values)[::-1])]
    return frame(rows, ROWS)


def verdict(rows: pd.DataFrame) -> Verdict:
    (found,) = judge(rows, 0.95, ISOTROPIC, BASIS)
    assert found.id == "stratified-spectra" and found.basis is BASIS
    return found


def test_reproduced() -> None:
    found = verdict(made(STRATIFIED, BULK))
    assert found.verdict == "reproduced"
    gap = found.numbers["map 1: widest gap in the larger half, isotropic / standard"]
    assert isinstance(gap, Interval) and gap.n == 3 and gap.estimate > 3


def test_the_other_way_round() -> None:
    assert verdict(made(BULK, STRATIFIED)).verdict == "not reproduced"


def test_one_map_the_other_way_is_not_reproduced() -> None:
    rows, swapped = made(STRATIFIED, BULK), made(BULK, STRATIFIED)
    mixed = pd.concat([rows[rows["layer"] == 1], swapped[swapped["layer"] == 2]])
    assert verdict(mixed).verdict == "not reproduced"


def test_repeats_that_are_not_alike() -> None:
    rows = made(STRATIFIED, BULK, repeats=8)
    assert verdict(rows).verdict == "reproduced"
    apart = (rows["configuration"] == ISOTROPIC).to_numpy() & (rows["epoch"] > 0).to_numpy()
    factor = 100.0 ** (rows["repeat"].to_numpy(dtype=float) % 2)  # leaves every ratio as it is
    shifted = rows.assign(value=rows["value"].where(~apart, rows["value"] * factor))
    assert verdict(shifted).verdict == "not reproduced"


def test_no_difference_one_repeat_one_network_alone_and_no_rows_are_inconclusive() -> None:
    rows = made(STRATIFIED, BULK)
    assert verdict(made(BULK, BULK)).verdict == "inconclusive"
    assert verdict(made(STRATIFIED, BULK, repeats=1)).verdict == "inconclusive"
    assert verdict(rows[rows["configuration"] == ISOTROPIC]).verdict == "inconclusive"
    assert verdict(rows.iloc[:0]).verdict == "inconclusive"
    lost = rows.assign(value=rows["value"].mask(rows["repeat"] == 0, np.nan))
    assert verdict(lost).verdict == "inconclusive"
