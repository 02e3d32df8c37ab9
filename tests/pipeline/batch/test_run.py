"""The whole pipeline in the drawn world: exact results, and none of them lost or counted twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_world import (
    ColourClassifier,
    FailingDetector,
    Film,
    Shot,
    SquareDetector,
    encoded,
    engines,
    filmed,
    one_person,
    resized,
)

from facetally import __version__
from facetally.batch import run as run_module
from facetally.batch.plan import Plan, check_output, plan_run
from facetally.batch.run import run_videos
from facetally.detection.faces import Faces, ImageArray
from facetally.errors import OutputError
from facetally.gender.attributes import Attributes
from facetally.inputs import find_videos
from facetally.models.engines import Engines
from facetally.options import ClassificationOptions, RunOptions, Sampling, WorkerOptions
from facetally.results import ledger as ledger_module
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, provenance_of, read_table, write_table

OPTIONS = RunOptions()
ONE_BY_ONE = replace(OPTIONS, classification=ClassificationOptions(batch_crops=1))
"""Each track is classified as soon as it ends, so that a video is stored when its last track ends."""


class Watcher:
    """Records all notifications, and can interrupt the run after some videos."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.todo: list[str] = []
        self.done: list[str] = []
        self.names: list[str] = []
        self.times: dict[str, list[float]] = {}
        self._stop_after = stop_after

    def planned(self, todo: Sequence[VideoRow], done: Sequence[VideoRow]) -> None:
        self.todo, self.done = names(todo), names(done)

    def advanced(self, video_id: str, time_s: float) -> None:
        self.times.setdefault(video_id.split(".")[0], []).append(time_s)

    def finished(self, row: VideoRow) -> None:
        self.names.append(row.video)
        if len(self.names) == self._stop_after:
            raise KeyboardInterrupt


def planned(folder: Path, out: Path, options: RunOptions = OPTIONS, *, force: bool = False) -> Plan:
    return plan_run(find_videos([str(folder)]), Ledger(out), options.digest(engines().model_hashes), force=force)


def run(
    folder: Path,
    out: Path,
    options: RunOptions = OPTIONS,
    *,
    workers: int = 1,
    using: Engines | None = None,
    watcher: Watcher | None = None,
) -> dict[str, VideoRow]:
    """The new rows of a run, by the videos' names."""
    plan, ledger, progress = planned(folder, out, options), Ledger(out), watcher or Watcher()
    machine = WorkerOptions(workers)
    rows = run_videos(plan, ledger, using or engines(), options=options, progress=progress, workers=machine)
    return {row.video: row for row in rows}


def files_in(out: Path) -> dict[str, bytes]:
    """The content of every file of a run."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def names(rows: Sequence[VideoRow]) -> list[str]:
    return [row.video for row in rows]


@pytest.fixture(scope="module")
def unbroken(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a complete run over all films. Do not change it."""
    out = tmp_path_factory.mktemp("unbroken")
    run(films, out, ONE_BY_ONE)
    return out


@pytest.fixture
def copy(films: Path, tmp_path: Path) -> Path:
    """A copy of the films, which a test may change."""
    return Path(shutil.copytree(films, tmp_path / "films"))


def test_every_appearance_is_found_with_its_time_and_its_gender(films: Path, tmp_path: Path) -> None:
    row = run(films, tmp_path)["mixed.mp4"]
    people = read_table(Ledger(tmp_path).path("tracks", row.video_id), TRACKS).to_pylist()
    # 1 and 3 are left out: they are the woman again, after the man has come and gone as suddenly as at a cut
    assert [(p["track_id"], p["gender"], p["face_count"]) for p in people] == [
        (0, "female", 10),
        (2, "male", 4),
        (4, "unknown", 8),  # too small
        (5, "male", 8),
    ]
    assert [p["first_s"] for p in people] == pytest.approx([0.0, 0.6, 2.0, 2.0])
    assert [p["last_s"] for p in people] == pytest.approx([1.8, 1.2, 3.4, 3.4])
    assert [p["screen_time_s"] for p in people] == pytest.approx([2.0, 0.8, 1.6, 1.6])
    assert [p["female_prob"] for p in people] == pytest.approx([0.97, 0.03, 0.97, 0.03])
    assert [p["face_height_px"] for p in people] == pytest.approx([40, 40, 12, 40], abs=1)


def test_every_face_is_stored_where_it_was_drawn(films: Path, tmp_path: Path) -> None:
    row = run(films, tmp_path)["woman.mp4"]
    faces = read_table(Ledger(tmp_path).path("faces", row.video_id), FACES).to_pandas()
    assert faces["frame_index"].tolist() == list(range(0, 50, 5))
    assert faces["time_s"].tolist() == pytest.approx([index / 25 for index in range(0, 50, 5)])
    assert faces["x1"].tolist() == pytest.approx([40 + 2 * step for step in range(10)], abs=1)
    assert set(faces["track_id"]) == {0}


def test_the_ledger_accounts_for_every_video(films: Path, tmp_path: Path) -> None:
    rows = run(films, tmp_path)
    assert rows == {row.video: row for row in Ledger(tmp_path).rows()}
    assert {name: (r.status, r.track_count, r.face_count) for name, r in rows.items()} == {
        "man.mp4": ("ok", 1, 10),
        "mixed.mp4": ("ok", 4, 30),
        "woman.mp4": ("ok", 1, 10),
    }
    row = rows["mixed.mp4"]
    assert (row.frame_count, row.sampled_count, row.width_px, row.height_px) == (90, 18, 160, 120)
    assert (row.decoded_s, row.coverage) == pytest.approx((3.6, 1.0))


def test_every_table_records_how_it_was_made(unbroken: Path) -> None:
    tables = list(unbroken.rglob("*.parquet"))
    assert len(tables) == 9
    for path in tables:
        provenance = provenance_of(path)
        assert provenance["version"] == __version__
        assert provenance["options"]["classification"]["batch_crops"] == 1
        assert provenance["models"]["detector"]["sha256"] == "d" * 64


def test_a_second_run_skips_what_is_done(films: Path, unbroken: Path) -> None:
    plan = planned(films, unbroken, ONE_BY_ONE)
    assert (names([job.row for job in plan.todo]), names(plan.done)) == ([], ["man.mp4", "mixed.mp4", "woman.mp4"])


def test_a_second_run_changes_no_file(films: Path, tmp_path: Path) -> None:
    run(films, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert run(films, tmp_path) == {}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_force_processes_everything_again(films: Path, unbroken: Path) -> None:
    assert len(planned(films, unbroken, ONE_BY_ONE, force=True).todo) == 3


def test_other_options_process_everything_again(films: Path, unbroken: Path) -> None:
    assert len(planned(films, unbroken, replace(ONE_BY_ONE, sampling=Sampling(0.5))).todo) == 3


def test_only_a_changed_file_is_processed_again(copy: Path, tmp_path: Path) -> None:
    run(copy, tmp_path / "out")
    shutil.copy(copy / "woman.mp4", copy / "man.mp4")
    rows = run(copy, tmp_path / "out")
    assert list(rows) == ["man.mp4"]
    (person,) = read_table(Ledger(tmp_path / "out").path("tracks", rows["man.mp4"].video_id), TRACKS).to_pylist()
    assert person["gender"] == "female"


def test_another_file_of_the_same_name_does_not_replace_the_first(films: Path, tmp_path: Path) -> None:
    for folder, film in (("a", "man.mp4"), ("b", "woman.mp4")):
        (tmp_path / folder).mkdir()
        shutil.copy(films / film, tmp_path / folder / "clip.mp4")
    run(tmp_path / "a", tmp_path / "out")
    with pytest.raises(OutputError, match=r"already holds clip\.mp4") as caught:
        run(tmp_path / "b", tmp_path / "out")
    assert "name both folders in one run" in caught.value.fix


def test_a_video_keeps_its_name_when_another_folder_is_added(films: Path, tmp_path: Path) -> None:
    for folder, film in (("a", "man.mp4"), ("b", "woman.mp4")):
        (tmp_path / folder).mkdir()
        shutil.copy(films / film, tmp_path / folder / "clip.mp4")
    ledger = Ledger(tmp_path / "out")
    run(tmp_path / "a", ledger.out)
    both = find_videos([str(tmp_path / "a"), str(tmp_path / "b")])
    plan = plan_run(both, ledger, OPTIONS.digest(engines().model_hashes))
    assert (names(plan.done), names([job.row for job in plan.todo])) == (["clip.mp4"], ["b/clip.mp4"])


def people_in(out: Path, row: VideoRow) -> list[dict[str, Any]]:
    people: list[dict[str, Any]] = read_table(Ledger(out).path("tracks", row.video_id), TRACKS).to_pylist()
    return people


def test_the_same_content_is_processed_once_and_reported_twice(copy: Path, tmp_path: Path) -> None:
    shutil.copy(copy / "man.mp4", copy / "same.mp4")
    watcher = Watcher()
    rows = run(copy, tmp_path / "out", watcher=watcher)
    assert "same" not in watcher.times
    assert watcher.todo[-1] == "same.mp4"
    one, other = rows["man.mp4"], rows["same.mp4"]
    assert (one.same_as, other.same_as, other.status, other.path) == ("", "man.mp4", "ok", str(copy / "same.mp4"))
    other = replace(other, faces_sha256=one.faces_sha256, tracks_sha256=one.tracks_sha256)  # of tables with other names
    assert replace(other, video_id=one.video_id, video="man.mp4", path=one.path, same_as="") == one
    (person,), (same,) = people_in(tmp_path / "out", one), people_in(tmp_path / "out", other)
    assert (same["video_id"], same["video"]) == (other.video_id, "same.mp4")
    assert (same["female_prob"], person["video"]) == (person["female_prob"], "man.mp4")
    again = planned(copy, tmp_path / "out")
    assert (again.todo, again.copies) == ([], [])


def test_a_renamed_file_is_not_processed_again(copy: Path, tmp_path: Path) -> None:
    run(copy, tmp_path / "out")
    (copy / "man.mp4").rename(copy / "bob.mp4")
    watcher = Watcher()
    rows = run(copy, tmp_path / "out", watcher=watcher)
    assert (list(rows), watcher.times) == (["bob.mp4"], {})
    assert people_in(tmp_path / "out", rows["bob.mp4"])[0]["gender"] == "male"


def test_a_copy_keeps_its_results_when_its_source_changes(copy: Path, tmp_path: Path) -> None:
    run(copy, tmp_path / "out")
    shutil.copy(copy / "man.mp4", copy / "same.mp4")
    shutil.copy(copy / "woman.mp4", copy / "man.mp4")
    rows = run(copy, tmp_path / "out")
    predicted = {name: people_in(tmp_path / "out", row)[0]["gender"] for name, row in rows.items()}
    assert predicted == {"same.mp4": "male", "man.mp4": "female"}


def test_copies_of_a_broken_file_fail_too(copy: Path, tmp_path: Path) -> None:
    for name in ("x.mp4", "y.mp4"):
        (copy / name).write_text("no video\n" * 100)
    rows = run(copy, tmp_path / "out")
    assert (rows["x.mp4"].status, rows["y.mp4"].status, rows["y.mp4"].same_as) == ("failed", "failed", "x.mp4")
    assert rows["y.mp4"].reason == rows["x.mp4"].reason.replace("/x.mp4", "/y.mp4") != rows["x.mp4"].reason
    assert "/y.mp4" in rows["y.mp4"].fix and "/x.mp4" not in rows["y.mp4"].fix
    assert planned(copy, tmp_path / "out").todo == []


def test_a_file_that_is_not_regular_fails_without_being_read(copy: Path, tmp_path: Path) -> None:
    os.mkfifo(copy / "pipe.mp4")
    (copy / "loop.mp4").symlink_to("loop.mp4")
    (copy / "gone.mp4").symlink_to("nowhere.mp4")
    (copy / "zero.mp4").symlink_to("/dev/zero")
    (copy / "inner").symlink_to(copy)
    rows = run(copy, tmp_path / "out")
    reasons = {name: row.reason for name, row in rows.items() if row.status == "failed"}
    assert sorted(reasons) == ["gone.mp4", "loop.mp4", "pipe.mp4", "zero.mp4"]
    assert "is not a regular file" in reasons["pipe.mp4"]
    assert "is not a regular file" in reasons["zero.mp4"]
    assert "cannot be read" in reasons["loop.mp4"]


@pytest.mark.parametrize(
    "name",
    [
        *("-rf.mp4", "a'b\"c.mp4", "<script>alert(1)</script>.mp4".replace("/", "_"), "two\nlines.mp4", "..mp4"),
        *("\u202egpj.mp4", "x" * 251 + ".mp4", "http:,,a.mp4", "%03d.mp4", "[red]b.mp4", "a|b.mp4", "=cmd.mp4"),
    ],
)
def test_any_file_name_is_accepted(films: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(films / "man.mp4", tmp_path / "in" / name)
    (row,) = run(tmp_path / "in", tmp_path / "out").values()
    assert (row.status, row.track_count) == ("ok", 1)
    assert row.video.isprintable()
    assert list(Ledger(tmp_path / "out").rows()) == [row]
    assert planned(tmp_path / "in", tmp_path / "out").todo == []


def test_names_that_are_not_utf_8_are_stored_with_escapes(films: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(films / "man.mp4", tmp_path / "in" / "bad\udcff.mp4")  # the byte \xff in the name
    (row,) = run(tmp_path / "in", tmp_path / "out").values()
    assert (row.status, row.video) == ("ok", "bad\\xff.mp4")
    assert planned(tmp_path / "in", tmp_path / "out").todo == []


def test_a_folder_that_was_moved_is_not_processed_again(copy: Path, tmp_path: Path) -> None:
    run(copy, tmp_path / "out")
    moved = Path(shutil.move(copy, tmp_path / "elsewhere"))
    assert planned(moved, tmp_path / "out").todo == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_file_gets_its_row_and_the_others_are_finished(copy: Path, tmp_path: Path, workers: int) -> None:
    (copy / "another.mp4").write_text("no video\n" * 100)
    (copy / "nothing.mp4").touch()
    rows = run(copy, tmp_path / "out", workers=workers)
    assert {name: row.status for name, row in rows.items()} == {
        **{"another.mp4": "failed", "nothing.mp4": "failed"},
        **{"man.mp4": "ok", "mixed.mp4": "ok", "woman.mp4": "ok"},
    }
    assert "cannot be opened as a video" in rows["another.mp4"].reason
    assert "is empty" in rows["nothing.mp4"].reason
    assert rows["nothing.mp4"].fix
    assert rows["nothing.mp4"] == Ledger(tmp_path / "out").row(rows["nothing.mp4"].video_id)


def test_a_failed_file_is_tried_again_and_succeeds_once_it_is_replaced(copy: Path, tmp_path: Path) -> None:
    good = (copy / "man.mp4").read_bytes()
    (copy / "man.mp4").write_bytes(b"")
    run(copy, tmp_path / "out")
    (copy / "man.mp4").write_bytes(good)
    assert {name: row.status for name, row in run(copy, tmp_path / "out").items()} == {"man.mp4": "ok"}


def test_a_file_that_is_deleted_after_planning_fails_alone(copy: Path, tmp_path: Path) -> None:
    plan = planned(copy, tmp_path / "out")
    (copy / "man.mp4").unlink()
    rows = run_videos(plan, Ledger(tmp_path / "out"), engines(), options=OPTIONS, progress=Watcher())
    assert {row.video: row.status for row in rows} == {"man.mp4": "failed", "mixed.mp4": "ok", "woman.mp4": "ok"}


def test_half_a_file_is_partial_and_its_people_count(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    images = one_person(seconds=4).images()
    path = encoded(tmp_path / "in" / "half.mp4", images, muxer={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    row = run(tmp_path / "in", tmp_path / "out")["half.mp4"]
    assert (row.status, row.track_count) == ("partial", 1)
    assert row.reason == f"{row.decoded_s:.1f} of 4.0 s could be decoded"
    assert "ffmpeg -i" in row.fix


def test_a_video_without_faces_is_done_with_empty_tables(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    filmed(tmp_path / "in" / "empty.mp4", Film((Shot(1.0),)))
    row = run(tmp_path / "in", tmp_path / "out")["empty.mp4"]
    assert (row.status, row.face_count, row.track_count, row.sampled_count) == ("ok", 0, 0, 5)
    assert read_table(Ledger(tmp_path / "out").path("tracks", row.video_id), TRACKS).num_rows == 0


def test_two_workers_write_the_same_bytes_as_one(films: Path, unbroken: Path, tmp_path: Path) -> None:
    run(films, tmp_path, ONE_BY_ONE, workers=2)
    assert files_in(tmp_path) == files_in(unbroken)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_run_that_was_stopped_resumes_and_writes_the_same_bytes(
    films: Path, unbroken: Path, tmp_path: Path, workers: int, stop_after: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(films, tmp_path, ONE_BY_ONE, workers=workers, watcher=Watcher(stop_after))
    assert len(list(Ledger(tmp_path).rows())) == stop_after
    watcher = Watcher()
    run(films, tmp_path, ONE_BY_ONE, workers=workers, watcher=watcher)
    assert (len(watcher.todo), len(watcher.done)) == (3 - stop_after, stop_after)
    assert files_in(tmp_path) == files_in(unbroken)


class FailingClassifier(ColourClassifier):
    """Fails on men."""

    def predict(self, crops: np.ndarray) -> Attributes:
        predictions = super().predict(crops)
        if (predictions.female_prob < 0.5).any():
            raise RuntimeError("out of memory")
        return predictions


def test_a_classifier_that_fails_leaves_the_finished_videos(films: Path, tmp_path: Path) -> None:
    using = replace(engines(), classifier=FailingClassifier())
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(films / "woman.mp4", folder / "a.mp4")
    shutil.copy(films / "man.mp4", folder / "b.mp4")
    with pytest.raises(RuntimeError, match="out of memory"):
        run(folder, tmp_path / "out", ONE_BY_ONE, using=using)
    assert names(list(Ledger(tmp_path / "out").rows())) == ["a.mp4"]
    assert list(run(folder, tmp_path / "out", ONE_BY_ONE)) == ["b.mp4"]


@pytest.mark.parametrize("table", ["faces", "tracks", "videos"])
def test_a_disk_that_fills_up_leaves_the_finished_videos(
    films: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    def full(path: Path, *rest: Any) -> str:
        if path.parent.name == table and path.name.startswith("mixed"):
            raise OutputError("no space left", fix="free some")
        return write_table(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(ledger_module, "write_table", full)
        with pytest.raises(OutputError, match="no space left"):
            run(films, tmp_path, ONE_BY_ONE)
    assert names(list(Ledger(tmp_path).rows())) == ["man.mp4"]
    run(films, tmp_path, ONE_BY_ONE)
    assert files_in(tmp_path) == files_in(unbroken)


def test_an_error_in_one_video_does_not_affect_the_others(films: Path, tmp_path: Path) -> None:
    rows = run(films, tmp_path, using=replace(engines(), detector=FailingDetector("raise")))
    assert {name: row.status for name, row in rows.items()} == {
        **{"man.mp4": "ok", "mixed.mp4": "partial", "woman.mp4": "ok"}
    }
    assert "RuntimeError" in rows["mixed.mp4"].reason
    assert "too bright" in rows["mixed.mp4"].reason


class CountingClassifier(ColourClassifier):
    """Records the size of each batch."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, crops: np.ndarray) -> Attributes:
        self.batches.append(len(crops))
        return super().predict(crops)


def test_crops_are_classified_together_across_videos(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "MAX_WAIT_S", 1e9)
    classifier = CountingClassifier()
    run(films, tmp_path, using=replace(engines(), classifier=classifier))
    assert classifier.batches == [24]  # the 4 best crops of 6 tracks


def test_a_finished_video_does_not_wait_long_for_a_full_batch(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class StartWatcher(Watcher):
        started_when_first_was_finished: tuple[str, ...] = ()

        def finished(self, row: VideoRow) -> None:
            super().finished(row)
            self.started_when_first_was_finished = self.started_when_first_was_finished or tuple(self.times)

    monkeypatch.setattr(run_module, "MAX_WAIT_S", 0.0)
    watcher = StartWatcher()
    run(films, tmp_path, watcher=watcher)
    assert watcher.names == ["man.mp4", "mixed.mp4", "woman.mp4"]
    assert "woman" not in watcher.started_when_first_was_finished


def test_progress_is_notified_of_every_frame_and_video(films: Path, tmp_path: Path) -> None:
    watcher = Watcher()
    run(films, tmp_path, ONE_BY_ONE, watcher=watcher)
    assert watcher.todo == watcher.names == ["man.mp4", "mixed.mp4", "woman.mp4"]
    for name, count in {"man": 10, "mixed": 18, "woman": 10}.items():
        assert watcher.times[name] == pytest.approx([step / 5 for step in range(count)])


def test_an_output_folder_that_cannot_be_created_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to") as caught:
        check_output(tmp_path / "file" / "out")
    assert "-o" in caught.value.fix
    check_output(tmp_path / "new" / "out")
    assert [path.name for path in (tmp_path / "new" / "out").iterdir()] == ["videos"]


def test_a_jump_of_the_clock_adds_no_screen_time_and_is_counted_and_noted(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    parts = [
        encoded(tmp_path / "part.ts", one_person(seconds=2.4).images(), range(start, start + 60)).read_bytes()
        for start in (0, 93600 * 25)
    ]
    (folder / "joined.ts").write_bytes(b"".join(parts))
    row = run(folder, tmp_path / "out")["joined.ts"]
    people = read_table(Ledger(tmp_path / "out").path("tracks", row.video_id), TRACKS).to_pylist()
    assert sum(person["screen_time_s"] for person in people) == pytest.approx(4.8, abs=0.05)
    assert (row.status, row.clock_jump_count) == ("ok", 1)
    assert (row.decoded_s, row.expected_s) == pytest.approx((4.8, 4.8), abs=0.05)
    assert "the clock of the video jumps once" in row.note


def test_a_recording_joined_to_another_that_is_not_read_makes_a_video_partial(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "two.mp4").write_bytes(clip.read_bytes() * 2)
    row = run(tmp_path / "in", tmp_path / "out")["two.mp4"]
    assert (row.status, row.track_count) == ("partial", 1)
    assert "two recordings" in row.reason
    assert f"tail -c +{clip.stat().st_size + 1}" in row.fix


def test_boxes_of_a_video_with_wide_pixels_are_in_pixels_as_displayed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    images = [resized(image, (120, 120)) for image in one_person().images()]
    aspect = {"aspect": "4:3", "b": "8000000"}  # of a pixel, as 160 x 120 is 4:3 too
    path = encoded(tmp_path / "in" / "tape.ts", images, codec="mpeg2video", options=aspect)
    row = run(tmp_path / "in", tmp_path / "out")["tape.ts"]
    assert (row.width_px, row.height_px, row.displayed_width_px, row.displayed_height_px) == (120, 120, 160, 120), path
    faces = read_table(Ledger(tmp_path / "out").path("faces", row.video_id), FACES).to_pandas()
    assert faces["x1"].tolist() == pytest.approx([40 + 2 * step for step in range(10)], abs=2)
    assert (faces["x2"] - faces["x1"]).tolist() == pytest.approx([40] * 10, abs=2)


def test_a_video_that_changed_while_it_was_read_is_done_again_even_if_it_is_put_back(
    copy: Path, tmp_path: Path
) -> None:
    content = (copy / "man.mp4").read_bytes()
    using = replace(engines(), detector=WritingDetector(copy / "man.mp4", "overwrite"))
    assert run(copy, tmp_path / "out", using=using)["man.mp4"].status == "failed"
    (copy / "man.mp4").write_bytes(content)
    assert {name: row.status for name, row in run(copy, tmp_path / "out").items()} == {"man.mp4": "ok"}


def test_the_copy_of_a_video_that_changed_while_it_was_read_waits_for_the_next_run(copy: Path, tmp_path: Path) -> None:
    shutil.copy(copy / "man.mp4", copy / "same.mp4")
    using = replace(engines(), detector=WritingDetector(copy / "man.mp4", "grow"))
    row = run(copy, tmp_path / "out", using=using)["same.mp4"]
    assert (row.status, row.same_as) == ("failed", "")
    assert row.reason == f"{copy / 'same.mp4'} was the same as {copy / 'man.mp4'}, which changed while it was read"
    again = run(copy, tmp_path / "out")
    assert {name: row.status for name, row in again.items()} == {"man.mp4": "ok", "same.mp4": "ok"}


def test_the_reason_of_a_link_names_the_file_that_its_row_names(copy: Path, tmp_path: Path) -> None:
    (copy / "bad file.txt").write_text("no video\n" * 100)
    (copy / "link.mp4").symlink_to(copy / "bad file.txt")
    row = run(copy, tmp_path / "out")["link.mp4"]
    assert row.path == str(copy / "bad file.txt")
    assert row.reason.startswith(f"{row.path} cannot be opened")
    assert f"ffmpeg -i '{row.path}'" in row.fix


class WritingDetector(SquareDetector):
    """Writes to a file as soon as a frame of it was detected.

    Args:
        path: the file.
        kind: "grow", "shrink", "overwrite" (same length), "hide" (same length and times), or "touch" (same content).
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind

    def detect(self, images_bgr: Sequence[ImageArray], frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        content = self.path.read_bytes()
        changed = {"grow": content + b"more", "shrink": content[:-9], "overwrite": b"x" + content[1:], "touch": content}
        status = self.path.stat()
        self.path.write_bytes(changed["overwrite" if self.kind == "hide" else self.kind])
        if self.kind == "hide":
            os.utime(self.path, ns=(status.st_atime_ns, status.st_mtime_ns))
        return super().detect(images_bgr, frame_hw)


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        ("grow", "partial", "is still being written"),
        ("shrink", "failed", "changed while it was read"),
        ("overwrite", "failed", "changed while it was read"),
        ("hide", "failed", "changed while it was read"),
        ("touch", "ok", ""),
    ],
)
def test_a_file_that_is_written_to_while_it_is_read_is_noticed_and_done_again(
    copy: Path, tmp_path: Path, kind: str, status: str, reason: str
) -> None:
    for name in ("mixed.mp4", "woman.mp4"):
        (copy / name).unlink()
    using = replace(engines(), detector=WritingDetector(copy / "man.mp4", kind))
    row = run(copy, tmp_path / "out", using=using)["man.mp4"]
    assert (row.status, reason in row.reason) == (status, True)
    assert row.track_count == 1
    tracks = read_table(Ledger(tmp_path / "out").path("tracks", row.video_id), TRACKS)
    assert len(tracks) == (0 if status == "failed" else 1)
    again = planned(copy, tmp_path / "out")
    assert (names([job.row for job in again.todo]), names(again.done)) == (
        ([], ["man.mp4"]) if status == "ok" else (["man.mp4"], [])
    )
