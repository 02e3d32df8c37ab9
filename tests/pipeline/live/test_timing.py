"""The clocks of live pictures."""

from __future__ import annotations

import math

from facetally.live.timing import Backlog, Spread, StoredStart, StreamTimes


def test_times_are_those_of_the_stream_from_its_first_picture() -> None:
    times = StreamTimes()
    assert [times.of(stamp_s, now_s) for stamp_s, now_s in ((7.0, 100.0), (7.2, 100.25), (7.4, 100.38))] == [
        0.0,
        *(7.2 - 7.0, 7.4 - 7.0),
    ]


def test_times_go_on_when_the_clock_of_a_stream_jumps_or_is_missing() -> None:
    times = StreamTimes()
    times.of(7.0, 100.0)
    assert times.of(5000.0, 101.0) == 1.0
    assert math.isclose(times.of(5000.5, 101.6), 1.5)
    assert times.of(None, 102.0) == 2.0
    times.restart()
    assert times.of(0.0, 110.0) == 10.0


def test_times_never_go_back() -> None:
    times = StreamTimes()
    given = [times.of(stamp_s, 100.0) for stamp_s in (7.0, 6.9, 6.8, 6.8)]
    assert given == sorted(set(given))


def test_pictures_were_stored_as_long_as_they_come_faster_than_in_real_time() -> None:
    stored = StoredStart()
    assert [stored.of(7.0 + n / 25, 100 + n / 500) for n in range(30)] == [True] * 30
    now_s = 100 + 29 / 500
    assert not stored.of(7.0 + 30 / 25, now_s + 0.03)
    assert not stored.of(7.0 + 31 / 25, now_s + 0.031)  # once over, it stays over


def test_the_time_that_a_stored_picture_waited_for_does_not_count() -> None:
    stored = StoredStart()
    stored.of(7.0, 100.0)
    stored.waited(100.5)
    assert stored.of(7.04, 100.51)


def test_a_stream_that_is_decoded_too_slowly_is_left_out_up_to_a_keyframe() -> None:
    backlog = Backlog()
    behind = [backlog.of(n / 30, 100 + n / 30, n % 30 == 0) for n in range(30)]
    slow = [backlog.of(n / 30, 101 + (n - 30) / 20, n % 30 == 0) for n in range(30, 120)]
    caught_up = [backlog.of(n / 30, 100 + n / 30, n % 30 == 0) for n in range(175, 190)]
    assert set(behind) == {""}
    assert slow[-1] == "lost" and "much" in slow
    assert caught_up[:5] == ["lost"] * 5 and set(caught_up[5:]) == {""}


def test_a_clock_that_was_set_back_is_no_backlog_for_long() -> None:
    backlog = Backlog()
    backlog.of(50.0, 100.0, True)
    states = [backlog.of(40.0 + n / 30, 100 + n / 30, n % 30 == 0) for n in range(150)]
    assert states[0] == "lost" and states[-1] == ""


def test_a_camera_whose_clock_runs_slow_is_no_backlog() -> None:
    backlog = Backlog()
    assert {backlog.of(n * (1 - 1e-4), 100.0 + n, True) for n in range(20_000)} == {""}


def test_quantiles_are_about_the_newest_values() -> None:
    spread = Spread()
    assert math.isnan(spread.quantile(0.5))
    for value_s in (*[9.0] * 50, *[0.1] * 290, *[0.5] * 10):
        spread.add(value_s)
    assert spread.quantile(0.5) == 0.1
