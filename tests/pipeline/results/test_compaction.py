"""Joined files hold the rows of the small ones, whatever happens while they are made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import labelled_world
import pyarrow.parquet as pq
import pytest

from facetally.errors import OutputError
from facetally.jobs.compact import compact_run
from facetally.results import compaction, part_writer
from facetally.results.compacted import FOLDER, INDEX, NEW_SUFFIX, Compacted, Index
from facetally.results.condition import condition_of
from facetally.results.ledger import Ledger
from facetally.results.tables import FACES, TRACKS, VIDEOS, read_table

SCHEMAS = {"videos": VIDEOS, "tracks": TRACKS, "faces": FACES}
NAMES = [f"{number}.mp4" for number in range(6)]
Rows = dict[tuple[str, str], list[dict[str, object]]]


def stored(out: Path, *names: str, prob: float = 0.9) -> Ledger:
    """Videos with a woman (or a man) each, but nobody in the first."""
    tracks = {name: [] if name == NAMES[0] else [labelled_world.track_row(0, prob)] for name in names}
    faces = {name: labelled_world.face_rows(0, [0.0, 0.2, 0.4]) for name in names if name != NAMES[0]}
    rows = {"tracks": tracks, "faces": faces}
    for table in rows.values():
        for name, own in table.items():
            table[name] = [row | {"video_id": f"id-{name}"} for row in own]
    return labelled_world.stored(out, rows["tracks"], rows["faces"])


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return stored(tmp_path / "out", *NAMES)


def rows_of(ledger: Ledger) -> Rows:
    """All rows of all tables, as every reader gets them."""
    return {
        (table, video_id): read_table(ledger.path(table, video_id), schema).to_pylist()
        for video_id in ledger.video_ids()
        for table, schema in SCHEMAS.items()
    }


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def query(ledger: Ledger, table: str, what: str) -> list[tuple[object, ...]]:
    """As other programs read the files: without the index."""
    place = f"{ledger.out}/compacted/{table}/*/*.parquet"
    return duckdb.execute(f"SELECT {what} FROM read_parquet('{place}', hive_partitioning = true)").fetchall()


@pytest.mark.parametrize("is_removed", [False, True])
def test_every_row_is_as_before(ledger: Ledger, is_removed: bool) -> None:
    before, made, order = rows_of(ledger), ledger.provenance("id-0.mp4"), list(ledger.rows())
    done = compact_run(ledger.out, remove=is_removed)
    assert (done.video_count, done.added_count, done.removed_count) == (6, 6, 6 * is_removed)
    assert any(ledger.path("tracks", "id-1.mp4").parent.iterdir()) is not is_removed
    assert (rows_of(ledger), ledger.provenance("id-0.mp4"), list(ledger.rows())) == (before, made, order)
    assert ledger.provenance() == made
    assert not condition_of(ledger, is_deep=True).damages


def test_the_second_time_changes_nothing(ledger: Ledger) -> None:
    compact_run(ledger.out)
    before = files_in(ledger.out)
    done = compact_run(ledger.out)
    assert (done.added_count, files_in(ledger.out)) == (0, before)


def test_joined_files_are_sorted_and_named_for_other_programs(ledger: Ledger) -> None:
    compact_run(ledger.out)
    found = query(ledger, "faces", "video_id, time_s, part")
    assert [row[0] for row in found] == sorted(f"id-{name}" for name in NAMES[1:] for _ in range(3))
    assert {row[2] for row in found} <= {0, "0", "000"}
    (path,) = (ledger.out / FOLDER / "tracks").glob("part=000/*.parquet")
    assert pq.read_schema(path).remove_metadata().equals(TRACKS.remove_metadata())


def test_duckdb_reads_only_the_row_groups_of_a_video(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_writer, "GROUP_BYTES", 1)
    compact_run(ledger.out)
    (path,) = (ledger.out / FOLDER / "faces").glob("part=*/*.parquet")
    groups = [pq.ParquetFile(path).metadata.row_group(at).column(0).statistics for at in range(5)]
    assert [(one.min, one.max) for one in groups] == [(f"id-{name}", f"id-{name}") for name in NAMES[1:]]
    asked = f"FROM '{path}' WHERE video_id = 'id-3.mp4'"
    plan = duckdb.execute(f"EXPLAIN ANALYZE SELECT * {asked}").fetchall()[0][1]
    assert "3 rows" in plan, plan
    assert "15 rows" not in plan, plan


def test_new_videos_are_added_and_large_parts_stay(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "SMALL_BYTES", 0)
    compact_run(ledger.out, remove=True)
    before = files_in(ledger.out / FOLDER)
    stored(ledger.out, "new.mp4")
    done = compact_run(ledger.out, remove=True)
    after = files_in(ledger.out / FOLDER)
    assert (done.video_count, done.added_count, len(done.files)) == (7, 1, 6)
    assert {name for name in before if name != INDEX} <= after.keys()
    assert len(rows_of(ledger)) == 7 * 3


def test_small_parts_are_joined_with_what_is_new(ledger: Ledger) -> None:
    compact_run(ledger.out, remove=True)
    stored(ledger.out, "new.mp4")
    rows = rows_of(ledger)
    assert len(compact_run(ledger.out, remove=True).files) == 3
    assert rows_of(ledger) == rows
    assert len(query(ledger, "videos", "video_id")) == 7


def test_a_full_part_is_followed_by_another(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows_of(ledger)
    monkeypatch.setattr(part_writer, "PART_BYTES", 1)
    monkeypatch.setattr(part_writer, "GROUP_BYTES", 1)
    assert len(compact_run(ledger.out, remove=True).files) == 18
    assert rows_of(ledger) == before


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_video_that_was_made_again_counts_at_once(ledger: Ledger, is_removed: bool) -> None:
    compact_run(ledger.out, remove=is_removed)
    stored(ledger.out, NAMES[2], prob=0.1)
    rows = rows_of(ledger)
    assert rows["tracks", "id-2.mp4"][0]["gender"] == "male"
    assert compact_run(ledger.out, remove=True).added_count == 1
    assert rows_of(ledger) == rows
    assert query(ledger, "tracks", "count(*)") == [(5,)]


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_video_that_was_removed_stays_removed(ledger: Ledger, is_removed: bool) -> None:
    compact_run(ledger.out, remove=is_removed)
    ledger.remove("id-2.mp4")
    assert (ledger.has("id-2.mp4"), "id-2.mp4" in ledger.video_ids(), ledger.row("id-2.mp4")) == (False, False, None)
    assert compact_run(ledger.out).dropped_count == 1
    assert not ledger.has("id-2.mp4")
    assert query(ledger, "tracks", "count(*)") == [(4,)]


def test_a_removed_video_comes_back_when_it_is_made_again(ledger: Ledger) -> None:
    compact_run(ledger.out, remove=True)
    ledger.remove("id-2.mp4")
    stored(ledger.out, NAMES[2], prob=0.1)
    rows = rows_of(ledger)
    compact_run(ledger.out, remove=True)
    assert rows_of(ledger) == rows
    assert len(rows) == 6 * 3


def test_a_run_that_ends_between_the_files_of_a_video_leaves_the_joined_rows(ledger: Ledger) -> None:
    before = rows_of(ledger)
    compact_run(ledger.out, remove=True)
    stored(ledger.out, NAMES[2], prob=0.1)
    ledger.path("videos", "id-2.mp4").unlink()  # written last
    ledger.path("tracks", "id-2.mp4").unlink()
    assert rows_of(ledger) == before


class Killed(BaseException):
    pass


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Ends the process, as far as files are concerned, at one of the steps that rename, delete or create a file."""
    left = iter(range(step))

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            if next(left, None) is None:
                raise Killed
            return function(*args, **kwargs)

        return call

    for name in ("replace", "unlink", "rmdir"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(part_writer._File, "__init__", counted(part_writer._File.__init__))


def was_killed(out: Path) -> bool:
    try:
        compact_run(out, remove=True)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("is_first", [True, False])
def test_a_process_killed_at_any_step_leaves_all_rows(tmp_path: Path, is_first: bool) -> None:
    made = stored(tmp_path / "made", *NAMES[:3])
    if not is_first:
        compact_run(made.out, remove=True)
        stored(made.out, NAMES[2], "new.mp4", prob=0.1)
    before, step, is_killed = rows_of(made), 0, True
    while is_killed:
        out = shutil.copytree(made.out, tmp_path / str(step))
        with pytest.MonkeyPatch.context() as patched:
            kill_at(patched, step)
            is_killed = was_killed(out)
        assert rows_of(Ledger(out)) == before, step
        compact_run(out, remove=True)
        assert rows_of(Ledger(out)) == before, step
        assert not [name for name in files_in(out / FOLDER) if not name.endswith(".parquet")], step
        step += 1
    assert step > 20


def test_a_full_disk_leaves_everything_as_it_was(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files_in(ledger.out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part_writer._File, "_flush", full)
    with pytest.raises(OutputError, match="No space left") as caught:
        compact_run(ledger.out)
    assert "free space" in caught.value.fix
    assert {name: content for name, content in files_in(ledger.out).items() if name != ".lock"} == before


def damage(path: Path, at: int = 20) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def joined_file(ledger: Ledger, table: str) -> Path:
    (path,) = (ledger.out / FOLDER / table).glob("part=*/*.parquet")
    return path


@pytest.mark.parametrize("table", ["videos", "tracks", "faces"])
@pytest.mark.parametrize("way", [damage, Path.unlink], ids=["changed", "missing"])
def test_a_damaged_joined_file_is_made_again_from_the_originals(
    ledger: Ledger, table: str, way: Callable[[Path], None]
) -> None:
    before = rows_of(ledger)
    compact_run(ledger.out)
    way(joined_file(ledger, table))
    assert rows_of(ledger) == before
    compact_run(ledger.out, remove=True)
    assert rows_of(ledger) == before


@pytest.mark.parametrize("table", ["tracks", "faces"])
@pytest.mark.parametrize("way", [damage, Path.unlink], ids=["changed", "missing"])
def test_a_damaged_joined_file_with_the_only_rows_is_an_error(
    ledger: Ledger, table: str, way: Callable[[Path], None]
) -> None:
    compact_run(ledger.out, remove=True)
    way(joined_file(ledger, table))
    damages = condition_of(ledger, is_deep=True).damages
    assert len(damages) == 6 - (way is damage)  # the first video has no rows there
    assert "compacted/" in damages["id-1.mp4"].what
    with pytest.raises(OutputError, match=r"with the only rows of \d videos") as caught:
        compact_run(ledger.out)
    assert "facetally run" in caught.value.fix
    stored(ledger.out, *NAMES)  # as that run does
    assert compact_run(ledger.out, remove=True).video_count == 6
    assert not condition_of(ledger, is_deep=True).damages


def test_a_damaged_index_is_an_error_with_its_fix(ledger: Ledger) -> None:
    before = rows_of(ledger)
    compact_run(ledger.out)
    damage(ledger.out / FOLDER / INDEX)
    with pytest.raises(OutputError, match=r"index\.parquet is damaged") as caught:
        ledger.video_ids()
    assert f"facetally compact {ledger.out}" in caught.value.fix
    (ledger.out / FOLDER / INDEX).unlink()
    compact_run(ledger.out)
    assert rows_of(ledger) == before


def test_an_index_of_a_newer_version_is_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    compact_run(ledger.out)
    monkeypatch.setattr("facetally.results.compacted.FORMAT", 0)
    with pytest.raises(OutputError, match="newer facetally"):
        Index.read(ledger.out)


@pytest.mark.parametrize("table", ["videos", "tracks", "faces"])
def test_a_video_with_a_damaged_file_is_left_out(ledger: Ledger, table: str) -> None:
    damage(ledger.path(table, "id-2.mp4"))
    done = compact_run(ledger.out, remove=True)
    assert [one.video_id for one in done.left_out] == ["id-2.mp4"]
    assert (done.video_count, done.removed_count) == (5, 5)
    assert all(ledger.path(name, "id-2.mp4").exists() for name in SCHEMAS)


def test_rows_of_another_video_are_not_joined(ledger: Ledger) -> None:
    ledger.path("faces", "id-1.mp4").write_bytes(ledger.path("faces", "id-2.mp4").read_bytes())
    (found,) = compact_run(ledger.out).left_out
    assert "its hash differs" in found.what


def test_a_folder_that_another_run_writes_to_is_refused(ledger: Ledger) -> None:
    with ledger.locked(), pytest.raises(OutputError, match="another run is writing"):
        compact_run(ledger.out)


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no results"):
        compact_run(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_reader_follows_when_files_are_joined_again(ledger: Ledger) -> None:
    compact_run(ledger.out, remove=True)
    stale = Compacted(ledger.out)
    stored(ledger.out, "new.mp4")
    compact_run(ledger.out, remove=True)
    assert len(rows_of(ledger)["tracks", "id-new.mp4"]) == 1
    with pytest.raises(OutputError, match="was replaced"):
        stale.read("tracks", "id-1.mp4")


def test_new_files_are_found_before_they_have_their_names(ledger: Ledger) -> None:
    before = rows_of(ledger)
    compact_run(ledger.out, remove=True)
    path = joined_file(ledger, "tracks")
    path.rename(path.with_name(path.name + NEW_SUFFIX))
    os.utime(ledger.out / FOLDER / INDEX)  # a new look at the index
    assert rows_of(ledger) == before
