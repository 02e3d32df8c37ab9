"""Subtitles: read back by FFmpeg, and shown by libass where the boxes belong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pysubs2
import pytest
from drawn_world import CODEC, encoded
from sounding_films import with_sound

from facetally.drawing.boxes_over_time import Stretch
from facetally.drawing.overlay import COLOURS
from facetally.drawing.subtitles import SubtitleFormat, first_frame_s, subtitles
from facetally.tracks.appearances import PredictedGender

WH = (320, 240)
LABELS: dict[int, tuple[str, PredictedGender]] = {0: ("#0 female 97 %, 41", "female"), 1: ("#1 male 90 %", "male")}
BOX = (100.0, 80.0, 180.0, 180.0)
MOVED = (140.0, 80.0, 220.0, 180.0)
STRETCHES = [
    Stretch(0.0, 1.0, BOX, MOVED, 0),
    Stretch(1.0, 2.0, MOVED, MOVED, 0),
    Stretch(1.5, 2.5, BOX, BOX, 1),
    Stretch(0.0, 3.0, BOX, BOX, 7),
]


def written(form: SubtitleFormat, start_s: float = 0.0) -> str:
    return subtitles(STRETCHES, LABELS, form=form, displayed_wh=WH, first_frame_s=start_s)


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_text_says_who_is_in_view_and_when(form: SubtitleFormat) -> None:
    events = pysubs2.SSAFile.from_string(written(form, 0.25))
    assert [(one.start, one.end, one.plaintext.split("\n")) for one in events] == [
        (250, 1750, ["#0 female 97 %, 41"]),
        (1750, 2250, ["#0 female 97 %, 41", "#1 male 90 %"]),
        (2250, 2750, ["#1 male 90 %"]),
    ]


@pytest.mark.parametrize("form", ["ass", "srt", "vtt"])
def test_ffmpeg_reads_them_back(tmp_path: Path, form: SubtitleFormat) -> None:
    path = tmp_path / f"film.{form}"
    path.write_text(written(form))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
        starts = [
            float(packet.pts * packet.time_base) for packet in packets if packet.time_base and packet.pts is not None
        ]
    assert sorted(set(starts)) == ([0, 1, 1.5] if form == "ass" else [0, 1.5, 2])
    assert any(b"female" in bytes(packet) for packet in packets)


@pytest.mark.parametrize("form", ["ass", "srt", "vtt"])
def test_times_after_ten_hours_are_kept(tmp_path: Path, form: SubtitleFormat) -> None:
    path = tmp_path / f"day.{form}"
    path.write_text(written(form, 23 * 3600))
    with av.open(str(path)) as container:
        times_s = {float(one.pts * one.time_base) for one in container.demux() if one.pts is not None and one.time_base}
    assert {time_s - 23 * 3600 for time_s in times_s} == ({0, 1, 1.5} if form == "ass" else {0, 1.5, 2})


@pytest.mark.parametrize("form", ["ass", "srt", "vtt"])
def test_a_video_without_faces_has_empty_subtitles(form: SubtitleFormat) -> None:
    assert "female 9" not in subtitles([], {}, form=form, displayed_wh=WH)


@pytest.mark.parametrize("late_s", [0, 0.4])
def test_times_count_from_the_start_of_the_file(tmp_path: Path, late_s: float) -> None:
    path = with_sound(tmp_path / "late.mkv", sound_s=4, start_s=3, late_s=late_s)
    assert first_frame_s(path) == pytest.approx(late_s, abs=0.001)


@pytest.mark.skipif(CODEC != "libx264", reason="this build of PyAV has no H.264 encoder")
@pytest.mark.parametrize(("time_s", "left"), [(0.04, 101.6), (0.5, 120.0), (1.2, 140.0)])
def test_libass_shows_the_box_where_the_face_is(tmp_path: Path, time_s: float, left: float) -> None:
    program = shutil.which("ffmpeg")
    filters = (
        subprocess.run([program, "-filters"], capture_output=True, text=True, check=True).stdout if program else ""
    )
    if " ass " not in filters:
        pytest.skip("needs an ffmpeg with libass, as Debian has it")
    encoded(tmp_path / "film.mp4", [np.full((240, 320, 3), 60, np.uint8)] * 75)
    (tmp_path / "film.ass").write_text(written("ass"))
    shot = ["-vf", "ass=film.ass", "-ss", str(time_s), "-frames:v", "1", "shot.png"]
    subprocess.run([str(program), "-v", "error", "-i", "film.mp4", *shot], cwd=tmp_path, check=True)
    with av.open(str(tmp_path / "shot.png")) as container:
        image = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    purple = np.abs(image - COLOURS["female"][0]).sum(axis=2) < 60
    columns = np.flatnonzero(purple[130])
    assert abs(columns.min() - left) <= 4 and abs(columns.max() - (left + 80)) <= 4
    assert abs(np.flatnonzero(purple[:, round(left) + 40]).max() - 180) <= 4
