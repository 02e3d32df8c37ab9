"""Groups: by folder, by a table of videos, and by the clock; expected values by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facetally.errors import OptionError
from facetally.tallies.groups import GroupOptions, Groups, Video, groups_of
from facetally.tallies.videos_table import read_videos_table

NAMES = ["a/2026-03-01 1950.mp4", "a/2026-03-02 2330.mp4", "b/other.mp4", "top.mp4"]
CLOCK = "%Y-%m-%d %H%M"


def videos(*names: str) -> list[Video]:
    return [Video(name, name, f"id-{name}") for name in names or NAMES]


def cells(*rows: tuple[str, float]) -> pd.DataFrame:
    """Cells from videos and the starts of bins."""
    return pd.DataFrame(rows, columns=["video", "bin_start_s"])


def table(folder: Path, text: str) -> Path:
    path = folder / "groups.csv"
    path.write_text(text, encoding="utf-8")
    return path


def labels(groups: Groups, *rows: tuple[str, float]) -> tuple[list[str], list[str]]:
    """The group of each cell, and all groups in their order."""
    group = groups.keyed(cells(*rows))["group"]
    return group.tolist(), group.cat.categories.tolist()


def test_folders_are_groups() -> None:
    groups = groups_of(GroupOptions("folder"), videos())
    found, order = labels(groups, *((name, 0.0) for name in NAMES))
    assert found == ["a", "a", "b", "(top folder)"]
    assert order == ["(top folder)", "a", "b"]


def test_a_column_is_a_group_and_videos_without_a_line_are_apart(tmp_path: Path) -> None:
    path = table(tmp_path, "video,Channel,no\n2026-03-01 1950.mp4,B,2\nother,A,10\ntop.mp4,,9\ngone.mp4,C,\n")
    groups = groups_of(GroupOptions("channel", path), videos())
    found, order = labels(groups, *((name, 0.0) for name in NAMES))
    assert (found, order) == (["B", "(no channel)", "A", "(no channel)"], ["A", "B", "(no channel)"])
    assert groups.notes == (
        f"{path}: no video of the run fits line 5 (gone.mp4)",
        f"{path} has no line for 1 video: a/2026-03-02 2330.mp4",
    )
    numbers = groups_of(GroupOptions("NO", path), videos())
    assert labels(numbers, *((name, 0.0) for name in NAMES))[1] == ["2", "9", "10", "(no no)"]


@pytest.mark.parametrize(
    ("by", "expected", "order"),
    [
        ("date", ["2026-03-01", "2026-03-02", "2026-03-03"], ["2026-03-01", "2026-03-02", "2026-03-03"]),
        ("weekday", ["Sunday", "Monday", "Tuesday"], ["Monday", "Tuesday", "Sunday"]),
        ("hour", ["20:00", "23:00", "00:00"], ["00:00", "20:00", "23:00"]),
        ("time", ["20:00", "23:30", "00:00"], ["00:00", "20:00", "23:30"]),
    ],
)
def test_times_are_those_of_the_clock(by: str, expected: list[str], order: list[str]) -> None:
    groups = groups_of(GroupOptions(by, clock=CLOCK), videos())
    # bins begin at full bins of the clock: 600 s into a video that began 19:50, and 1800 s into one that began 23:30
    found, found_order = labels(groups, (NAMES[0], 600.0), (NAMES[1], 0.0), (NAMES[1], 1800.0), (NAMES[2], 0.0))
    assert found == [*expected, "(no time known)"]
    assert found_order == [*order, "(no time known)"]
    assert groups.notes == ("no time on air is known of 2 videos: b/other.mp4, top.mp4",)


def test_airtime_in_the_table_counts_before_the_time_in_a_name(tmp_path: Path) -> None:
    path = table(tmp_path, f"video,airtime\n{NAMES[0]},2026-04-05 06:07\n{NAMES[1]},\n")
    groups = groups_of(GroupOptions("date", path, CLOCK), videos())
    assert labels(groups, (NAMES[0], 0.0), (NAMES[1], 0.0))[0] == ["2026-04-05", "2026-03-02"]


def test_without_a_clock_time_counts_from_the_beginning_of_each_video() -> None:
    groups = groups_of(GroupOptions("time"), videos())
    found, order = labels(groups, ("top.mp4", 900.0), ("b/other.mp4", 0.0))
    assert (found, order) == (["from 15:00", "from 0:00"], ["from 0:00", "from 15:00"])


@pytest.mark.parametrize(
    ("options", "what", "fix"),
    [
        (GroupOptions("hour"), "--by hour needs the time", "--clock '%Y-%m-%d %H%M'"),
        (GroupOptions("hour", clock="%Y-%m-%d"), "only the date is known", "add the time"),
        (GroupOptions("time", clock="%Y-%m-%d"), "only the date is known", "add the time"),
        (GroupOptions("date", clock="%Y%m%d"), "fits the name of no video, such as a/2026", "as the times stand"),
        (GroupOptions("nose"), "--by nose is not known", "--videos-table"),
    ],
)
def test_a_grouping_that_is_not_possible_is_an_error_with_its_fix(options: GroupOptions, what: str, fix: str) -> None:
    with pytest.raises(OptionError, match=what) as caught:
        groups_of(options, videos())
    assert fix in caught.value.fix


def test_a_bin_by_the_clock_must_divide_a_day() -> None:
    groups = groups_of(GroupOptions("time", clock=CLOCK), videos())
    assert groups.bin_s(900.0) == 900.0
    with pytest.raises(OptionError, match="whole number of bins"):
        groups.bin_s(420.0)
    assert groups_of(GroupOptions("hour", clock=CLOCK), videos()).bin_s(900.0) == 3600.0
    assert groups_of(GroupOptions("time"), videos()).bin_s(420.0) == 420.0


def test_all_wrong_lines_of_a_table_are_named_at_once(tmp_path: Path) -> None:
    path = table(tmp_path, "video,airtime\ntop.mp4,soon\n,2026-03-01 10:00\ntop.mp4,\nother.mp4,31.12.2026\n")
    with pytest.raises(OptionError, match="4 errors") as caught:
        read_videos_table(path, NAMES)
    texts = [part.what for part in caught.value.parts]
    assert [text.partition("groups.csv, ")[2][:22] for text in texts] == [
        *("line 2, column airtime", "line 5, column airtime", "line 3, column video: ", "line 4, column video: ")
    ]


def test_a_name_that_fits_two_videos_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = table(tmp_path, "video,channel\nz.mp4,B\nx.mp4,A\n")
    with pytest.raises(OptionError, match=r"line 3, column video: 'x.mp4' may be a/x.mp4 or b/x.mp4"):
        read_videos_table(path, ["a/x.mp4", "b/x.mp4", "z.mp4"])


def test_two_lines_for_one_video_are_an_error(tmp_path: Path) -> None:
    path = table(tmp_path, "video,channel\nq/a/x.mp4,B\nx.mp4,A\nz.mp4,C\n")
    with pytest.raises(OptionError, match=r"line 3, column video: 'x.mp4' is a/x.mp4, and so is line 2"):
        read_videos_table(path, ["a/x.mp4", "z.mp4"])


def test_a_table_of_other_videos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no line is of a video of the run"):
        read_videos_table(table(tmp_path, "video,channel\nq.mp4,B\n"), NAMES)
    with pytest.raises(OptionError, match="no column video"):
        read_videos_table(table(tmp_path, "name,channel\nq.mp4,B\n"), NAMES)


@given(st.text(max_size=60))
def test_no_table_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("tables") / "groups.csv"
    path.write_text(f"video,airtime\n{text}", encoding="utf-8", errors="replace")
    try:
        read_videos_table(path, NAMES)
    except OptionError:
        return
