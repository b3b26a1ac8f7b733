"""The HTML templates beside this file, with everything escaped that is not marked as HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.reporting.numbers import MISSING, write, write_interval

if TYPE_CHECKING:
    from jinja2 import Template

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
    filters = (bounds, effect, estimate, quantity, region, repeats)
    environment.filters |= {each.__name__: each for each in filters}
    return environment.get_template(name)


def estimate(cell: Known, criterion: Known) -> str:
    """The mean of a cell."""
    return _html(_written(cell, criterion)[0])


def bounds(cell: Known, criterion: Known) -> str:
    """Its interval, "0.12 to 0.34"; a dash without one."""
    _, low, high = _written(cell, criterion)
    return _html(f"{low} to {high}" if MISSING not in (low, high) else MISSING)


def effect(claim: Known) -> str:
    """The means of a claim with their intervals; of many the least and the most; a dash if there is nothing."""
    cells, criterion = claim["cells"], claim["criterion"]
    ends = sorted(cells, key=lambda cell: (cell["estimate"] is None, _number(cell["estimate"])))  # infinite ones last
    shown = cells if len(cells) < 3 else (ends[0], ends[-1])
    said = [f"{estimate(cell, criterion)} [{bounds(cell, criterion)}]" for cell in shown]
    return _html((" … " if len(cells) > 2 else "; ").join(said) or MISSING)


def repeats(claim: Known) -> str:
    """How many there are, and are needed: "8 (6)"."""
    fewest = min((cell["n"] for cell in claim["cells"]), default=0)
    return f"{fewest} ({claim['needed']})"


def quantity(claim: Known) -> str:
    """What a mean is."""
    criterion = claim["criterion"]
    what = "geometric mean" if criterion["ratio"] else "mean"
    return f"{what} ({criterion['unit']})" if criterion["unit"] else what


def region(claim: Known) -> str:
    """Where a claim wants its means, e.g. "above 0.5 points"."""
    criterion = claim["criterion"]
    low, high = criterion["region"]  # None without a bound
    # A bound of a ratio has no unit; its unit says of what it is.
    unit = f" {criterion['unit']}" if criterion["unit"] and not criterion["ratio"] else ""
    said = "every value " if criterion["every"] else ""
    if high is None:
        return _html(f"{said}above {_bound(low, criterion)}") + unit
    if low is None:
        return _html(f"{said}below {_bound(high, criterion)}") + unit
    return _html(f"{said}from {_bound(low, criterion)} to {_bound(high, criterion)}") + unit


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _back(value: float | None, criterion: Known) -> float:
    number = _number(value)
    return 10.0**number if criterion["ratio"] else number


def _bound(value: float, criterion: Known) -> str:
    return write(_back(value, criterion)).html


def _written(cell: Known, criterion: Known) -> list[str]:
    values = (_back(cell[name], criterion) for name in ("estimate", "low", "high"))
    return [each.html for each in write_interval(*values)]


def _html(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)
