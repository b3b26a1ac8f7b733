"""The HTML templates beside this file, with everything escaped that is not marked as HTML."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pipeline.reporting.numbers import MISSING, Written, write, write_interval
from pipeline.results.claims.base import Answer, Outcome

if TYPE_CHECKING:
    from jinja2 import Template

UNBROKEN = "\N{NO-BREAK SPACE}"
Known = Mapping[str, Any]  # a claim, its criterion or one of its cells, as claims.json holds them


def template(name: str) -> Template:
    """A template of this package; a name it does not know is an error, not an empty place."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (bounds, briefly, counts, data, effect, estimate, quantity, region, repeats, spaceless)
    environment.filters |= {each.__name__: each for each in filters}
    return environment.get_template(name)


def estimate(cell: Known, criterion: Known) -> str:
    """The mean of a cell."""
    return _html(_written(cell, criterion)[0].html)


def bounds(cell: Known, criterion: Known) -> str:
    """Its interval, "0.12 to 0.34"; a dash without one. Of a claim of every value only "0" if all are."""
    _, low, high = _written(cell, criterion)
    if MISSING in (low.body, high.body):
        return _html(MISSING)
    alike = criterion["every"] and low.body == high.body
    return _html(_together(low.body if alike else f"{low.body} to {high.body}", low, high))


def effect(claim: Known) -> str:
    """The means of a claim with their intervals; of many the least and the most; a dash if there is nothing.

    Of a claim of every value its least and its largest.
    """
    cells, criterion = claim["cells"], claim["criterion"]
    if not cells:
        return _html(MISSING)
    if criterion["every"]:
        whole = {"estimate": cells[0]["estimate"]} | {
            end: None if any(cell[end] is None for cell in cells) else of(cell[end] for cell in cells)
            for end, of in (("low", min), ("high", max))
        }
        return bounds(whole, criterion)
    ends = sorted(cells, key=lambda cell: (cell["estimate"] is None, _number(cell["estimate"])))  # infinite ones last
    shown = cells if len(cells) < 3 else (ends[0], ends[-1])
    said = []
    for cell in shown:
        middle, low, high = _written(cell, criterion)
        interval = MISSING if MISSING in (low.body, high.body) else f"{low.body}, {high.body}"
        written = _together(f"{middle.body} [{interval}]", middle, low, high)
        said.append(written.replace(" ", UNBROKEN).replace(f"{UNBROKEN}[", " ["))  # a line may end before an interval
    apart = f'{" …" if len(cells) > 2 else ";"}</span> <span class="estimate">'  # but rather after it
    return _html(f'<span class="estimate">{apart.join(said)}</span>')


def data(claim: Known) -> str:
    """On what it was judged; of many the first."""
    first, *others = " + ".join(claim["on"]).split(" + ")
    return f"{first} + {len(others)} more" if others else first


def repeats(claim: Known) -> str:
    """How many there are, and are needed: "8 (6)"."""
    fewest = min((cell["n"] for cell in claim["cells"]), default=0)
    return f"{fewest} ({claim['needed']})"


def quantity(claim: Known) -> str:
    """What a mean is."""
    criterion = claim["criterion"]
    what = "geometric mean" if criterion["ratio"] else "mean"
    return f"{what} ({criterion['unit']})" if criterion["unit"] else what


def region(claim: Known, brief: bool = False) -> str:
    """Where a claim wants its means, e.g. "above 0.5 points"; briefly "> 0.5"."""
    criterion = claim["criterion"]
    low, high = criterion["region"]  # None without a bound
    # A bound of a ratio has no unit; its unit says of what it is.
    ending = f" {criterion['unit']}" if criterion["unit"] and not criterion["ratio"] and not brief else ""
    said = ("all " if brief else "every value ") if criterion["every"] else ""
    above, below, between = ("&gt;", "&lt;", "") if brief else ("above", "below", "from ")
    if high is None:
        return _html(f"{said}{above} {_bound(low, criterion)}") + ending
    if low is None:
        return _html(f"{said}{below} {_bound(high, criterion)}") + ending
    return _html(f"{said}{between}{_bound(low, criterion)} to {_bound(high, criterion)}") + ending


def briefly(reason: str) -> str:
    """Why something was not judged as far as the first colon or semicolon; all of it stands with the evidence."""
    return re.split("[:;]", reason)[0]


def counts(outcomes: Sequence[str]) -> dict[str, int]:
    """How often there was which, in the order in which criteria have them."""
    order = [*get_args(Outcome), *get_args(Answer)]
    return {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(order) if outcome in outcomes}


def spaceless(text: str) -> str:
    """A text as a part of an identifier."""
    return text.replace(": ", "-").replace(" ", "-")


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _back(value: float | None, criterion: Known) -> float:
    number = _number(value)
    return 10.0 ** min(number, 300.0) if criterion["ratio"] else number


def _bound(value: float | None, criterion: Known) -> str:
    """A bound as it was chosen: 0.05 and 1, not 0.0500 and 1.00."""
    written = write(_back(value, criterion))
    body = written.body.rstrip("0").rstrip(".") if "." in written.body else written.body
    return Written(body, written.power).html


def _written(cell: Known, criterion: Known) -> list[Written]:
    return write_interval(*(_back(cell[name], criterion) for name in ("estimate", "low", "high")))


def _together(text: str, *numbers: Written) -> str:
    """Numbers with their power of ten once, as they have the same; 0 and what is missing have none."""
    return Written(text, next((number.power for number in numbers if number.power is not None), None)).html


def _html(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)
