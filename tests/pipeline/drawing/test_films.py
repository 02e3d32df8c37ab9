"""Drawn films: every frame at its time, the sound as it was, boxes where they belong."""

from __future__ import annotations

import resource
import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from drawn_world import CODEC, SquareDetector, encoded, engines, filmed, one_person
from sounding_films import with_sound

from facetally import draw
from facetally.batch.plan import plan_run
from facetally.batch.run import run_videos
from facetally.cli.progress import LineProgress
from facetally.drawing import videos as drawing_videos
from facetally.drawing.film import Film, FilmOptions
from facetally.drawing.finished import locked
from facetally.drawing.overlay import COLOURS
from facetally.errors import OptionError, OutputError
from facetally.inputs import find_videos
from facetally.options import RunOptions, Sampling
from facetally.results.ledger import Ledger
from facetally.video.reader import VideoReader
from scripts.check_drawn import compared

pytestmark = pytest.mark.skipif(CODEC != "libx264", reason="this build of PyAV has no H.264 encoder")

FILMS = ("steady.mp4", "vfr.mp4", "sound.mp4", "late.mkv", "odd.avi", "turned.mp4", "narrow.mp4", "moving.gif")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run over films of many kinds."""
    folder = tmp_path_factory.mktemp("draw")
    source = folder / "videos"
    source.mkdir()
    images = one_person().images()
    filmed(source / "steady.mp4", one_person("blue"))
    pts = np.cumsum(np.random.default_rng(2).integers(10, 90, len(images))).tolist()
    encoded(source / "vfr.mp4", images, pts, time_base=Fraction(1, 1000), options={"bf": "3"})
    with_sound(source / "sound.mp4", sound_s=4)
    with_sound(source / "late.mkv", sound_s=4, start_s=3, late_s=0.4)
    encoded(source / "odd.avi", [image[:101, :151] for image in images], codec="mpeg4")
    _turned(source / "turned.mp4", images)
    encoded(source / "moving.gif", images[:20], fps=10, codec="gif")
    _narrow(source / "narrow.mp4", images)
    ledger = Ledger(folder / "out")
    plan = plan_run(find_videos([str(source)]), ledger, RunOptions().digest({}))
    rows = run_videos(plan, ledger, engines(), options=RunOptions(), progress=LineProgress())
    assert {row.status for row in rows} == {"ok"} and all(row.face_count for row in rows)
    return folder


def _turned(path: Path, images: list[np.ndarray]) -> None:
    """Stored lying on its side: displayed as the images are."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(CODEC, rate=25, options={"preset": "ultrafast", "crf": "12"})
        stream.height, stream.width, stream.pix_fmt = images[0].shape[1], images[0].shape[0], "yuv420p"
        stream.set_display_rotation(90)
        for image in images:
            turned = np.ascontiguousarray(np.rot90(image, -1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(turned, "bgr24")))
        container.mux(stream.encode(None))


def _narrow(path: Path, images: list[np.ndarray]) -> None:
    """Stored with half the columns, which are displayed twice as wide."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(CODEC, rate=25, options={"preset": "ultrafast", "crf": "12"})
        stream.height, stream.width, stream.pix_fmt = images[0].shape[0], images[0].shape[1] // 2, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        for image in images:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:, ::2]), "bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def drawn(run: Path) -> Path:
    made = draw(run / "out", run / "drawn", crf=10)
    assert len(made.paths) == len(FILMS) and not made.failed
    return run / "drawn"


def copy_of(folder: Path, name: str) -> Path:
    return next(path for suffix in (".mp4", ".mkv") if (path := (folder / name).with_suffix(suffix)).exists())


def shown(path: Path) -> list[np.ndarray]:
    """All pictures as displayed."""
    with VideoReader(path, Sampling(every_s=0)) as reader:
        return [frame.image.bgr() for frame in reader]


@pytest.mark.parametrize("name", FILMS)
def test_a_copy_has_the_frames_and_times_and_sound_of_its_video(run: Path, drawn: Path, name: str) -> None:
    check = compared(run / "videos" / name, copy_of(drawn, name), name)
    assert check.problems == []
    assert check.frame_count > 10
    assert bool(check.sound_packet_count) == (name in ("sound.mp4", "late.mkv"))


@pytest.mark.parametrize("name", [name for name in FILMS if name != "odd.avi"])
def test_boxes_are_displayed_around_the_faces(run: Path, drawn: Path, name: str) -> None:
    before, after = shown(run / "videos" / name)[6], shown(copy_of(drawn, name))[6]
    assert before.shape == after.shape
    box = SquareDetector().detect([before])[0].boxes[0]
    x1, y1, x2, y2 = map(round, box.tolist())
    colour = np.array(COLOURS["male" if name == "steady.mp4" else "female"][0][::-1])
    middle = (y1 + y2) // 2
    for x in (x1, x2 - 1):
        near = after[middle - 4 : middle + 5, max(x - 2, 0) : x + 3].astype(int)
        assert np.abs(near - colour).sum(axis=2).min() < 90, f"{name}: no box at x = {x}"
    inside = slice(y1 + 8, y2 - 8), slice(x1 + 8, x2 - 8)
    assert np.abs(before[inside].mean(axis=(0, 1)) - after[inside].mean(axis=(0, 1))).max() < 6


def test_frames_without_faces_stay_as_they_are(run: Path, tmp_path: Path) -> None:
    draw(run / "out", tmp_path, "steady.mp4", crf=0, only_sampled=True)
    before, after = shown(run / "videos" / "steady.mp4"), shown(tmp_path / "steady.mp4")
    same = [bool(np.array_equal(a, b)) for a, b in zip(before, after, strict=True)]
    assert same == [index % 5 != 0 for index in range(len(before))]


def test_a_lossless_cover_leaves_every_pixel_beyond_it_as_it_was(run: Path, tmp_path: Path) -> None:
    draw(run / "out", tmp_path, "steady.mp4", crf=0, blur=True, search=False)
    for before, after in zip(shown(run / "videos" / "steady.mp4"), shown(tmp_path / "steady.mp4"), strict=True):
        x1, y1, x2, y2 = map(round, SquareDetector().detect([before])[0].boxes[0].tolist())
        assert not SquareDetector().detect([after])[0].boxes.size
        changed = np.argwhere((before != after).any(axis=2))
        assert changed[:, 1].min() >= x1 - 40 and changed[:, 1].max() <= x2 + 40
        assert np.ptp(after[y1:y2, x1:x2].astype(int), axis=(0, 1)).max() <= 2, "nothing of the face is left"
        assert changed[:, 0].min() >= y1 - 34


def test_faces_that_the_run_missed_are_searched_for(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facetally.jobs.draw.load_searchers", lambda *_: (SquareDetector(),))
    monkeypatch.setattr(drawing_videos.VideoDrawing, "_faces", property(lambda _: _no_faces()), raising=True)
    draw(run / "out", tmp_path, "steady.mp4", blur=True)
    assert not any(len(found) for found in SquareDetector().detect(shown(tmp_path / "steady.mp4")))


def _no_faces() -> object:
    import pandas as pd

    columns = ["time_s", "duration_s", "track_id", "x1", "y1", "x2", "y2"]
    return pd.DataFrame([], columns=columns, dtype=float)


def test_a_track_that_is_excepted_stays_visible(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facetally.jobs.draw.load_searchers", lambda *_: (SquareDetector(),))
    draw(run / "out", tmp_path, "steady.mp4", blur=True, uncovered=["steady.mp4:0"])
    assert all(len(found) == 1 for found in SquareDetector().detect(shown(tmp_path / "steady.mp4")))


def test_a_height_changes_the_size_of_the_copy_as_displayed(run: Path, tmp_path: Path) -> None:
    draw(run / "out", tmp_path, ["turned.mp4", "narrow.mp4"], height=60)
    assert {shown(tmp_path / name)[0].shape[:2] for name in ("turned.mp4", "narrow.mp4")} == {(60, 80)}


def test_the_same_command_again_writes_nothing(run: Path, drawn: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in drawn.rglob("*.m*")}
    again = draw(run / "out", drawn, crf=10)
    assert all(video.was_done for video in again.videos)
    assert before == {path: path.stat().st_mtime_ns for path in drawn.rglob("*.m*")}


def test_another_file_is_replaced_only_by_force(run: Path, tmp_path: Path) -> None:
    (tmp_path / "steady.mp4").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        draw(run / "out", tmp_path, "steady.mp4")
    assert (tmp_path / "steady.mp4").read_text() == "mine"
    draw(run / "out", tmp_path, "steady.mp4", force=True)
    assert shown(tmp_path / "steady.mp4")


def test_a_video_is_never_replaced_by_its_copy(run: Path) -> None:
    with pytest.raises(OutputError, match="is a video of the run"):
        draw(run / "out", run / "videos", "steady.mp4", force=True)


def test_an_interrupted_command_leaves_no_file(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("facetally.drawing.painters.Boxes.paint", interrupt)
    with pytest.raises(KeyboardInterrupt):
        draw(run / "out", tmp_path, "steady.mp4")
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".facetally-draw.")] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crf": 52}, "--crf 52"),
        ({"height": 3}, "--height 3"),
        ({"uncovered": ["steady.mp4:0"]}, "only for --blur"),
        ({"blur": True, "uncovered": ["steady.mp4"]}, "no video and track"),
        ({"blur": True, "uncovered": ["steady.mp4:99"]}, "no track 99"),
        ({"blur": True, "subtitles": "srt"}, "exclude each other"),
        ({"subtitles": "sub"}, "--subtitles sub"),
        ({"container": "avi"}, "--container avi"),
    ],
)
def test_wrong_options_are_refused(run: Path, tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        draw(run / "out", tmp_path / "none", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()


def test_moved_videos_are_found_or_asked_for(run: Path, tmp_path: Path) -> None:
    (run / "videos").rename(run / "elsewhere")
    try:
        with pytest.raises(OutputError, match="video not found") as caught:
            draw(run / "out", tmp_path, "steady.mp4")
        assert "--videos FOLDER" in caught.value.fix
        assert draw(run / "out", tmp_path, "steady.mp4", videos=run / "elsewhere").paths
    finally:
        (run / "elsewhere").rename(run / "videos")


def test_a_full_disk_is_an_error_with_a_fix_and_leaves_no_file(run: Path, tmp_path: Path) -> None:
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    try:
        with pytest.raises(OutputError, match="cannot write") as caught:
            draw(run / "out", tmp_path, "steady.mp4", crf=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, before)
    assert "free space" in caught.value.fix
    assert not list(tmp_path.glob("*.mp4")) and not list(tmp_path.glob("*.part"))


def test_two_commands_do_not_draw_into_one_folder(run: Path, tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(OutputError, match="another command is drawing"):
        draw(run / "out", tmp_path, "steady.mp4")


@pytest.mark.real
@pytest.mark.parametrize("name", ["*face_noface.mov", "*test.avi", "*eat.mkv", "*detection-female.gif"])
def test_copies_of_real_clips_have_their_frames_times_and_sound(shared: Path, tmp_path: Path, name: str) -> None:
    path = next((shared / "videos").glob(f"*/{name}"))
    film = Film(path, FilmOptions())
    target = tmp_path / f"copy{film.suffix}"
    film.write(target, lambda _: True, lambda planes, *_: planes.cover((0, 0, 20, 20)))
    assert compared(path, target, name).problems == []
