"""Jumps of a video's clock are closed up; gaps in which time really passed are not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from drawn_world import encoded, one_person
from sounding_films import with_sound

from facetally.options import Sampling
from facetally.video.clock import Clock
from facetally.video.reader import VideoReader

STEP_S = 0.04
B_FRAMES = {"preset": "medium", "bf": "3"}


def offsets(times_s: list[float], *, may_jump_on: bool = True, is_damaged: bool = False) -> list[float]:
    """The time that each packet gets."""
    clock, placed = Clock(may_jump_on), []
    for time_s in times_s:
        clock.advance(time_s, STEP_S, is_damaged)
        placed.append(round(time_s + clock.offset_s, 6))
    return placed


def steps(start_s: float, count: int = 5) -> list[float]:
    return [round(start_s + STEP_S * index, 6) for index in range(count)]


@pytest.mark.parametrize("to_s", [93600.0, 602.0, 12.0, 2.0, -0.8, -300.0])
def test_a_jump_on_or_back_is_closed_up(to_s: float) -> None:
    assert offsets(steps(0) + steps(to_s)) == steps(0, 10)


def test_two_jumps_are_counted_and_closed_up() -> None:
    clock = Clock(may_jump_on=True)
    jumps = [clock.advance(time_s, STEP_S) for time_s in steps(100) + steps(0) + steps(5000)]
    assert (clock.jump_count, [index for index, jumped in enumerate(jumps) if jumped]) == (2, [5, 10])


@pytest.mark.parametrize("gap_s", [0.5, 0.9])
def test_a_short_gap_is_kept(gap_s: float) -> None:
    assert offsets(steps(0) + steps(gap_s)) == steps(0) + steps(gap_s)


def test_a_long_gap_is_kept_where_clocks_do_not_jump_on() -> None:
    assert offsets(steps(0) + steps(60), may_jump_on=False) == steps(0) + steps(60)
    assert offsets(steps(60) + steps(0), may_jump_on=False) == steps(60, 10)


def test_images_that_are_always_far_apart_are_kept() -> None:
    slides = [2.0 * index for index in range(20)]
    assert offsets(slides) == slides


def test_a_gap_of_seconds_after_lost_data_is_a_loss_not_a_jump() -> None:
    assert offsets(steps(0) + steps(3), is_damaged=True) == steps(0) + steps(3)
    assert offsets(steps(0) + steps(600), is_damaged=True) == steps(0, 10)


def test_a_gap_in_which_sound_was_stored_is_no_jump() -> None:
    clock = Clock(may_jump_on=True)
    for time_s in steps(0):
        clock.advance(time_s, STEP_S)
    for index in range(100):
        clock.note_other(0.2 * index)
    assert not clock.advance(20.0, STEP_S)
    assert not clock.jump_count


@pytest.mark.parametrize("options", [{"bf": "0"}, B_FRAMES], ids=["in order", "reordered"])
@pytest.mark.parametrize("every_s", [0, 0.2])
@pytest.mark.parametrize("to_s", [0, 8, 602.4, 93600])
def test_a_recording_of_two_parts_lasts_as_long_as_both(
    tmp_path: Path, options: dict[str, str], every_s: float, to_s: float
) -> None:
    content = b""
    for start in (0, round(to_s * 25)):
        images = one_person(seconds=2.4).images()
        part = encoded(tmp_path / "part.ts", images, range(start, start + 60), options=options)
        content += part.read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(content)
    with VideoReader(path, Sampling(every_s)) as reader:
        frames = list(reader)
        assert reader.clock_jump_count == 1
        assert [reader.stats.decoded_s, reader.stats.coverage] == pytest.approx([4.8, 1.0], abs=0.05)
        assert "jumps once" in reader.notes[0]
    assert max(frame.duration_s for frame in frames) < max(every_s, STEP_S) + 0.05
    assert frames[-1].time_s == pytest.approx(4.8, abs=max(every_s, STEP_S) + 0.05)


def test_a_jump_that_the_broadcast_announces_is_closed_up_alike(tmp_path: Path) -> None:
    content = b""
    for start, flags in ((0, "0"), (15000, "initial_discontinuity")):
        muxer = {"mpegts_flags": flags}
        part = encoded(tmp_path / "part.ts", one_person().images(), range(start, start + 50), muxer=muxer)
        content += part.read_bytes()
    (tmp_path / "joined.ts").write_bytes(content)
    with VideoReader(tmp_path / "joined.ts", Sampling(0)) as reader:
        assert len(list(reader)) == 100
        assert reader.clock_jump_count == 1
        assert reader.stats.decoded_s == pytest.approx(4, abs=0.05)


def test_a_clock_that_runs_over_goes_on_without_a_jump(tmp_path: Path) -> None:
    start = int(2**33 / 90000 * 25) - 25  # the clock of MPEG-TS has 33 bits
    path = encoded(tmp_path / "over.ts", one_person().images(), range(start, start + 50))
    with VideoReader(path, Sampling(0)) as reader:
        assert [frame.time_s for frame in reader] == pytest.approx([index / 25 for index in range(50)], abs=0.001)
        assert reader.clock_jump_count == 0


@pytest.mark.parametrize(("ending", "codec"), [("ts", "libx264"), ("mpg", "mpeg2video")])
def test_recordings_joined_byte_by_byte_last_as_long_as_all(tmp_path: Path, ending: str, codec: str) -> None:
    part = with_sound(tmp_path / f"part.{ending}", 3, sound_s=3, codec=codec).read_bytes()
    path = tmp_path / f"joined.{ending}"
    path.write_bytes(part * 3)
    with VideoReader(path, Sampling(0)) as reader:
        frames = list(reader)
        assert reader.clock_jump_count == 2
        assert reader.stats.decoded_s == pytest.approx(9, abs=0.25)
    assert frames[-1].time_s == pytest.approx(9, abs=0.25)


def test_a_still_picture_with_sound_is_shown_as_long_as_its_sound(tmp_path: Path) -> None:
    path = with_sound(tmp_path / "menu.ts", 1, sound_s=14)
    one = encoded(tmp_path / "one.mkv", one_person().images()[:3], [0, 1, 400], time_base=Fraction(1, 25))
    with VideoReader(path, Sampling(0)) as reader:
        list(reader)
        assert (reader.clock_jump_count, reader.notes) == (0, ())
    with VideoReader(one, Sampling(0)) as reader:
        assert [frame.time_s for frame in reader] == pytest.approx([0, 0.04, 16])
