"""Ages as people write them, and what spreadsheets make of them."""

from __future__ import annotations

import pytest

from facetally.datasets.ages import is_missing, looks_like_date, read_age


@pytest.mark.parametrize(
    ("text", "low_years", "high_years", "years"),
    [
        *(("0", 0, 0, 0), ("120", 120, 120, 120), (" 31 ", 31, 31, 31), ("31.5", 31.5, 31.5, 31.5)),
        *(("31,5", 31.5, 31.5, 31.5), ("31,254", 31.254, 31.254, 31.254), ("40,25", 40.25, 40.25, 40.25)),
        *(("30 years", 30, 30, 30), ("30 years old", 30, 30, 30), ("18 months", 1.5, 1.5, 1.5), ("30yrs", 30, 30, 30)),
        *(("3-9", 3, 9, 6), ("20–29", 20, 29, 25), ("20 - 29", 20, 29, 25), ("25 to 32", 25, 32, 29)),
        *(
            ("(25, 32)", 25, 32, 29),
            ("[20-29]", 20, 29, 25),
            ("6-12 months", 0.5, 1, 0.75),
            ("20~29", 20, 29, 25),
            ("0-120", 0, 120, 60),
        ),
        *(("more than 70", 70, 120, 75), ("70+", 70, 120, 75), ("60 and over", 60, 120, 65), (">=18", 18, 120, 23)),
        *(("under 18", 0, 17, 9), ("<2", 0, 1, 1), ("2 or younger", 0, 1, 1), ("118+", 118, 120, 120)),
    ],
)
def test_an_age_is_a_number_or_a_range_from_0_to_120(
    text: str, low_years: float, high_years: float, years: float
) -> None:
    age = read_age(text)
    assert age is not None
    assert (age.low_years, age.high_years, age.years) == (low_years, high_years, years)


@pytest.mark.parametrize(
    "text",
    [
        *("", "-31", "2014", "121", "29-20", "60-150", "1e2", "0x1F", "nan", "inf", "old", "about 30", "25-32-40"),
        *("25,32", "9-Mar", "2024-03-09", "3/9", "45360", "thirty", "1999-2004", "+", "-", "to", "٣٤-"),
    ],
)
def test_anything_else_is_no_age(text: str) -> None:
    assert read_age(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("9-Mar", "3-Sep", "19-Oct", "Mar-09", "09. Mrz", "9 mars", "3-sept.", "20-Dez", "2024-03-09 00:00:00"),
        *("09/03/2024", "9.3.2024", "3/9", "45360", "Oct-19", "Oct 19, 2024", "10-Mai"),
    ],
)
def test_dates_are_recognised_as_damage_by_a_spreadsheet(text: str) -> None:
    assert looks_like_date(text)


@pytest.mark.parametrize("text", ["3-9", "2014", "-31", "31", "31.5", "marked", "20-29", "70+", "999999", ""])
def test_ages_and_other_mistakes_are_no_dates(text: str) -> None:
    assert not looks_like_date(text)


@pytest.mark.parametrize(
    ("text", "missing"), [("", True), (" N/A ", True), ("Unknown", True), ("?", True), ("0", False)]
)
def test_a_word_for_a_missing_value_is_no_mistake(text: str, missing: bool) -> None:
    assert is_missing(text) == missing
