"""The HTML templates beside this file, with everything escaped that is not marked as HTML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.reporting.numbers import Written, write, write_interval
from pipeline.results.claims.base import Interval, Number

if TYPE_CHECKING:
    from jinja2 import Template


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
    environment.filters |= {"number": _number, "interval": _interval}
    return environment.get_template(name)


def _number(value: Number) -> str:
    """A number of a verdict; of an interval its estimate."""
    from markupsafe import Markup, escape

    if isinstance(value, Interval):
        return Markup(_written(value)[0].html)
    return Markup(write(value).html) if isinstance(value, float) else escape(value)


def _interval(value: Number) -> str:
    """The 95% interval of a number of a verdict, if it has one."""
    from markupsafe import Markup

    if not isinstance(value, Interval):
        return ""
    _, low, high = _written(value)
    return Markup(f"{low.html} to {high.html}")


def _written(interval: Interval) -> list[Written]:
    return write_interval(interval.estimate, interval.low, interval.high)
