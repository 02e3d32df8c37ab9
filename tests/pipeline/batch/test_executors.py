"""The choice of an executor, what Ray's side refuses, and how a worker's pieces travel."""

from __future__ import annotations

import importlib.util
import multiprocessing
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from drawn_world import FailingDetector, engines

from facetally.batch import ray_executor, ray_pool
from facetally.batch.executors import LocalExecutor, executor_of
from facetally.batch.ray_executor import RayExecutor, _unpacked
from facetally.batch.ray_pool import _Head
from facetally.batch.ray_worker import CHUNK_BYTES, Installation, RayWorker, Unseen, packed
from facetally.batch.worker import Job, VideoFinished, WorkerTask
from facetally.errors import OptionError, PipelineError, StorageError, VideoError
from facetally.inputs import find_videos
from facetally.options import RunOptions, WorkerOptions
from facetally.results.ledger import VideoRow
from facetally.storage.copies import LocalCopy, RemoteVideo
from facetally.tracks.follow import FollowedFrame

HERE = Installation({"facetally": "1.0", "av": "17.0", "Python": "3.11.7"}, {Path("w.onnx"): "abc"}, "here")


def job_of(path: Path) -> Job:
    (video,) = find_videos([str(path)])
    return Job(path, VideoRow(video.video_id, video.name, str(path)))


def sent_about(job: Job, detector: Any = None) -> list[bytes]:
    """The pieces that a worker of Ray sends."""
    worker, using = RayWorker(), engines()
    worker.load(pickle.dumps(WorkerTask(detector or using.detector, using.recipe, RunOptions(), 1)))
    return list(worker.process(job))


def test_local_workers_are_the_default_and_take_no_address() -> None:
    assert isinstance(executor_of("local"), LocalExecutor)
    with pytest.raises(OptionError, match="--address is for --executor ray only"):
        executor_of("local", "auto")


def test_without_ray_the_error_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(OptionError) as caught:
        executor_of("ray")
    assert caught.value.fix == "pip install 'facetally[ray]'"


@pytest.mark.parametrize("silent", [1, 2])
def test_ray_that_does_not_start_is_started_once_more_and_then_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, silent: int
) -> None:
    pytest.importorskip("ray")
    (tmp_path / "a.mp4").write_bytes(b"a")
    ended: list[int] = []

    def started(*_: object) -> tuple[Any, int]:
        ours, theirs = multiprocessing.Pipe()
        held.append(theirs)  # closed, it would be a lost connection
        if len(held) > silent:
            theirs.send("finished")
        return ours, len(held)

    held: list[Any] = []
    monkeypatch.setattr(ray_executor, "START_S", 0.01)
    monkeypatch.setattr(ray_executor, "started_process", started)
    monkeypatch.setattr(ray_executor, "end_process", lambda process, _: ended.append(process))
    run = RayExecutor().run([job_of(tmp_path / "a.mp4")], WorkerTask(None, None, RunOptions(), 1), WorkerOptions())  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="did not start within") if silent == 2 else nullcontext():
        assert set(run) <= {None}
    assert ended == [1, 2]


def test_an_address_of_ray_client_is_refused() -> None:
    pytest.importorskip("ray")
    with pytest.raises(OptionError, match="Ray Client"):
        executor_of("ray", "ray://head:10001")


def test_ray_gets_one_thread_per_worker_and_counts_its_workers_later() -> None:
    pytest.importorskip("ray")
    assert RayExecutor().allocate(5, WorkerOptions(0)) == WorkerOptions(0, threads=1)
    assert RayExecutor().allocate(5, WorkerOptions(9, threads=2)) == WorkerOptions(5, threads=2)


def test_the_classifier_has_all_cores_where_a_cluster_runs_already(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("facetally.batch.ray_executor.usable_cores", lambda: 16)
    options = WorkerOptions(threads=1)
    assert RayExecutor("auto").classifier_threads(options) == 16
    assert RayExecutor().classifier_threads(options) == LocalExecutor().classifier_threads(options) == 1


def test_the_pieces_of_a_worker_are_the_events_of_its_video(clip: Path) -> None:
    events = [event for piece in sent_about(job_of(clip)) for event in _unpacked(piece, job_of(clip))]
    assert [type(event) for event in events] == [FollowedFrame] * 10 + [VideoFinished]
    assert all(len(piece) < CHUNK_BYTES for piece in sent_about(job_of(clip)))


def test_an_unexpected_error_on_the_cluster_travels_with_its_traceback(films: Path) -> None:
    job = job_of(films / "mixed.mp4")
    *_, ended = _unpacked(b"".join(sent_about(job, FailingDetector("raise"))), job)
    assert isinstance(ended, VideoFinished)
    assert "too bright" in ended.traceback


def test_a_video_in_object_storage_is_fetched_by_the_worker(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def copied(_: RemoteVideo, advanced: Callable[[int], None]) -> Iterator[LocalCopy]:
        advanced(7)
        yield LocalCopy(clip, "f" * 64)

    monkeypatch.setattr("facetally.batch.ray_worker.local_copy", copied)
    job = replace(job_of(clip), path=Path("red.mp4"), source=RemoteVideo("s3://archive/red.mp4", 9, "v1"))
    *frames, ended = (event for piece in sent_about(job) for event in _unpacked(piece, job))
    assert isinstance(ended, VideoFinished)
    assert (len(frames), ended.sha256, ended.error) == (10, "f" * 64, None)


def test_a_fetched_video_that_is_broken_is_named_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "facetally-x1.mp4"
    copy.write_text("no video" * 99)
    monkeypatch.setattr("facetally.batch.ray_worker.local_copy", lambda *_, **__: nullcontext(LocalCopy(copy, "f")))
    job = Job(Path("red.mp4"), VideoRow("r", "red.mp4", ""), source=RemoteVideo("s3://archive/red.mp4", 9, "v1"))
    (ended,) = _unpacked(b"".join(sent_about(job)), job)
    assert isinstance(ended, VideoFinished)
    assert ended.error
    assert ("red.mp4" in ended.error.what, "facetally-x1" in ended.error.what + ended.error.fix) == (True, False)


@pytest.mark.parametrize(("error", "ends_run"), [(VideoError, False), (StorageError, True)])
def test_a_video_that_cannot_be_fetched_fails_and_a_storage_that_is_gone_ends_the_run(
    error: type[PipelineError], ends_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> NoReturn:
        raise error("no", fix="yes")

    monkeypatch.setattr("facetally.batch.ray_worker.local_copy", refused)
    job = Job(Path("red.mp4"), VideoRow("r", "red.mp4", ""), source=RemoteVideo("s3://archive/red.mp4", 9, "v1"))
    with pytest.raises(StorageError) if ends_run else nullcontext():
        (ended,) = _unpacked(b"".join(sent_about(job)), job)
        assert isinstance(ended, VideoFinished)
        assert isinstance(ended.error, VideoError)


def test_a_video_that_only_this_machine_sees_is_an_error_with_its_fix(clip: Path) -> None:
    with pytest.raises(OptionError, match="machine far of the cluster does not see it") as caught:
        list(_unpacked(packed(Unseen("far")), job_of(clip)))
    assert "a folder that all machines share" in caught.value.fix


def test_a_video_that_is_gone_everywhere_only_fails(clip: Path, tmp_path: Path) -> None:
    job = replace(job_of(clip), path=tmp_path / "gone.mp4")
    pieces = sent_about(job)
    (ended,) = _unpacked(packed(Unseen("far")) + b"".join(pieces), job)
    assert isinstance(ended, VideoFinished)
    assert ended.error


@pytest.mark.parametrize(
    ("other", "what", "fix"),
    [
        ({"versions": {**HERE.versions, "av": "16.0"}}, "has av 16.0, but this one av 17.0", "av==17.0"),
        ({"versions": {**HERE.versions, "facetally": "0.9"}}, "has facetally 0.9", "facetally==1.0"),
        ({"versions": {**HERE.versions, "Python": "3.12.0"}}, "has Python 3.12.0", "the same Python"),
        ({"weights": {Path("w.onnx"): "x"}}, "w.onnx are other weights on machine there", "--models-dir"),
        ({"weights": {Path("w.onnx"): ""}}, "w.onnx cannot be read on machine there", "--models-dir"),
    ],
)
def test_another_installation_is_refused(other: dict[str, Any], what: str, fix: str) -> None:
    with pytest.raises(OptionError, match=what) as caught:
        HERE.refuse_other(replace(HERE, host="there", **other))
    assert fix in caught.value.fix


def test_the_same_installation_is_accepted() -> None:
    HERE.refuse_other(replace(HERE, host="there"))


def test_a_head_that_stops_to_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "CHECK_EVERY_S", 0.0)
    monkeypatch.setattr(ray_pool, "LOST_AFTER_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        head = _Head(f"127.0.0.1:{server.getsockname()[1]}")
        head.check()
    head.check()  # it may come back
    time.sleep(0.1)
    with pytest.raises(OptionError, match="does not answer any more") as caught:
        head.check()
    assert "the same command continues" in caught.value.fix
