"""Labels that were exported for a labelling tool and imported again are the same labels, times and all."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from drawn_world import CODEC, encoded, one_person
from hypothesis import given, settings
from hypothesis import strategies as st

from facetally.exports.annotations import from_truth
from facetally.exports.annotations.frames import VideoFrames, read_frames
from facetally.exports.formats import formats_of
from facetally.inputs import find_videos
from facetally.jobs.export import export_truth
from facetally.truth.files import read_truth, write_truth
from facetally.truth.formats.annotations import Box
from facetally.truth.formats.importer import ImportedTruth, import_truth
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth
from facetally.truth.video_names import matched_names

FILES = {"cvat": "*.xml", "mot": "gt.txt", "label-studio": "tasks.json", "coco": "instances_default.json"}
FRAMES = 30
VFR_PTS = (0, 40, 80, 200, 233, 267, 300, 500, 1001, 1034, *range(1100, 1900, 40))
"""Milliseconds."""


def tape(path: Path) -> Path:
    """A video whose pixels are 64:45 as wide as high, and which is shown turned by 90 degrees."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(CODEC, rate=25)
        stream.width, stream.height, stream.pix_fmt = 90, 72, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        stream.set_display_rotation(90)
        for _ in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((72, 90, 3), np.uint8), "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 frames a second, 29.97, a variable rate, and a turned tape with narrow pixels."""
    folder = tmp_path_factory.mktemp("videos")
    images = one_person().images()[:FRAMES]
    encoded(folder / "even.mp4", images)
    (folder / "sub").mkdir()
    encoded(folder / "sub" / "ntsc.mp4", images, fps=Fraction(30000, 1001))
    encoded(folder / "varying.mkv", images[: len(VFR_PTS)], VFR_PTS, time_base=Fraction(1, 1000))
    tape(folder / "tape.mp4")
    return folder


@pytest.fixture(scope="module")
def frames(videos: Path) -> dict[str, VideoFrames]:
    return {video.name: read_frames(video.path) for video in find_videos([str(videos)])}


def again(truth: Path, name: str, videos: Path, folder: Path) -> ImportedTruth:
    """The labels of a folder after an export and an import."""
    export_truth(truth, name, folder, videos=videos)
    people = folder / "people.csv" if name == "mot" else None
    return import_truth(sorted(folder.rglob(FILES[name])), name, find_videos([str(videos)]), attributes=people)


def assert_same(labels: Truth, found: Truth) -> None:
    """The same people, to the last note, and the same boxes, to the hundredth of a pixel."""
    names = matched_names(labels.people, found.people)
    for video, members in labels.people.items():
        theirs = {person.person: replace(person, video=video) for person in found.people[names[video]]}
        assert theirs == {person.person: replace(person, line=0) for person in members}
        ours, boxes = labels.boxes[video], found.boxes[names[video]]
        assert boxes.people == ours.people
        np.testing.assert_allclose(boxes.times_s, ours.times_s, atol=1e-4)
        np.testing.assert_allclose(boxes.boxes, ours.boxes, atol=0.005)


words = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
notes = st.lists(words, max_size=3).map(" \n".join) | st.just("a\r\nb\tc & <d> ]]> \"e\" 'f'")
edges = st.floats(0, 300).map(lambda edge: round(edge, 2))
boxes = st.tuples(edges, edges, st.floats(0.02, 99), st.floats(0.02, 99)).map(
    lambda b: (b[0], b[1], round(b[0] + b[2], 2), round(b[1] + b[3], 2))
)


@st.composite
def people(draw: st.DrawFn, frames: VideoFrames) -> tuple[LabelledPerson, dict[int, Box]]:
    """A person, and their boxes by frame: within labelled times in view, or without such times."""
    count = len(frames)
    ends = sorted(draw(st.sets(st.integers(0, count), min_size=2, max_size=8)))
    stays = [(ends[at], ends[at + 1]) for at in range(0, len(ends) - 1, 2)]
    inside = st.sampled_from([frame for start, stop in stays for frame in range(start, stop)])
    found = draw(st.dictionaries(inside, boxes, min_size=1, max_size=6))
    times = [*frames.times_s.tolist(), frames.end_s]
    intervals_s = tuple((round(times[start], 4), round(times[stop], 4)) for start, stop in stays)
    person = LabelledPerson(
        video="",
        person=draw(words),
        gender=draw(st.sampled_from(("female", "male", "unsure", "not_a_face", "ignore"))),
        age_band=draw(st.sampled_from(("unsure", "young", "child/teen", "mid/old"))),
        face_quality=draw(st.sampled_from(("", "good", "poor"))),
        note=draw(notes),
        intervals_s=intervals_s if draw(st.booleans()) else (),
    )
    return person, found


def truth_of(video: str, members: Sequence[tuple[LabelledPerson, dict[int, Box]]], frames: VideoFrames) -> Truth:
    rows = [
        (person.person, round(float(frames.times_s[frame]), 4), box, 0)
        for person, found in members
        for frame, box in found.items()
    ]
    return Truth({video: tuple(replace(one, video=video) for one, _ in members)}, {video: LabelledBoxes.of(rows)})


@pytest.mark.parametrize("name", formats_of("labels"))
@settings(max_examples=50)
@given(data=st.data())
def test_any_labels_come_back_as_they_were(
    name: str, videos: Path, frames: dict[str, VideoFrames], tmp_path: Path, data: st.DataObject
) -> None:
    video = data.draw(st.sampled_from(sorted(frames)))
    member = people(frames[video])
    members = data.draw(st.lists(member, min_size=1, max_size=3, unique_by=lambda pair: pair[0].person))
    for folder in ("truth", "export"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    write_truth(truth_of(video, members, frames[video]), tmp_path / "truth")
    found = again(tmp_path / "truth", name, videos, tmp_path / "export")
    assert_same(read_truth(tmp_path / "truth"), found.truth)


@pytest.fixture(scope="module")
def sample(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A folder with every eighth labelled clip, and the labels."""
    folder = tmp_path_factory.mktemp("sample")
    labels = read_truth(shared / "truth")
    for video in find_videos([str(shared / "videos")]):
        if video.name in sorted(labels.people)[::8]:
            (folder / video.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / video.name).symlink_to(video.path)
    return folder, labels.of_videos([video.name for video in find_videos([str(folder)])])


read_once = cache(read_frames)
"""Decoding clips takes much longer than exporting their labels."""


@pytest.mark.real
@pytest.mark.parametrize("name", formats_of("labels"))
def test_the_shared_labels_come_back_as_they_were(
    name: str, sample: tuple[Path, Truth], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_truth, "read_frames", read_once)
    videos, labels = sample
    write_truth(labels, tmp_path / "truth")
    shown = labels.on_frames({video: read_once(videos / video).displayed_px for video in labels.people})
    found = again(tmp_path / "truth", name, videos, tmp_path / "export").truth
    for video, boxes in shown.boxes.items():
        assert np.abs(found.boxes[video].times_s - boxes.times_s).max() < 0.0051  # labelled with two decimals
    times_s = {video: replace(boxes, times_s=found.boxes[video].times_s) for video, boxes in shown.boxes.items()}
    assert_same(replace(shown, boxes=times_s), found)
