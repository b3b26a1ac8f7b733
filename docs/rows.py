"""The page that says what rows mean, from what the experiments declare: `make docs` writes docs/rows.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.experiments import EXPERIMENTS, experiment
from pipeline.results.schema import Factor, Measure, Schema

INTRODUCTION = """# Rows

`results/<profile>/<experiment>/rows.parquet` has one observation a row: a number, `value`, in the unit of its
`measure`. The columns up to `seed` say of which network; those from `phase` on, what was seen of it. A factor with
no meaning for an observation is missing there. Text with the levels below is categorical (a
dictionary, to other readers of Parquet than pandas), of those levels of which there are rows;
`pipeline.results.rows.read` gives it all that are declared. A network that diverged ends with a row of phase
`diverged` in the epoch in which it did.

Beside it lies `correct.parquet`: which images of the test set a network had right, a bit an image, after the last
epoch and wherever else a claim is about accuracies. It has the columns of the rows but `measure` and `value`;
`images`, their number; and `correct`, the bits, in the order of the test set, which is the same for all networks. By
them the intervals of claims count the choice of the test images (`pipeline/results/claims/images.py`).

```python
bits = pd.read_parquet("results/digits/abundance/correct.parquet")
right = np.stack([np.unpackbits(np.frombuffer(own, np.uint8)) for own in bits["correct"]])[:, : bits["images"][0]]
accuracies = 100 * right.mean(axis=1)  # of each network, %
difficulty = 1 - right.mean(axis=0)  # of each image: the share of networks that have it wrong
```

This page is made from the experiments' declarations, `ROWS` in `pipeline/experiments/<name>.py`, by `make docs`.

## Columns of all experiments
"""


def page() -> str:
    """The whole page."""
    schemas = {name: experiment(name).ROWS for name in EXPERIMENTS}
    common = set.intersection(*(set(schema.columns) for schema in schemas.values()))
    shared = [(name, factor) for name, factor in next(iter(schemas.values())).columns.items() if name in common]
    parts = [INTRODUCTION, *_factors(shared, levels=False)]
    for name, schema in schemas.items():
        parts += [f"\n## {name}\n", experiment(name).QUESTION, "", *_one(schema, common)]
    return "\n".join(parts) + "\n"


def _one(schema: Schema, common: set[str]) -> Iterator[str]:
    own = [(name, factor) for name, factor in schema.columns.items() if name not in common]
    if own:
        yield from [*_factors(own), ""]
    yield from [
        *_table(("phase", "when, or what was done"), ((f"`{name}`", words) for name, words in schema.phases.items())),
        "",
        *_measures(schema.measures),
    ]


def _factors(factors: Iterable[tuple[str, Factor]], levels: bool = True) -> list[str]:
    def words(name: str, factor: Factor) -> str:
        said = factor.words + (f" ({factor.unit})" if factor.unit else "")
        named = factor.levels and (levels or name not in ("phase", "measure"))
        return said + (f": {', '.join(f'`{level}`' for level in factor.levels)}" if named else "")

    lines = [(f"`{name}`", factor.kind.__name__, words(name, factor)) for name, factor in factors]
    return _table(("column", "type", "what it is"), lines)


def _measures(measures: Mapping[str, Measure]) -> list[str]:
    lines = [(f"`{name}`", each.name, each.unit) for name, each in measures.items()]
    return _table(("measure", "what it is", "unit"), lines)


def _table(heads: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines)]


if __name__ == "__main__":
    (Path(__file__).parent / "rows.md").write_text(page(), encoding="utf-8")
