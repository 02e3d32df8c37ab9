"""The command compact, and the other commands over a folder of which only the joined files are left."""

from __future__ import annotations

import shutil
from pathlib import Path

import labelled_world
import pytest
from click.testing import CliRunner, Result

from facetally.cli.main import main
from facetally.results.ledger import Ledger

NAMES = ("a/1.mp4", "a/2.mp4", "b/1.mp4")


def facetally(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three videos, each with a woman and a man."""
    rows = {
        name: [
            labelled_world.track_row(track_id, prob) | {"video_id": f"id-{name.replace('/', '_')}", "video": name}
            for track_id, prob in enumerate((0.9, 0.1))
        ]
        for name in NAMES
    }
    faces = {
        name: [
            row | {"video_id": f"id-{name.replace('/', '_')}"}
            for track_id in (0, 1)
            for row in labelled_world.face_rows(track_id, [0.0, 0.2])
        ]
        for name in NAMES
    }
    labelled_world.stored(tmp_path / "out", rows, faces)
    return tmp_path / "out"


@pytest.fixture
def joined(out: Path) -> Path:
    """A copy of it with joined files alone."""
    copy = Path(shutil.copytree(out, out.with_name("joined")))
    assert facetally("compact", copy, "--remove-originals").exit_code == 0
    assert not list((copy / "tracks").iterdir())
    return copy


def test_it_says_what_it_did(out: Path) -> None:
    first = facetally("compact", out)
    assert first.stdout.startswith(f"{out}/compacted: 3 videos in 3 files, 0.0 MB: 3 new or changed\n")
    assert facetally("compact", out).stdout.endswith("nothing was new\n")
    last = facetally("compact", out, "--remove-originals")
    assert last.stdout.endswith("the small files of 3 videos were deleted\n")


def test_a_damaged_video_is_left_out_and_named(out: Path) -> None:
    Ledger(out).path("faces", "id-a_2.mp4").write_bytes(b"half")
    result = facetally("compact", out)
    assert result.exit_code == 1
    assert "2 videos in 3 files" in result.stdout
    assert f"left out: id-a_2.mp4: {out}/faces/id-a_2.mp4.parquet cannot be read" in result.stderr
    assert "Fix: run the same `facetally run` again" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("tally", "--by", "video", "--format", "csv"),
        ("tally", "--by", "folder", "--min-confidence", "0.95"),
        ("status",),
        ("status", "--deep"),
        ("show",),
        ("show", "a/1.mp4"),
    ],
    ids=" ".join,
)
def test_commands_print_the_same(out: Path, joined: Path, words: tuple[str, ...]) -> None:
    command, *rest = words
    own, other = (facetally(command, folder, *rest) for folder in (out, joined))
    assert (other.exit_code, other.stdout) == (own.exit_code, own.stdout.replace(str(out), str(joined)))


def test_exports_are_the_same(out: Path, joined: Path) -> None:
    written = []
    for folder in (out, joined):
        assert facetally("export", folder, "--table", "all", "-o", folder / "csv").exit_code == 0
        written.append({path.name: path.read_bytes() for path in (folder / "csv").glob("*.csv")})
    assert written[0] == written[1]
    assert len(written[0]) > 4


def test_a_report_is_written(joined: Path) -> None:
    assert facetally("report", joined).exit_code == 0
    assert "a/2.mp4" in (joined / "report.html").read_text()


def test_a_wrong_path_is_an_error_with_its_fix(tmp_path: Path) -> None:
    result = facetally("compact", tmp_path / "nothing")
    assert result.exit_code == 1
    assert f"Error: {tmp_path}/nothing holds no results" in result.stderr
    assert "Fix: make some first: facetally run VIDEOS" in result.stderr


def test_ctrl_c_says_that_nothing_is_lost(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("facetally.results.compaction._read_own", stopped)
    result = facetally("compact", out)
    assert (result.exit_code, "No results are lost" in result.stderr) == (130, True)
    assert not [path for path in (out / "compacted").rglob("*") if path.is_file()]
