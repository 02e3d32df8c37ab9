"""Checks of truth folders: distorted labels are recognised and restored."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from drawn_world import Film, Shot, Square, SquareDetector, encoded, engines

from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.cli.progress import LineProgress
from facetally.detection.faces import ImageArray
from facetally.errors import OutputError, TruthError
from facetally.inputs import find_videos
from facetally.models.engines import Engines, load_engines
from facetally.options import RunOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS
from facetally.truth.check import checkup as checkups
from facetally.truth.check.checkup import check_folder, fix_labels, read_recording, read_sightings
from facetally.truth.check.readings import Floats
from facetally.truth.files import read_truth, write_truth
from facetally.truth.labels import LabelledBoxes, LabelledPerson, Truth

FILM = Film((Shot(3.0, (Square("red", (2, 2), (36, 8)), Square("blue", (118, 78), (-36, -4)))),))
FRAMES_S = {
    "even.mp4": np.arange(75) / 25,
    "turned.mp4": np.arange(75) / 25,
    "uneven.mkv": np.cumsum(np.tile([0.02, 0.08, 0.04], 21)) - 0.02,
}
EVEN_CLIP = "kugelblitz779__AzureVideoIndexer/herapheri.mp4"
UNEVEN_CLIP = "intel-iot-devkit__sample-videos/preview__head-pose-face-detection-female-and-male.gif"
TURNED_CLIP = "vardanagarwal__Proctoring-AI/eye_tracking__center_focus.mp4"


class Written(NamedTuple):
    """The labels of a video as a tool writes them."""

    numbers: Floats
    """Of the frames, from 0."""
    times_s: Floats
    boxes: Floats


Distortion = Callable[[Written], Written]


@dataclass(frozen=True)
class Labelled:
    """Videos with correct labels, and a run over them."""

    videos: Path
    run: Path
    truth: Truth


def run_over(videos: Sequence[Path], out: Path, using: Engines) -> Path:
    """The output folder of a run."""
    plan = plan_run(find_videos(map(str, videos)), Ledger(out), "")
    run_videos(plan, Ledger(out), using, options=RunOptions(), progress=LineProgress())
    return out


def display_turned(path: Path) -> None:
    """Marks an mp4 to be displayed turned by 90 degrees clockwise."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # behind version, times, id, duration, layer and volume
    content[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def drawn_labels(video: str) -> LabelledBoxes:
    """Of both squares on every third frame but the first."""
    rows = []
    for line, time_s in enumerate(FRAMES_S[video][3::3]):
        boxes = SquareDetector().detect([FILM.image(time_s)])[0].boxes.tolist()
        rows += [(person, float(time_s), tuple(box), line) for person, box in zip(("red", "blue"), boxes, strict=True)]
    return LabelledBoxes.of(rows)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """Two squares at a constant rate, at a variable rate, and on frames that are stored turned."""
    videos = tmp_path_factory.mktemp("drawn")
    for name, frames_s in FRAMES_S.items():
        images: list[ImageArray] = [FILM.image(time_s) for time_s in frames_s]
        if name == "turned.mp4":
            images = [np.ascontiguousarray(np.rot90(image)) for image in images]
        encoded(videos / name, images, np.rint(frames_s * 1000).astype(int).tolist(), time_base=Fraction(1, 1000))
    display_turned(videos / "turned.mp4")
    people = {name: tuple(LabelledPerson(name, who, "unsure") for who in ("red", "blue")) for name in FRAMES_S}
    truth = Truth(people, {name: drawn_labels(name) for name in FRAMES_S})
    return Labelled(videos, run_over([videos], tmp_path_factory.mktemp("out"), engines()), truth)


@pytest.fixture(scope="module")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    """A clip at a constant rate, one at a variable rate, and one that is stored turned."""
    truth = read_truth(shared / "truth")
    clips = (EVEN_CLIP, UNEVEN_CLIP, TURNED_CLIP)
    using = load_engines(RunOptions(detector="scrfd_500m"), device="cpu", models_dir=shared / "models" / "scrfd")
    out = run_over([shared / "videos" / clip for clip in clips], tmp_path_factory.mktemp("out"), using)
    return Labelled(
        shared / "videos", out, Truth({c: truth.people[c] for c in clips}, {c: truth.boxes[c] for c in clips})
    )


read_once = cache(read_recording)
"""Decoding the clips takes most of the time."""


def distorted(labelled: Labelled, video: str, distort: Distortion) -> Truth:
    """The labels of one video, written in another way."""
    labels, frames_s = labelled.truth.boxes[video], read_once(labelled.videos / video).times_s
    numbers = np.abs(frames_s - labels.times_s[:, None]).argmin(axis=1)
    written = distort(Written(numbers.astype(float), labels.times_s, labels.boxes))
    boxes = LabelledBoxes(labels.people, written.times_s, written.boxes, labels.lines)
    return Truth({video: labelled.truth.people[video]}, {video: boxes})


def check_fixing(labelled: Labelled, folder: Path, video: str, distort: Distortion, words: str) -> None:
    """Distorted labels must be recognised, restored to within a frame and a pixel, and then have no finding."""
    videos = [str(labelled.videos / video)]
    write_truth(distorted(labelled, video, distort), folder / "distorted")
    checkup = check_folder(folder / "distorted", videos, labelled.run)
    (finding,) = checkup.findings
    assert words in finding.what
    assert finding.file == folder / "distorted" / "boxes.csv"
    write_truth(fix_labels(checkup), folder / "fixed")
    fixed, correct = read_truth(folder / "fixed").boxes[video], labelled.truth.boxes[video]
    assert np.abs(fixed.times_s - correct.times_s).max() < 0.081
    assert np.abs(fixed.boxes - correct.boxes).max() < 1.5
    assert check_folder(folder / "fixed", videos, labelled.run).findings == ()


def test_a_video_is_read_for_its_frames_and_its_displayed_size(drawn: Labelled) -> None:
    even, turned = (read_recording(drawn.videos / name) for name in ("even.mp4", "turned.mp4"))
    assert even.times_s == pytest.approx(FRAMES_S["even.mp4"])
    assert (even.end_s, even.fps) == pytest.approx((3.0, 25.0))
    assert (even.width_px, even.height_px, even.quarter_turns) == (160, 120, 0)
    assert (turned.width_px, turned.height_px, turned.quarter_turns) == (160, 120, 1)


def test_the_containers_time_of_the_first_frame_is_read(tmp_path: Path) -> None:
    recording = read_recording(encoded(tmp_path / "late.mkv", FILM.images()[:20], range(50, 70)))
    assert (recording.start_s, recording.times_s[0]) == pytest.approx((2.0, 0.0))


def test_a_run_without_faces_gives_no_sightings(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.store(VideoRow("id", "a/b.mp4", "/a/b.mp4"), FACES.empty_table(), TRACKS.empty_table(), provenance={})
    (video,) = (sightings := read_sightings(ledger, ["b.mp4"]))
    assert (video, len(sightings[video])) == ("b.mp4", 0)
    assert sightings[video].at(np.array([0.0, 1.0])).shape == (2, 0, 4)


def test_a_video_that_cannot_be_read_is_a_finding(drawn: Labelled, tmp_path: Path) -> None:
    (tmp_path / "even.mp4").write_bytes((drawn.videos / "even.mp4").read_bytes())
    (tmp_path / "turned.mp4").write_bytes(b"no video")
    both = ("even.mp4", "turned.mp4")
    write_truth(Truth({v: drawn.truth.people[v] for v in both}, {v: drawn.truth.boxes[v] for v in both}), tmp_path)
    (finding,) = check_folder(tmp_path, [str(tmp_path)]).findings
    assert (finding.kind, finding.value, finding.lines, finding.column) == ("video", "turned.mp4", (4, 5), "video")
    assert "cannot be opened" in finding.what


def test_a_video_that_is_not_given_is_named_with_the_closest_name(drawn: Labelled, tmp_path: Path) -> None:
    stray = LabelledPerson("tuned.mp4", "p", "male", intervals_s=((0.0, 1.0),))
    write_truth(Truth(drawn.truth.people | {"tuned.mp4": (stray,)}, drawn.truth.boxes), tmp_path)
    checkup = check_folder(tmp_path, [str(drawn.videos)])
    (finding,) = checkup.findings
    assert (finding.kind, finding.value, finding.lines) == ("video", "tuned.mp4", (4,))
    assert "if turned.mp4 is meant" in finding.fix
    with pytest.raises(TruthError, match=r"line 4, column video: 'tuned.mp4'"):
        fix_labels(checkup)


def test_labels_of_entirely_different_videos_are_an_error(drawn: Labelled, tmp_path: Path) -> None:
    write_truth(Truth({"x.mp4": (LabelledPerson("x.mp4", "p", "male", intervals_s=((0.0, 1.0),)),)}), tmp_path)
    with pytest.raises(TruthError, match="no video is in both"):
        check_folder(tmp_path, [str(drawn.videos)])


def test_a_folder_without_a_run_is_an_error(drawn: Labelled, tmp_path: Path) -> None:
    write_truth(drawn.truth, tmp_path)
    with pytest.raises(OutputError, match="holds no results"):
        check_folder(tmp_path, [str(drawn.videos)], tmp_path / "no run")


@pytest.mark.parametrize("with_run", [True, False])
def test_correct_labels_have_no_finding(drawn: Labelled, tmp_path: Path, with_run: bool) -> None:
    write_truth(drawn.truth, tmp_path)
    assert check_folder(tmp_path, [str(drawn.videos)], drawn.run if with_run else None).findings == ()


def before_turn(boxes: Floats, height_px: int) -> Floats:
    """The boxes before a turn by 90 degrees clockwise, on stored frames of the given height."""
    return np.stack((boxes[:, 1], height_px - boxes[:, 2], boxes[:, 3], height_px - boxes[:, 0]), axis=1)


@pytest.mark.parametrize(
    ("video", "distort", "words"),
    [
        ("even.mp4", lambda w: w._replace(times_s=w.numbers / 24), "at 24 frames/s"),
        ("even.mp4", lambda w: w._replace(times_s=(w.numbers + 1) / 25), "counted from 1"),
        ("even.mp4", lambda w: w._replace(times_s=w.times_s + 1), "s late"),
        ("uneven.mkv", lambda w: w._replace(times_s=w.numbers / 25), "at 25 frames/s"),
        ("turned.mp4", lambda w: w._replace(boxes=before_turn(w.boxes, 160)), "by 90 degrees, as stored"),
        ("even.mp4", lambda w: w._replace(boxes=w.boxes / 2), "80 x 60 px"),
        ("even.mp4", lambda w: w._replace(boxes=w.boxes * (45 / 64, 1, 45 / 64, 1)), "squeezed, as pixels are stored"),
        (
            "even.mp4",
            lambda w: w._replace(boxes=w.boxes * (64 / 45, 1, 64 / 45, 1)),
            "stretched by a pixel aspect of 64:45",
        ),
    ],
    ids=["24 for 25", "from 1", "1 s late", "uneven", "not turned", "half size", "squeezed", "stretched"],
)
def test_distorted_labels_of_drawn_videos_are_fixed(
    drawn: Labelled, tmp_path: Path, video: str, distort: Distortion, words: str
) -> None:
    check_fixing(drawn, tmp_path, video, distort, words)


@pytest.mark.real
@pytest.mark.parametrize(
    ("video", "distort", "words"),
    [
        (EVEN_CLIP, lambda w: w._replace(times_s=w.numbers / 24), "at 24 frames/s"),
        (EVEN_CLIP, lambda w: w._replace(times_s=(w.numbers + 1) / 25), "counted from 1"),
        (EVEN_CLIP, lambda w: w._replace(times_s=w.times_s + 1), "s late"),
        (UNEVEN_CLIP, lambda w: w._replace(times_s=w.numbers / 12.5), "at 12.5 frames/s"),
        (TURNED_CLIP, lambda w: w._replace(boxes=before_turn(w.boxes, 480)), "by 90 degrees, as stored"),
        (EVEN_CLIP, lambda w: w._replace(boxes=w.boxes / 2), "320 x 180 px"),
        (EVEN_CLIP, lambda w: w._replace(boxes=w.boxes * (45 / 64, 1, 45 / 64, 1)), "squeezed, as pixels are stored"),
    ],
    ids=["24 for 25", "from 1", "1 s late", "uneven", "not turned", "half size", "squeezed"],
)
def test_distorted_labels_of_real_videos_are_fixed(
    real: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, video: str, distort: Distortion, words: str
) -> None:
    monkeypatch.setattr(checkups, "read_recording", read_once)
    check_fixing(real, tmp_path, video, distort, words)


@pytest.mark.real
def test_real_labels_have_no_finding(real: Labelled, tmp_path: Path) -> None:
    write_truth(real.truth, tmp_path)
    assert check_folder(tmp_path, [str(real.videos / clip) for clip in real.truth.people], real.run).findings == ()
