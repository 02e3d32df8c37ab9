"""Times on air are found in names by a pattern, or read in ISO form."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facetally.errors import OptionError
from facetally.tallies.air_time import AirTime, ClockPattern, parse_air_time


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("%Y-%m-%d %H%M", "news 2026-03-01 1950.mp4", "2026-03-01 19:50"),
        ("%Y%m%d_%H%M%S", "b/20260301_195030_news.ts", "2026-03-01 19:50:30"),
        ("%d.%m.%Y %H.%M", "01.03.2026 07.05.mkv", "2026-03-01 07:05"),
        ("%Y-%m-%d/%H%M", "2026-03-01/1950 news.mp4", "2026-03-01 19:50"),
        ("%d %b %Y %I%p", "1 march - 01 Mar 2026 07PM.mp4", "2026-03-01 19:00"),
        ("%Y-%m-%d", "2026-03-01 1950.mp4", "2026-03-01 00:00"),
        ("%y%m%d-%H%M", "100 % 260301-1950.mp4", "2026-03-01 19:50"),
    ],
)
def test_a_time_is_found_in_a_name(pattern: str, name: str, found: str) -> None:
    time = ClockPattern(pattern).find(name)
    assert time == AirTime(datetime.fromisoformat(found), has_time=pattern != "%Y-%m-%d")


@pytest.mark.parametrize("name", ["news.mp4", "2026-13-01 1950.mp4", "12026-03-01 19500.mp4", "2026-03-01.mp4", ""])
def test_what_is_no_time_is_not_found(name: str) -> None:
    assert ClockPattern("%Y-%m-%d %H%M").find(name) is None


def test_the_file_name_counts_before_its_folders_and_the_first_time_before_the_second() -> None:
    name = "2026-01-01 0000/2026-03-01 1950 to 2026-03-01 2015.mp4"
    found = ClockPattern("%Y-%m-%d %H%M").find(name)
    assert found is not None
    assert found.start == datetime(2026, 3, 1, 19, 50)


def test_a_month_13_before_the_time_is_passed_over() -> None:
    found = ClockPattern("%Y-%m-%d").find("2026-13-99 2026-03-01.mp4")
    assert found is not None
    assert found.start == datetime(2026, 3, 1)


@pytest.mark.parametrize("pattern", ["", "%H:%M", "%Y-%d", "%m-%d %H", "%Q%Y%m%d", "%Y%m%d%", "%-d.%m.%Y"])
def test_a_pattern_that_cannot_be_used_is_an_error_with_an_example(pattern: str) -> None:
    with pytest.raises(OptionError, match="--clock") as caught:
        ClockPattern(pattern)
    assert "%Y-%m-%d %H%M" in caught.value.fix


@given(st.text())
def test_no_name_breaks_the_search(name: str) -> None:
    ClockPattern("%Y%m%d %H%M").find(name)


@given(st.text(alphabet="%YmdHMSbBjpyIf -_()[]*+?\\.", max_size=12))
def test_no_pattern_breaks_the_search(pattern: str) -> None:
    try:
        ClockPattern(pattern).find("2026-03-01 19:50 (1) [x]*+?.mp4")
    except OptionError:
        return


@pytest.mark.parametrize(
    ("text", "start", "has_time"),
    [
        ("2026-03-01 19:50", datetime(2026, 3, 1, 19, 50), True),
        ("2026-03-01T19:50:07+01:00", datetime(2026, 3, 1, 19, 50, 7), True),
        ("2026-03-01", datetime(2026, 3, 1), False),
    ],
)
def test_a_time_in_iso_form_is_read(text: str, start: datetime, has_time: bool) -> None:
    assert parse_air_time(text) == AirTime(start, has_time)


@pytest.mark.parametrize("text", ["", "19:50", "01.03.2026", "2026-02-30 10:00", "soon"])
def test_another_text_is_no_time(text: str) -> None:
    assert parse_air_time(text) is None
