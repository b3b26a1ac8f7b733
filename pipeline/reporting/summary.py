"""What a reader asks of a report first: on what data, at what scale, in what time and where it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.results.provenance import data_sets
from pipeline.results.text import counted


def facts(runs: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Name -> words, from the records of the runs of a profile's experiments; what no run says is left out."""
    data = {name: known.words for run in runs for name, known in data_sets(run).items()}
    steps = [run["network_steps"] for run in runs if isinstance(run.get("network_steps"), int)]
    seconds = [run["seconds"] for run in runs if isinstance(run.get("seconds"), int | float)]
    repeated = sum(1 for run in runs if run.get("jobs") != run.get("jobs_run") or run.get("jobs_resumed"))
    took = duration(sum(seconds)) + (
        f", without what {counted(repeated, 'experiment')} kept from an earlier run" if repeated else ""
    )
    found = {
        "Data": "; ".join(data.values()),
        "Scale": f"{counted(len(runs), 'experiment')}, {sum(steps):,} steps of one network" if steps else "",
        "Time to train and measure": took if seconds else "",
        "Machine": _alike(runs, "device", "processor", "platform"),
        "Code": _alike(runs, "code"),
        "Versions": ", ".join(f"{name} {words}" for name in ("python", "torch") if (words := _alike(runs, name))),
    }
    return {name: words for name, words in found.items() if words}


def duration(seconds: float) -> str:
    """Seconds as hours and minutes, or minutes and seconds."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"


def _alike(runs: Sequence[Mapping[str, Any]], *keys: str) -> str:
    """The different values of some keys together, each once."""
    found = [", ".join(str(run[key]) for key in keys if key in run) for run in runs]
    return "; ".join(dict.fromkeys(filter(None, found)))
