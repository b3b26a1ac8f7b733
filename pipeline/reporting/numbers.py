"""How numbers are written: mean ± standard deviation, and powers of ten, in HTML, LaTeX and plain text."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN_EXPONENTS = range(-2, 4)  # 0.0123 to 9999 are written out; other magnitudes as a power of ten
MISSING = "–"


@dataclass(frozen=True)
class Written:
    """A number in parts.

    Attributes:
        body: "1.23", "1.23 ± 0.31" or "1.23 to 1.31", with a proper minus.
        power: of ten, or None.
        n: how many values it rests on, where that is to be said.
    """

    body: str
    power: int | None = None
    n: int | None = None

    @property
    def plain(self) -> str:
        """For Markdown and for text."""
        number = self._join(" × 10", "" if self.power is None else str(self.power).translate(_SUPERSCRIPT))
        return number + self._count("n")

    @property
    def html(self) -> str:
        """For HTML; safe as it is."""
        number = self._join(" × 10", "" if self.power is None else f"<sup>{_minus(str(self.power))}</sup>")
        return number + self._count("n")

    @property
    def latex(self) -> str:
        """For LaTeX, in math mode; a missing number is a dash."""
        if self.body == MISSING:
            return "--"
        number = self._join(r"\times 10", "" if self.power is None else f"^{{{self.power}}}")
        number = number.replace("−", "-").replace("±", r"\pm").replace(" [", r"\ [").replace(", ", r",\ ")
        return f"${number}$" + self._count("$n$")

    def _count(self, n: str) -> str:
        return "" if self.n is None else f" ({n} = {self.n})"

    def _join(self, times: str, power: str) -> str:
        if self.power is None:
            return self.body
        return (f"({self.body})" if " " in self.body else self.body) + times + power  # the power is of every number


def write(value: float, spread: float = math.nan, decimals: int | None = None) -> Written:
    """`value` or `value ± spread`, with `decimals` or, if None, with three significant digits of the larger one.

    Without fixed decimals, magnitudes outside 0.01 to 10,000 become a power of ten. What is not finite is
    missing: a dash for the value, nothing for the spread.
    """
    if not math.isfinite(value):
        return Written(MISSING)
    known = math.isfinite(spread)
    if value == 0 and (not known or spread == 0):
        return Written("0")
    if decimals is not None:
        return Written(_with_spread(value, spread, decimals))
    return _significant(value, spread, _exponent(max(abs(value), spread if known else 0.0)), 2)


def write_bounds(value: float, low: float, high: float, decimals: int) -> Written:
    """A difference with its sign and its interval, "+1.23 [0.45, 2.01]"; without an interval, alone.

    With `decimals`, or fewer where three digits of the interval's width are before them: "+7587 [2481, 12692]".
    """
    if not math.isfinite(value):
        return Written(MISSING)
    if math.isfinite(high - low):
        decimals = min(decimals, max(2 - _exponent(high - low), 0))
    bounds = f" [{low:z.{decimals}f}, {high:z.{decimals}f}]" if math.isfinite(low) and math.isfinite(high) else ""
    return Written(_minus(f"{value:+z.{decimals}f}{bounds}"))


def write_interval(*values: float) -> list[Written]:
    """An estimate and its bounds with as many digits as tell them apart: two of their distance, at least three.

    So 0.9999 with bounds 0.99985 and 0.99995 does not become 1.00 from 1.00 to 1.00.
    """
    finite = [value for value in values if math.isfinite(value)]
    width = max(finite, default=0.0) - min(finite, default=0.0)
    exponent = _exponent(max((abs(value) for value in finite), default=0.0))
    digits = min(max(exponent - _exponent(width) + 1, 2), 8) if width > 0 else 2
    return [
        _significant(value, math.nan, exponent, digits) if value and math.isfinite(value) else write(value)
        for value in values
    ]


def signed(change: int) -> str:
    """A change with its sign: +75, 0, −75."""
    return _minus(f"{change:+d}") if change else "0"


def _significant(value: float, spread: float, exponent: int, digits: int) -> Written:
    """A number with `digits` after the first of its power of ten, which is written out if it is near 1."""
    if exponent in _PLAIN_EXPONENTS:
        return Written(_with_spread(value, spread, max(digits - exponent, 0)))
    scale = 10.0**exponent
    return Written(_with_spread(value / scale, spread / scale, digits), exponent)


def _with_spread(value: float, spread: float, decimals: int) -> str:
    text = f"{value:z.{decimals}f}"  # z: no minus before a zero
    if math.isfinite(spread):
        text += f" ± {spread:.{decimals}f}"
    return _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _exponent(value: float) -> int:
    """Power of ten of a value once it is rounded to three digits: 9.996 is 1.00e1."""
    return int(f"{value:.2e}".split("e")[1])
