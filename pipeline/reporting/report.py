"""The report of one profile or several: one HTML file that needs no other and no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.reporting.analysed import Profile
from pipeline.reporting.origins import origins
from pipeline.reporting.overview import overview
from pipeline.reporting.pictures import PICTURES
from pipeline.reporting.style import COLOURS
from pipeline.reporting.summary import summary
from pipeline.reporting.templates import template


def page(profiles: Sequence[Profile]) -> str:
    """The page, to be put beside the folders of the profiles, to whose files it links.

    Args:
        profiles: with what their analyses wrote; of several the first table has the claims side by side.
    """
    claims = [profile.claims for profile in profiles]
    return template("report.html").render(
        profiles=profiles,
        several=len(profiles) > 1,
        colours=COLOURS,
        summaries=[(profile.name, " ".join(summary(profile))) for profile in profiles],
        groups=overview(claims, beyond=False),
        beyond=overview(claims, beyond=True),
        pictures=[(name, picture, _drawn(profiles, name)) for name, picture in PICTURES.items()],
        origins=origins(profiles),
    )


def outcomes(profile: Profile) -> dict[str, Any]:
    """The outcome of every claim by its name; of a claim that is judged on several data sets, one for each."""
    found: dict[str, dict[str, str]] = {}
    for claim in profile.claims:
        found.setdefault(claim["id"], {})[" + ".join(claim["on"])] = claim["outcome"]
    return {name: next(iter(by.values())) if len(by) == 1 else by for name, by in found.items()}


def _drawn(profiles: Sequence[Profile], name: str) -> list[tuple[str, Sequence[str]]]:
    """Profile -> drawings of an experiment for the first page, where there are some."""
    each = [(profile.name, own) for profile in profiles for own in profile.experiments if own.name == name]
    return [(profile, own.drawings) for profile, own in each if own.drawings]
