"""Running into a folder that holds results: what is kept, made again or left out, and how that is undone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from drawn_world import engines

import facetally
from facetally.batch import prepare
from facetally.cli.main import main
from facetally.results.ledger import Ledger


def run(*words: str | Path) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(main, [str(word) for word in words])


def tables(out: Path) -> dict[str, bytes]:
    """The content of all tables and of run.json."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.suffix in (".parquet", ".json")}


def appearances(out: Path) -> int:
    return int(facetally.Run(out).tallies()["appearances"].sum())


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs use the networks of the drawn world."""
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: engines())


@pytest.fixture(scope="module")
def finished(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with films and the output of a run over them. Do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(films, folder / "in")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "load_engines", lambda *_, **__: engines())
        assert run("run", folder / "in", "-o", folder / "out").exit_code == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working folder: films in in/, results in out/."""
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_other_options_change_nothing_unless_asked_for(folder: Path) -> None:
    before = tables(folder / "out")
    stopped = run("run", "in", "-o", "out", "--every", "1")
    assert (stopped.exit_code, tables(folder / "out")) == (1, before)
    error = "out holds 3 finished videos made with other options or weights: --every 0.2 -> 1"
    assert stopped.stderr.splitlines()[-2:] == [
        f"Error: {error}",
        "Fix: add --update to process these 3 again, or choose another folder with -o to keep both",
    ]
    assert run("run", "in", "-o", "other", "--every", "1").exit_code == 0
    updated = run("run", "in", "-o", "out", "--every", "1", "--update")
    assert updated.exit_code == 0
    assert "note: 3 finished videos made with other options or weights: processed again" in updated.stderr
    assert tables(folder / "out") == tables(folder / "other")


@pytest.mark.usefixtures("folder")
def test_a_stopped_update_is_continued_by_the_same_command() -> None:
    assert run("run", "in/man.mp4", "-o", "out", "--every", "1", "--update").exit_code == 0
    assert "2 different sets of options and weights" in run("status", "out").stdout
    rest = run("run", "in", "-o", "out", "--every", "1", "--update")
    assert "2 videos to do, 1 done before" in rest.stderr
    assert "different sets" not in run("status", "out").stdout


def test_another_patch_version_resumes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "__version__", "0.2.9")
    monkeypatch.setattr("facetally.models.engines.__version__", "0.2.9")
    before = tables(folder / "out")
    assert "0 videos to do, 3 done before" in run("run", "in", "-o", "out").stderr
    assert {name for name, content in tables(folder / "out").items() if content != before[name]} == set()


def test_excluded_videos_leave_every_sum_at_once_and_keep_their_results(folder: Path) -> None:
    before = tables(folder / "out")
    result = run("run", "in", "-o", "out", "--exclude", "mixed.mp4")
    assert (result.exit_code, appearances(folder / "out")) == (0, 2)
    assert "excluded from all sums by --exclude mixed.mp4 (--include-all takes it back): mixed.mp4" in result.stderr
    assert len(facetally.Run("out").tracks()) == 2
    again = run("run", "in", "-o", "out", "--dry-run").stdout  # the pattern is kept
    assert again.split() == ["done", "man.mp4", "done", "woman.mp4", "skip", "mixed.mp4"]
    shown = run("status", "out")
    assert (shown.exit_code, shown.stdout.splitlines()[0]) == (0, "2 videos: 2 ok")
    assert "1 video excluded from all sums by --exclude mixed.mp4" in shown.stdout
    undone = run("run", "in", "-o", "out", "--include-all")
    assert "0 videos to do, 3 done before" in undone.stderr
    assert tables(folder / "out") == before


def test_a_settings_file_may_exclude_but_not_remove(folder: Path) -> None:
    (folder / "run.toml").write_text('exclude = ["man*", "woman*"]\n')
    assert "2 videos excluded" in run("run", "in", "-o", "out", "--config", "run.toml").stderr
    (folder / "run.toml").write_text("prune = true\n")
    assert "no option 'prune' is known" in run("run", "in", "-o", "out", "--config", "run.toml").stderr


def test_a_video_that_is_gone_is_counted_until_it_is_removed_from_all_tables(folder: Path) -> None:
    (folder / "in" / "man.mp4").unlink()
    result = run("run", "in", "-o", "out")
    assert (
        "1 video with results, but not among the inputs: still counted (--prune removes it): man.mp4" in result.stderr
    )
    assert "still counted (--prune removes it): man.mp4" in run("status", "out").stdout
    assert appearances(folder / "out") == 6
    assert run("run", "in", "-o", "out", "--prune", "--dry-run").stdout.splitlines()[-1] == "gone  man.mp4"
    assert run("run", "in", "-o", "out", "--prune").exit_code == 0
    assert [name for name in tables(folder / "out") if "/man" in name] == []
    assert appearances(folder / "out") == 5
    assert run("status", "out").stdout.splitlines() == ["2 videos: 2 ok"]


def test_a_failed_video_is_tried_again_on_request_only(folder: Path) -> None:
    (folder / "in" / "bad.mp4").write_text("no video")
    assert run("run", "in", "-o", "out").exit_code == 1
    again = run("run", "in", "-o", "out")
    assert again.exit_code == 1  # a video still has no results
    assert "0 videos to do, 3 done before, 1 failed before" in again.stderr
    assert "failed: bad.mp4: " in again.stderr
    assert "1 video to do, 3 done before" in run("run", "in", "-o", "out", "--retry-failed").stderr
    assert "--retry-failed" in run("status", "out").stderr


def test_damage_is_seen_by_status_and_made_good_by_the_same_run(folder: Path) -> None:
    before = tables(folder / "out")
    (faces,) = (folder / "out" / "faces").glob("man*")
    (tracks,) = (folder / "out" / "tracks").glob("woman*")
    faces.write_bytes(faces.read_bytes()[:200])
    (other,) = (folder / "out" / "tracks").glob("man*")
    shutil.copy(other, tracks)
    shallow, deep = run("status", "out"), run("status", "out", "--deep")
    assert (shallow.exit_code, shallow.stdout) == (1, "3 videos: 2 ok, 1 damaged\n")
    assert (deep.exit_code, deep.stdout) == (1, "3 videos: 1 ok, 2 damaged\n")
    assert "damaged: woman.mp4: out/tracks/woman.mp4" in deep.stderr
    assert deep.stderr.count("  Fix: run the same `facetally run` again") == 2
    repaired = run("run", "in", "-o", "out")
    assert "results of 2 videos cannot be used: processed again: man.mp4, woman.mp4" in repaired.stderr
    assert "2 videos to do, 1 done before" in repaired.stderr
    assert run("status", "out", "--deep").exit_code == 0
    after = tables(folder / "out")
    changed = sorted(name for name, content in before.items() if after[name] != content)
    assert [name.partition(".")[0] for name in changed] == ["videos/man", "videos/woman"]  # where their films lie now


def test_a_partial_video_changes_no_exit_code(folder: Path) -> None:
    torn = bytearray((folder / "in" / "mixed.mp4").read_bytes())
    torn[len(torn) // 3 : len(torn) // 2] = bytes(len(torn) // 2 - len(torn) // 3)
    (folder / "in" / "torn.mp4").write_bytes(bytes(torn))
    result = run("run", "in", "-o", "out")
    assert "partial: torn.mp4: " in result.stderr
    codes = [command.exit_code for command in (result, run("run", "in", "-o", "out"), run("status", "out"))]
    assert codes == [0, 0, 0]


def test_a_damaged_list_of_videos_stops_a_run_that_could_count_what_was_excluded(folder: Path) -> None:
    run("run", "in", "-o", "out", "--exclude", "man.mp4")
    (folder / "out" / "run.json").write_text("{" * 10)
    for words in (["run", "in", "-o", "out"], ["status", "out"]):
        stopped = run(*words)
        assert (stopped.exit_code, "run.json is not JSON" in stopped.stderr) == (1, True)
        assert "again with --include-all" in stopped.stderr
    assert run("run", "in", "-o", "out", "--include-all", "--exclude", "woman.mp4").exit_code == 0
    assert "2 videos: 2 ok" in run("status", "out").stdout


def test_status_writes_nothing(folder: Path) -> None:
    out = folder / "out"
    (out / ".lock").unlink()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert run("status", "out", "--deep").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.skipif(os.name != "posix", reason="of locks there")
def test_a_run_in_progress_is_seen_through_a_lock_that_may_only_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open
    flags = []

    def noted(path: Path, flag: int, *rest: int) -> int:
        flags.append(flag)
        return opened(path, flag, *rest)

    ledger = Ledger(folder / "out")
    with ledger.locked():
        monkeypatch.setattr(os, "open", noted)
        assert ledger.is_locked
    assert flags == [os.O_RDONLY]
    monkeypatch.undo()
    assert not ledger.is_locked
