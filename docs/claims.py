"""What became of each claim on real images, as a table in the README: `make docs`, from reports/published.json."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pipeline import paths
from pipeline.reporting.overview import Line, overview
from pipeline.reporting.summary import exact
from pipeline.reporting.templates import data, effect, region, repeats
from pipeline.results.claims.base import Answer, Outcome

ROOT = Path(__file__).parents[1]
PROFILE = "published"
BEGIN, END = "<!-- Made by `make docs` from reports/published.json. -->", "<!-- Its end. -->"
_HEAD = ("claim, and part of it", "measured", "holds if", "effect [95 % interval]", "n (needed)", "data", "outcome")


def table(claims: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: how many have which outcome, what was found of each, and why nothing was of the others."""
    lines = [line for beyond in (False, True) for group in overview([claims], beyond) for line in group.lines]
    rows = [_HEAD, ["---"] * len(_HEAD), *(_cells(line) for line in lines if line.found)]
    return "\n".join(
        [
            f"{_counted(claims)}\n\n{_by_claim(claims)}\n",
            *map(_row, rows),
            *_reasons([line.known for line in lines if not line.found]),
        ]
    )


def _reasons(claims: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Of those that were not judged, which for the same reason."""
    reasons: dict[str, list[str]] = {}
    for claim in claims:
        found = f" ({claim['criterion']['short']}: {_plain(effect(claim))})" if claim["cells"] else ""
        reasons.setdefault(claim["reason"], []).append(f"*{claim['id']}* on {data(claim)}{found}")
    if reasons:
        yield "\nNot judged, with what was measured, and why:\n"
    for reason, of in reasons.items():
        yield f"- {'; '.join(of)}: {reason}."


def written(readme: str, claims: Sequence[Mapping[str, Any]]) -> str:
    """The text of the README with the table of these claims in place of the one it has.

    Raises:
        ValueError: there is no place for it.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README.md: {BEGIN} and {END} are not there, between which the table of claims goes")
    return f"{before}{begin}\n\n{table(claims)}\n\n{end}{after}"


def _counted(claims: Sequence[Mapping[str, Any]]) -> str:
    """How many lines have which outcome; what is asked beyond the paper has answers of its own."""
    said = []
    for beyond, what in ((False, "outcomes of claims"), (True, "of questions beyond the paper")):
        counts = Counter(claim["outcome"] for claim in claims if claim["beyond"] == beyond)
        possible = dict.fromkeys((*get_args(Outcome), *get_args(Answer)))
        known = [f"{counts[each]} {each}" for each in possible if counts[each]]
        said += [f"{counts.total()} {what}: {', '.join(known)}."] if known else []
    said += [f"Of those reproduced {exact(claims)} are exact properties: they hold by algebra and test the code."]
    return " ".join(said)


def _by_claim(claims: Sequence[Mapping[str, Any]]) -> str:
    """The same of whole claims, since one of many parts on many data sets has many outcomes."""
    groups = [
        {claim["outcome"] for line in group.lines for claim in line.judged if claim}
        for group in overview([claims], beyond=False)
    ]
    missed = {"contradicted", "inconclusive"}
    counts = {
        "reproduced in all parts and data": sum(of == {"reproduced"} for of in groups),
        "reproduced where judged": sum(of == {"reproduced", "not judged"} for of in groups),
        "with a part that is contradicted or inconclusive": sum(bool(of & missed) for of in groups),
        "not judged": sum(of == {"not judged"} for of in groups),
    }
    return f"By whole claims, of {len(groups)}: {', '.join(f'{count} {words}' for words, count in counts.items())}."


def _cells(line: Line) -> Iterator[str]:
    (claim,) = line.judged
    assert claim is not None  # of one profile
    yield claim["id"]
    yield claim["criterion"]["short"]
    yield _plain(region(claim, brief=True))
    yield _plain(effect(claim))
    yield repeats(claim)
    yield data(claim)
    yield f"**{claim['outcome']}**"


def _plain(html: str) -> str:
    """Without the elements that only the page's style knows; powers stay."""
    return re.sub(r"</?span[^>]*>", "", str(html)).replace("\N{NO-BREAK SPACE}", " ")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    known = json.loads((ROOT / paths.claims(PROFILE)).read_text(encoding="utf-8"))
    readme = ROOT / "README.md"
    readme.write_text(written(readme.read_text(encoding="utf-8"), known), encoding="utf-8")
