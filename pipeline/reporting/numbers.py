"""How numbers are written: mean ± standard deviation, and powers of ten, in HTML, LaTeX and plain text."""

from __future__ import annotations

import math
from dataclasses import dataclass

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLAIN_EXPONENTS = range(-2, 4)  # 0.0123 to 9999 are written out; other magnitudes as a power of ten
MISSING = "–"


@dataclass(frozen=True)
class Written:
    """A number in parts: `body` is "1.23" or "1.23 ± 0.31" with a proper minus; `power` of ten or None."""

    body: str
    power: int | None = None

    @property
    def plain(self) -> str:
        """For Markdown and for text."""
        return self._join(" × 10", "" if self.power is None else str(self.power).translate(_SUPERSCRIPT))

    @property
    def html(self) -> str:
        """For HTML; safe as it is."""
        return self._join(" × 10", "" if self.power is None else f"<sup>{_minus(str(self.power))}</sup>")

    @property
    def latex(self) -> str:
        """For LaTeX, in math mode; a missing number is a dash."""
        if self.body == MISSING:
            return "--"
        number = self._join(r"\times 10", "" if self.power is None else f"^{{{self.power}}}")
        return "$" + number.replace("−", "-").replace("±", r"\pm") + "$"

    def _join(self, times: str, power: str) -> str:
        if self.power is None:
            return self.body
        return (f"({self.body})" if "±" in self.body else self.body) + times + power


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
    exponent = _exponent(max(abs(value), spread if known else 0.0))
    if exponent in _PLAIN_EXPONENTS:
        return Written(_with_spread(value, spread, max(2 - exponent, 0)))
    scale = 10.0**exponent
    return Written(_with_spread(value / scale, spread / scale, 2), exponent)


def signed(change: int) -> str:
    """A change with its sign: +75, 0, −75."""
    return _minus(f"{change:+d}") if change else "0"


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
