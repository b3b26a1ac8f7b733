"""Train jobs of a profile that was run again, from scratch, and compare with its rows to the last bit.

    PYTHONPATH=. python tests/helpers/again.py published spectra 0 invariance 7

On the kind of processor that the rows were made on; the data sets must be there (`dvc repro .../dvc.yaml:fetch`).
"""

from __future__ import annotations

import sys
import tempfile
import time

import pandas as pd

from pipeline import paths
from pipeline.execution.prepare import prepare
from pipeline.execution.processes import single_threaded
from pipeline.execution.store import Store
from pipeline.experiments import experiment
from pipeline.profile import load_profile
from pipeline.results import rows

MEASURED = "seconds"  # in the names of measures that are never twice the same


def compare(profile: str, name: str, number: int) -> tuple[str, bool]:
    """What was compared, in words, and whether all of it is the same."""
    job = prepare(load_profile(profile), name).jobs[number]
    before = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        own = job.run(Store(folder), 1e9)
    seconds = time.monotonic() - before
    schema = experiment(name).ROWS
    known = rows.read(paths.rows(profile, name), name, schema)
    own, known = (each[~each["measure"].astype(str).str.contains(MEASURED)] for each in (own, known))
    columns = [column for column in known if column != "value"]
    both = _plain(own).merge(_plain(known), on=columns, how="left", suffixes=("", "_known"), indicator=True)
    there = both["_merge"] == "both"
    same = there & ((both["value"] == both["value_known"]) | (both["value"].isna() & both["value_known"].isna()))
    said = (
        f"{name}, job {number}: {len(job.members)} networks on {', '.join(path.stem for path in job.data)}, "
        f"{seconds:.0f} s: {same.sum()} of {len(own)} rows are the same to the last bit"
    )
    if (other := both[there & ~same]).size:
        apart = (other["value"] - other["value_known"]).abs()
        furthest = apart.groupby(other["measure"]).max()
        said += "; others by at most " + ", ".join(f"{by:.0e} ({measure})" for measure, by in furthest.items())
    return said, bool(same.all()) and len(both) == len(own) > 0


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Without categories, of which tables may have different ones."""
    return table.astype({column: object for column in table if column != "value"})


if __name__ == "__main__":
    single_threaded()
    profile, *pairs = sys.argv[1:]
    found = [compare(profile, name, int(number)) for name, number in zip(pairs[::2], pairs[1::2], strict=True)]
    print("\n".join(said for said, _ in found))
    sys.exit(not all(same for _, same in found))
