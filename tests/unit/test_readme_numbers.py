"""Numbers of the README that come from profile digits, beside the results that are kept with the code."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from docs import claims, recounted
from pipeline.errors import InputError
from pipeline.results.claims.base import Outcome
from pipeline.results.claims.criteria import CRITERIA

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OUTCOMES = json.loads((ROOT / "results/digits/outcomes.json").read_text())


def test_how_many_claims_had_which_outcome() -> None:
    beyond = {criterion.id for criterion in CRITERIA if criterion.beyond}
    found = Counter(outcome for name, outcome in OUTCOMES.items() if name not in beyond)
    said = re.search(
        r"of (\d+) claims and parts of claims (\d+) (?:is|are) reproduced, (\d+) (?:is |are )?contradicted, "
        r"(\d+) (?:is |are )?inconclusive and (\d+) (?:is |are )?not judged",
        " ".join(README.split()),
        re.IGNORECASE,
    )
    assert said is not None
    of, *counts = map(int, said.groups())
    assert dict(zip(get_args(Outcome), counts, strict=True)) == {each: found[each] for each in get_args(Outcome)}
    assert of == sum(found.values()) > 0


def test_the_metrics_that_dvc_shows() -> None:
    block = re.search(r"\$ dvc metrics show (\S+)\n(.*)\n(.*)\n", README)
    assert block is not None
    path, names, values = block.groups()
    _, *names = re.split(r" {2,}", names.strip())
    _, *values = re.split(r" {2,}", values.strip())
    own = json.loads((ROOT / path).read_text())
    assert len(names) == len(values) > 0
    for name, value in zip(names, values, strict=True):
        found = own
        for part in name.split("."):
            found = found[part]
        assert value == str(found), name


def test_what_is_answered_beyond_the_paper() -> None:
    said = re.search(r"On\s+digits the answers are (\w+), and (\w+)\.", README)
    assert said is not None
    adapting = {OUTCOMES[f"adapting-beats-staying: at equal {each}"] for each in ("size", "training cost")}
    assert ({said[1]}, said[2]) == (adapting, OUTCOMES["isotropic-above-at-best-rates"])


def test_the_readme_has_what_became_of_each_claim_on_real_images() -> None:
    known = json.loads((ROOT / "reports/published.json").read_text(encoding="utf-8"))
    assert claims.written(README, known) == README, "`make docs` writes it anew"
    changed = [known[0] | {"outcome": "inconclusive"}, *known[1:]]
    assert claims.written(README, changed) != README  # the control
    lines = claims.table(known).splitlines()
    for claim in known:
        start = f"- *{claim['id']}* on " if claim["outcome"] == "not judged" else f"| {claim['id']} |"
        told = [line for line in lines if start.removeprefix("- ") in line and line[0] == start[0]]
        assert any(claim["reason"] in line for line in told), claim["id"]


def test_every_outcome_is_counted_above_the_table() -> None:
    known = json.loads((ROOT / "reports/published.json").read_text(encoding="utf-8"))
    head = claims.table(known).partition("\n")[0]
    assert sum(
        map(int, re.findall(r"(\d+) (?:reproduced|contradicted|inconclusive|not judged|yes|no)\b", head))
    ) == len(known)
    assert sum(map(int, re.findall(r"(\d+) (?:outcomes )?of ", head))) == len(known)


def test_whole_claims_are_counted_once_each() -> None:
    known = json.loads((ROOT / "reports/published.json").read_text(encoding="utf-8"))
    (line,) = (line for line in claims.table(known).splitlines() if line.startswith("By whole claims"))
    of, *counts = map(int, re.findall(r"\d+", line))
    assert sum(counts) == of == len({claim["criterion"]["claim"] for claim in known if not claim["beyond"]})
    (name, *_) = (claim["criterion"]["claim"] for claim in known if claim["outcome"] == "reproduced")
    worse = [c | {"outcome": "contradicted"} if c["criterion"]["claim"] == name else c for c in known]
    assert line not in claims.table(worse)  # the control


def test_without_rows_the_numbers_of_the_pages_say_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.parquet: not there; `dvc pull --allow-missing` gets it"):
        list(recounted.phrases(tmp_path))
