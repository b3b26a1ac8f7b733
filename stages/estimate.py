"""What a profile will take on this machine, before anything runs: python -m stages.estimate --profile PROFILE."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.profile import load_profile
from pipeline.results.text import clock
from stages import cli

if TYPE_CHECKING:
    from pipeline.execution.estimate import Estimate

_COLUMNS = (
    "experiment",
    "data",
    "jobs",
    "networks",
    "steps (M)",
    "workers",
    "time",
    "starts, figures",
    "own (MB)",
    "shared (MB)",
)

_ADDED = ("jobs", "networks", "steps", "seconds", "around")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the expected time and memory of every experiment of the profile."""
    parser = cli.parser("Print what every experiment of a profile will take on this machine.")
    parser.add_argument("--json", action="store_true", help="as JSON: seconds and bytes")
    options = parser.parse_args(arguments)
    with cli.clear_errors():
        from pipeline.execution.estimate import estimate

        found = estimate(load_profile(options.profile))
        print(json.dumps(asdict(found), indent=2) if options.json else text(found))


def text(found: Estimate) -> str:
    """A table, a line an experiment, and what it does not say."""
    rows = [
        (
            each.experiment,
            ", ".join(each.data + [f"({name}: not known)" for name in each.missing]),
            str(each.jobs),
            str(each.networks),
            f"{each.steps / 1e6:.2f}",
            str(each.workers),
            _time(each.seconds, bool(each.missing)),
            _time(each.around, bool(each.missing)),
            _megabytes(each.own),
            _megabytes(each.shared),
        )
        if each.jobs
        else (each.experiment, f"({', '.join(each.missing)}: not known)", *["?"] * 8)
        for each in found.experiments
    ]
    jobs, networks, steps, seconds, around = (
        sum(getattr(each, what) for each in found.experiments) for what in _ADDED
    )
    partly, beside = any(each.missing for each in found.experiments), around + found.closing
    closing = ("report, MLflow", *[""] * 6, _time(found.closing, False), "", "")
    times = _time(seconds, partly), _time(beside, partly)
    total = ("total", "", str(jobs), str(networks), f"{steps / 1e6:.2f}", "", *times, "", "")
    whole = f"- In all: {_time(seconds + beside, partly)}."
    return "\n".join([*_table([_COLUMNS, *rows, closing, total]), "", whole, *_notes(found)])


def _time(seconds: float, partly: bool) -> str:
    """Where it is not of all that will be done, marked as the least."""
    days = f" ({seconds / 86_400:.0f} days)" if seconds > 2 * 86_400 else ""
    return f"{'> ' if partly else ''}{clock(seconds)}{days}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Markdown, its columns aligned: text to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        aligned = [
            cell.ljust(width) if number < 2 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(aligned)} |"

    rule = [("-" * width) if number < 2 else "-" * (width - 1) + ":" for number, width in enumerate(widths)]
    head, *others = rows
    return [line(head), line(rule), *map(line, others)]


def _notes(found: Estimate) -> list[str]:
    place = "the GPU's memory" if found.device == "cuda" else "memory"
    notes = [
        f"Time: of the jobs, from {found.measured} ensembles trained and diagonalised for a moment on "
        f"{found.device}, and for others from a model that is off by at most {found.step_error:.0%} in a step of one "
        f"of these, by {found.pass_error:.0%} in a test and by {found.change_error:.0%} in a change of width."
        if found.measured
        else "Time: nothing was measured, since the size of no data set is known.",
        "Starts, figures: what DVC, the start of each stage and of its workers, and tables and figures take, from a "
        "run of the pipeline with next to no training. As much is counted for each experiment and data set, since "
        "what will be drawn is not known before.",
        "Steps: network-steps in millions, the steps of each network added up.",
        f"Memory: each worker's own, and the images, which they share; at most {_megabytes(found.memory)} MB of "
        f"{place} in all.",
        "Not included: fetching. Networks whose widths follow from training (task_schedule) are counted at "
        "those they start with.",
        *(f"Not counted: {name}; {reason}." for name, reason in found.unknown.items()),
    ]
    return [f"- {note}" for note in notes]


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f}"


if __name__ == "__main__":
    main()
