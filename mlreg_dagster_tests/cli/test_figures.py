"""Numbers of the terminal: what is missing is said, in any kind of missing."""

import math

import pytest

from mlreg_dagster.cli.figures import as_change, as_interval, as_number, as_percent, in_colour, with_interval

NOTHING = [None, math.nan]


@pytest.mark.parametrize("missing", NOTHING)
def test_a_number_that_is_missing_is_a_dash(missing):
    assert {as_number(missing), as_percent(missing), as_change(missing), with_interval(missing, 0.1, 0.2)} == {"-"}


def test_numbers_are_written_in_few_digits():
    assert [as_number(0.123456), as_percent(0.5), as_change(0.1), as_change(-0.00004)] == [
        "0.123", "50.0%", "+0.1000", "-0.0000",
    ]  # fmt: skip


def test_zero_is_a_number():
    assert [as_number(0), as_percent(0.0), as_change(0.0)] == ["0", "0.0%", "+0.0000"]
    assert with_interval(0.0, 0.0, 0.0) == "0 (0 to 0)"


@pytest.mark.parametrize("missing", NOTHING)
def test_an_interval_with_one_end_is_none(missing):
    assert as_interval(0.1, missing) == as_interval(missing, 0.1) == "can't be told"
    assert with_interval(0.5, 0.1, missing, as_percent) == with_interval(0.5, missing, 0.1, as_percent) == "50.0%"


def test_an_interval_is_written_as_its_number():
    assert with_interval(0.5, 0.25, 0.75, as_percent) == "50.0% (25.0% to 75.0%)"


@pytest.mark.parametrize(("verdict", "shown"), [
    ("better", "[green]better[/]"), ("worse", "[red]worse[/]"), ("no difference", "no difference"), (None, ""),
])  # fmt: skip
def test_only_a_difference_has_a_colour(verdict, shown):
    assert in_colour(verdict) == shown
