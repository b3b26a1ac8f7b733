from __future__ import annotations

import math

import pytest

from pipeline.reporting.numbers import Written, signed, write, write_bounds, write_interval


@pytest.mark.parametrize(
    ("value", "spread", "plain", "latex", "html"),
    [
        (
            1.234e-6,
            3.1e-7,
            "(1.23 ± 0.31) × 10⁻⁶",
            r"$(1.23 \pm 0.31)\times 10^{-6}$",
            "(1.23 ± 0.31) × 10<sup>−6</sup>",
        ),
        (-2.5e-13, math.nan, "−2.50 × 10⁻¹³", r"$-2.50\times 10^{-13}$", "−2.50 × 10<sup>−13</sup>"),
        (0.5321, 0.0412, "0.532 ± 0.041", r"$0.532 \pm 0.041$", "0.532 ± 0.041"),
        (1234.0, 56.0, "1234 ± 56", r"$1234 \pm 56$", "1234 ± 56"),
        (1e-9, 2e-8, "(0.10 ± 2.00) × 10⁻⁸", r"$(0.10 \pm 2.00)\times 10^{-8}$", "(0.10 ± 2.00) × 10<sup>−8</sup>"),
        (0.0, 0.0, "0", "$0$", "0"),
        (math.nan, math.nan, "–", "--", "–"),
        (math.inf, 1.0, "–", "--", "–"),
    ],
)
def test_magnitudes_choose_the_notation(value: float, spread: float, plain: str, latex: str, html: str) -> None:
    written = write(value, spread)
    assert (written.plain, written.latex, written.html) == (plain, latex, html)


def test_fixed_decimals() -> None:
    assert write(90.066, 0.744, 2).plain == "90.07 ± 0.74"
    assert write(90.066, math.nan, 2).plain == "90.07"
    assert write(-0.001, 0.0, 2).plain == "0.00 ± 0.00"  # no minus before a zero


def test_a_mantissa_never_rounds_to_ten() -> None:
    assert write(9.996e-7).plain == "1.00 × 10⁻⁶"
    assert write(9.994e-7).plain == "9.99 × 10⁻⁷"


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        ((0.9999, 0.99985, 0.99995), ["0.99990", "0.99985", "0.99995"]),
        ((0.0332, 0.0326, 0.0338), ["0.0332", "0.0326", "0.0338"]),
        ((1.0, 1.0, 1.0), ["1.00", "1.00", "1.00"]),
        ((0.0, -0.042, 0.042), ["0", "−0.0420", "0.0420"]),
        ((2e-7, 1e-7, 3e-7), ["2.00 × 10⁻⁷", "1.00 × 10⁻⁷", "3.00 × 10⁻⁷"]),
        ((0.5, math.nan, math.nan), ["0.500", "–", "–"]),
    ],
)
def test_an_interval_can_be_told_from_its_estimate(values: tuple[float, ...], plain: list[str]) -> None:
    assert [written.plain for written in write_interval(*values)] == plain


def test_a_power_of_ten_is_of_every_number_before_it() -> None:
    assert Written("0.75 to 1.88", -14).plain == "(0.75 to 1.88) × 10⁻¹⁴"
    assert Written("3.12 [0.07, 6.18]", -3).latex == r"$(3.12\ [0.07,\ 6.18])\times 10^{-3}$"
    assert Written("1.88", -14).html == "1.88 × 10<sup>−14</sup>" and Written("0 to 1").html == "0 to 1"


def test_changes_have_signs() -> None:
    assert [signed(change) for change in (75, 0, -1)] == ["+75", "0", "−1"]


@pytest.mark.parametrize(
    ("values", "decimals", "plain"),
    [
        ((7586.513, 2481.222, 12691.804), 2, "+7587 [2481, 12692]"),
        ((-9.151, -18.094, -0.208), 2, "−9.2 [−18.1, −0.2]"),
        ((1.2345, 0.4502, 2.0113), 2, "+1.23 [0.45, 2.01]"),
        ((0.0004, 0.00031, 0.00042), 4, "+0.0004 [0.0003, 0.0004]"),
        ((1234.5, math.nan, math.nan), 2, "+1234.50"),
        ((math.nan, 0.0, 1.0), 2, "–"),
    ],
)
def test_a_difference_has_no_digits_that_its_interval_makes_vain(
    values: tuple[float, float, float], decimals: int, plain: str
) -> None:
    """Three digits of the interval's width, and never more decimals than asked for."""
    assert write_bounds(*values, decimals).plain == plain
