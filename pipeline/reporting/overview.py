"""The first table of a report: claims in words, and for each criterion a line with what each profile found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

Known = Mapping[str, Any]  # a claim as claims.json holds it


@dataclass(frozen=True)
class Line:
    """What a criterion gave.

    Attributes:
        known: the claim as any profile has it: its criterion is that of all.
        judged: the claim as each profile has it, each on a data set of its own; None where it was not run.
        first: whether there is no line of this criterion above, on other data sets.
        alone: whether there is none below either.
    """

    known: Known
    judged: Sequence[Known | None]
    first: bool
    alone: bool

    @property
    def found(self) -> bool:
        """Whether anything was."""
        return any(claim and claim["outcome"] != "not judged" for claim in self.judged)


@dataclass(frozen=True)
class Group:
    """The lines of a claim, or of a question beyond the paper."""

    claim: str
    lines: Sequence[Line]

    @property
    def sentences(self) -> list[str]:
        """What the paper says, or what is asked: each sentence once, though several parts are of it."""
        found = dict.fromkeys(str(line.known["criterion"]["sentence"]) for line in self.lines)
        return [each for each in found if not any(each in other for other in found if other != each)]

    @property
    def found(self) -> bool:
        """Whether anything was."""
        return any(line.found for line in self.lines)

    @property
    def marked(self) -> bool:
        """Whether a criterion of it was changed after the rows were made."""
        claims = [claim for line in self.lines for claim in line.judged if claim]
        return any(claim["changed"] and claim["changed"]["later"] for claim in claims)


def overview(profiles: Sequence[Sequence[Known]], beyond: bool) -> list[Group]:
    """All claims by what they are of, in the order of the experiments; those of which nothing was judged last.

    Args:
        profiles: the claims of each.
        beyond: whether those beyond the paper are meant, or those of the paper.
    """
    own = [[claim for claim in claims if claim["beyond"] == beyond] for claims in profiles]
    groups: dict[str, list[Line]] = {}
    for name in dict.fromkeys(claim["id"] for claims in own for claim in claims):
        alike = list(zip_longest(*([claim for claim in claims if claim["id"] == name] for claims in own)))
        for number, judged in enumerate(alike):
            known = next(filter(None, judged))
            groups.setdefault(known["criterion"]["claim"], []).append(
                Line(known, judged, number == 0, len(alike) == 1)
            )
    found = [Group(claim, lines) for claim, lines in groups.items()]
    return sorted(found, key=lambda group: not group.found)
