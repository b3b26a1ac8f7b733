"""What a reader asks of a report first: of a profile its scale, and how its claims came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.reporting.analysed import Analysed, Profile
from pipeline.reporting.templates import counts
from pipeline.results.provenance import absent
from pipeline.results.text import counted


def summary(profile: Profile) -> list[str]:
    """Sentences: the scale; the outcomes, and under whose protocol; what was not judged, and why; what was known."""
    return [*_scale(profile), *_outcomes(profile), *_unjudged(profile), *_fewer(profile), *_seen(profile)]


def duration(seconds: float) -> str:
    """Seconds as hours and minutes, or minutes and seconds."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"


def _scale(profile: Profile) -> Iterator[str]:
    """On what data, how much was trained and in what time; what no run says is left out."""
    runs = [each.record["run"] for each in profile.experiments]
    names = ", ".join(dict.fromkeys(name for run in runs for name in run["datasets"]))
    steps = [run["network_steps"] for run in runs if isinstance(run.get("network_steps"), int)]
    seconds = [run["seconds"] for run in runs if isinstance(run.get("seconds"), int | float)]
    kept = sum(1 for run in runs if run.get("jobs") != run.get("jobs_run") or run.get("jobs_resumed"))
    said = [counted(len(runs), "experiment") + (f" on {names}" if names else "")]
    said += [f"{sum(steps):,} training steps"] if steps else []
    said += [duration(sum(seconds))] if seconds else []
    said += [f"without what {counted(kept, 'experiment')} kept from an earlier run"] if kept else []
    yield f"{', '.join(said)}."


def _outcomes(profile: Profile) -> Iterator[str]:
    """How many claims had which outcome, and whether the paper's protocol was used; nothing if there are none."""
    claims = [claim for claim in profile.claims if not claim["beyond"]]
    if claims:
        found = counts([claim["outcome"] for claim in claims])
        said = [
            f"{count} {outcome}{_exact(claims) if outcome == 'reproduced' else ''}"
            for outcome, count in found.items()
        ]
        alike = sum(claim["basis"]["same_as_paper"] for claim in claims)
        under = {0: "None", len(claims): "All"}.get(alike, str(alike))
        yield (
            f"Claims and parts of claims: {len(claims)}, of which {', '.join(said)}. {under} of them under the "
            "paper’s protocol (its data, network, epochs and every other setting, and no fewer repeats)."
        )


def exact(claims: Sequence[Mapping[str, Any]]) -> int:
    """How many that were reproduced hold by algebra; of every value without chance are no others."""
    criteria = [claim["criterion"] for claim in claims if claim["outcome"] == "reproduced"]
    return sum(criterion["every"] and not criterion["needs"] for criterion in criteria)


def _exact(claims: Sequence[Mapping[str, Any]]) -> str:
    count = exact(claims)
    some, one = (
        "exact properties, which hold by algebra and test",
        "an exact property, which holds by algebra and tests",
    )
    return f" ({count} of them {one if count == 1 else some} the code)" if count else ""


def _unjudged(profile: Profile) -> Iterator[str]:
    """How many claims could not be judged and for what reason, where an experiment has no outcome at all."""
    claiming = [each for each in profile.experiments if each.record["claims"] and not each.claims]
    for reason, there in (("for lack of data", False), ("because every network diverged", True)):
        without = [each for each in claiming if bool(each.record["run"]["datasets"]) == there]
        if without:
            count = counted(sum(len(each.record["claims"]) for each in without), "claim")
            yield f"{count} could not be judged {reason}: {'; '.join(map(_claims, without))}."


def _claims(experiment: Analysed) -> str:
    return f"{experiment.title} ({', '.join(map(str, experiment.record['claims']))})"


def _fewer(profile: Profile) -> Iterator[str]:
    """Which experiments are judged without some of their data."""
    names = [
        f"{each.title} (without {', '.join(absent(each.record['run']))})"
        for each in profile.experiments
        if absent(each.record["run"]) and each.record["run"]["datasets"]
    ]
    if names:
        yield f"Judged without some of the data, which was not available: {'; '.join(names)}."


def _seen(profile: Profile) -> Iterator[str]:
    """On which data outcomes were known when their criteria were written."""
    on = [" + ".join(claim["on"]) for claim in profile.claims if claim.get("seen")]
    if on:
        names = ", ".join(dict.fromkeys(" + ".join(on).split(" + ")))
        yield (
            f"The criteria were written when results on {names} were known: on them they describe, and decide only "
            "on data that nobody had run."
        )
