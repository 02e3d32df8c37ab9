"""Runs from S3 to S3 end to end: the bytes of a run over a folder, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from drawn_world import engines
from s3_server import S3, broken_off, error

import facetally
from facetally.batch import prepare
from facetally.cli.main import main
from facetally.errors import OutputError, StorageError
from facetally.results.ledger import Ledger
from facetally.results.run_tables import Run
from facetally.storage import copies
from facetally.storage import s3 as s3_module
from facetally.storage.read_ahead import cache_folder


@pytest.fixture(autouse=True)
def _drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: engines())
    monkeypatch.setattr(copies, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(s3_module, "ATTEMPTS", 2)


@pytest.fixture
def clips(films: Path, s3: S3, tmp_path: Path) -> Path:
    """Three films and a copy of one, in a folder and at in/."""
    shutil.copytree(films, tmp_path / "in")
    shutil.copy(films / "mixed.mp4", tmp_path / "in" / "a copy.mp4")
    for path in (tmp_path / "in").iterdir():
        s3.put(f"in/{path.name}", path.read_bytes())
    return tmp_path / "in"


@pytest.fixture
def run(s3: S3) -> Callable[..., Run]:
    """Runs in/ into out/ of the bucket."""
    return lambda **given: facetally.run(s3.address("in/"), s3.address("out"), workers=1, **given)


def tables(folder: Path) -> dict[str, Any]:
    """The bytes of faces/ and tracks/, and the rows of videos/ without their paths."""
    found: dict[str, Any] = {
        f"{table}/{path.name}": path.read_bytes()
        for table in ("faces", "tracks")
        for path in (folder / table).iterdir()
    }
    for path in (folder / "videos").iterdir():
        (row,) = pq.read_table(path).to_pylist()
        found[path.name] = {name: value for name, value in row.items() if name not in ("path", "reason", "fix")}
    return found


def stored(s3: S3, folder: Path) -> dict[str, Any]:
    """The same of what is in the bucket."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in s3.contents("out/").items():
        if name.split("/")[0] in ("faces", "tracks", "videos"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return tables(folder)


@pytest.fixture
def plain(clips: Path, tmp_path: Path) -> dict[str, Any]:
    """The tables of a run over the folder."""
    facetally.run(clips, tmp_path / "plain", workers=1)
    return tables(tmp_path / "plain")


def test_a_run_from_s3_to_s3_gives_the_bytes_of_a_run_over_a_folder_and_is_done_once(
    run: Callable[..., Run], s3: S3, plain: dict[str, Any], tmp_path: Path
) -> None:
    first = run()
    assert stored(s3, tmp_path / "s3") == plain
    assert {row.path for row in first.new} == {s3.address(key) for key in s3.names("in/")}
    assert [row.same_as for row in first.new if row.video == "mixed.mp4"] == ["a copy.mp4"]
    assert not list((cache_folder() / "videos").rglob("*.mp4"))
    assert {"out/run.json", "out/log.txt", "out/tallies/tallies.parquet"} <= set(s3.names("out/"))
    shutil.rmtree(cache_folder())
    s3.requests.clear()
    assert (len(run().done), s3.count("GET", "/in/")) == (4, 0)
    assert facetally.tally(s3.address("out")).table["appearances"].sum() == len(first.tracks())
    kept = b"".join(s3.contents("out/").values())
    assert b"hidden-word" not in kept
    with pytest.raises(OutputError, match="holds no results"):
        facetally.tally(s3.address("none"))


def test_credentials_that_end_in_the_middle_lose_nothing_and_the_same_command_resumes(
    run: Callable[..., Run], s3: S3, plain: dict[str, Any], tmp_path: Path
) -> None:
    with (
        s3.failing(error("400 Bad Request", "ExpiredToken", "PUT", "out/videos/man")),
        pytest.raises(StorageError, match="have ended") as caught,
    ):
        run()
    assert "give the same command again" in caught.value.fix
    assert run().failed == ()
    assert stored(s3, tmp_path / "s3") == plain


def test_a_busy_server_and_broken_connections_change_no_byte(
    run: Callable[..., Run], s3: S3, plain: dict[str, Any], tmp_path: Path
) -> None:
    with (
        s3.failing(broken_off("in/man.mp4", 1000, times=3)),
        s3.failing(error("503 Slow Down", "SlowDown", "GET", "in/woman", times=2)),
        s3.failing(error("503 Slow Down", "SlowDown", "PUT", "out/tracks", times=1)),
    ):
        run()
    assert stored(s3, tmp_path / "s3") == plain


def test_an_object_that_is_replaced_during_the_run_is_done_again_by_the_next(
    run: Callable[..., Run], s3: S3, clips: Path
) -> None:
    other = (clips / "woman.mp4").read_bytes() + b"more"

    def replaced(environ: dict[str, Any], _: object) -> None:
        if environ["REQUEST_METHOD"] == "GET" and environ["PATH_INFO"].endswith("in/man.mp4"):
            s3.faults.clear()
            s3.put("in/man.mp4", other)

    s3.faults.append(replaced)
    (failed,) = run().failed
    assert failed.reason == f"{s3.address('in/man.mp4')} changed while it was read"
    again = run()
    assert [(row.video, row.status) for row in again.new] == [("man.mp4", "ok")]
    assert again.new[0].content_sha256 == hashlib.sha256(other).hexdigest()


def test_the_same_content_in_a_new_version_or_at_a_new_place_is_not_processed_again(
    run: Callable[..., Run], s3: S3, clips: Path, tmp_path: Path
) -> None:
    run()
    upload = s3.client.create_multipart_upload(Bucket=s3.bucket, Key="in/man.mp4")["UploadId"]
    where = {"Bucket": s3.bucket, "Key": "in/man.mp4", "UploadId": upload}
    part = s3.client.upload_part(**where, PartNumber=1, Body=(clips / "man.mp4").read_bytes())
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.client.complete_multipart_upload(**where, MultipartUpload=parts)  # with another ETag
    s3.put("in/new.mp4", (clips / "man.mp4").read_bytes())
    again = run()
    assert [(row.video, row.same_as) for row in again.new] == [("new.mp4", "man.mp4")]
    s3.requests.clear()
    assert (run().new, s3.count("GET", "/in/")) == ((), 0)
    assert tmp_path


def test_a_second_run_is_refused_and_changes_nothing(run: Callable[..., Run], s3: S3, clips: Path) -> None:
    assert clips
    s3.put("out/.lock", json.dumps({"owner": "ann", "host": "node7", "folder": "x"}).encode())
    with pytest.raises(OutputError, match=r"another run is writing to s3://.*: ann on node7"):
        run()
    assert s3.names("out/") == ["out/.clock", "out/.lock"]


def test_pruned_videos_are_removed_at_the_address(run: Callable[..., Run], s3: S3, clips: Path) -> None:
    assert clips
    run()
    s3.client.delete_object(Bucket=s3.bucket, Key="in/woman.mp4")
    run(prune=True)
    assert not [key for key in s3.names("out/") if "woman" in key]


def test_results_of_a_folder_are_kept_when_its_videos_move_to_s3(s3: S3, clips: Path, tmp_path: Path) -> None:
    facetally.run(clips, tmp_path / "out", workers=1)
    moved = facetally.run(s3.address("in/"), tmp_path / "out", workers=1)
    assert (moved.new, len(moved.done)) == ((), 4)
    ids = Ledger(tmp_path / "out").video_ids()
    assert len(ids) == 4


@pytest.mark.usefixtures("clips")
@pytest.mark.parametrize(
    ("words", "made"),
    [
        (("report",), "report.html"),
        (("tally", "--write"), "tallies/tallies.parquet"),
        (("compact",), "compacted/index.parquet"),
        (("export", "--format", "csv"), "export/tracks.csv"),
    ],
)
def test_what_a_command_makes_is_at_the_address_and_named_by_it(
    run: Callable[..., Run], s3: S3, words: tuple[str, ...], made: str
) -> None:
    run()
    done = CliRunner().invoke(main, [words[0], s3.address("out"), *words[1:]])
    assert done.exit_code == 0, done.output
    text = done.output.replace("\n", "")
    assert s3.address(f"out/{made.split('/')[0]}") in text
    content = s3.contents("out/")[made]
    assert str(cache_folder()) not in text and str(cache_folder()).encode() not in content
