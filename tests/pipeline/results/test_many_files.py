"""Many small files are read as one table, from a copy that is used only for files that did not change since."""

from __future__ import annotations

import shutil
from pathlib import Path

import labelled_world
import pytest

from facetally.errors import OutputError
from facetally.jobs.compact import compact_run
from facetally.results import many_files, part_writer
from facetally.results.many_files import ManyFiles
from facetally.results.tables import TRACKS

COLUMNS = ("video_id", "track_id", "gender")
NAMES = [f"{number}.mp4" for number in range(4)]
IDS = [f"id-{name}" for name in NAMES]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of four videos with one woman each, but nobody in the last; two changed files are enough for a copy."""
    monkeypatch.setattr(many_files, "MIN_CHANGED", 2)
    rows = {name: [labelled_world.track_row(0, 0.9) | {"video_id": f"id-{name}"}] for name in NAMES[:3]}
    labelled_world.stored(tmp_path, rows | {NAMES[3]: []})
    return tmp_path


def files(out: Path) -> ManyFiles:
    return ManyFiles(out, "tracks", TRACKS, COLUMNS)


def copied(out: Path) -> ManyFiles:
    """The table, with a copy made."""
    files(out).refresh()
    return files(out)


def read(table: ManyFiles) -> tuple[list[list[object]], int]:
    """The rows, and the number of files that were read themselves."""
    counts: list[int] = []
    rows = table.read(IDS, counts.append).to_pandas()
    return rows.to_numpy().tolist(), sum(counts)


def test_the_copy_has_the_same_rows_as_the_files(out: Path) -> None:
    plain = read(files(out))
    assert plain == ([[video_id, 0, "female"] for video_id in IDS[:3]], 4)
    assert read(copied(out)) == (plain[0], 0)


def test_a_file_that_changed_is_read_itself(out: Path) -> None:
    assert read(copied(out))[1] == 0
    labelled_world.stored(out, {NAMES[1]: [labelled_world.track_row(7, 0.1)]})
    rows, count = read(files(out))
    assert (rows[1], count) == ([IDS[1], 7, "male"], 1)


def test_the_copy_is_made_again_when_many_files_changed(out: Path) -> None:
    copied(out)
    labelled_world.stored(out, {name: [labelled_world.track_row(7, 0.1)] for name in NAMES[:2]})
    assert read(copied(out)) == ([[IDS[0], 7, "male"], [IDS[1], 7, "male"], [IDS[2], 0, "female"]], 0)


def test_a_file_that_was_restored_with_its_old_size_is_noticed(out: Path) -> None:
    copied(out)
    path = out / "tracks" / f"{IDS[0]}.parquet"
    shutil.copy2(path, out / "other")
    (out / "other").replace(path)
    assert not files(out).is_copied(IDS[0])


@pytest.mark.parametrize("content", [b"", b"half", b"ARROW1\0\0"])
def test_a_damaged_copy_is_not_used(out: Path, content: bytes) -> None:
    copied(out)
    (out / ".cache" / "tracks.arrow").write_bytes(content)
    assert read(files(out))[1] == 4


def test_a_changed_value_in_the_copy_is_noticed(out: Path) -> None:
    plain = read(copied(out))[0]
    path = out / ".cache" / "tracks.arrow"
    path.write_bytes(path.read_bytes().replace(b"female", b"femalf", 1))
    assert read(files(out)) == (plain, 1)


def test_rows_of_another_video_in_the_copy_are_not_used(out: Path) -> None:
    plain = read(copied(out))[0]
    table = files(out)
    table._places[IDS[0]] = (1, table._places[IDS[0]][1])
    assert read(table) == (plain, 1)


def test_a_copy_of_other_columns_is_not_used(out: Path) -> None:
    copied(out)
    other = ManyFiles(out, "tracks", TRACKS, (*COLUMNS, "first_s"))
    assert other.read(IDS).column_names == [*COLUMNS, "first_s"]
    assert not other.is_copied(IDS[0])


def test_without_a_right_to_write_all_files_are_read_themselves(out: Path) -> None:
    (out / ".cache").write_text("a file in the place of the folder")
    assert read(copied(out))[1] == 4


def test_a_damaged_file_is_named_and_leaves_no_copy(out: Path) -> None:
    (out / "tracks" / f"{IDS[1]}.parquet").write_bytes(b"half")
    table = copied(out)
    assert not (out / ".cache" / "tracks.arrow").exists()
    with pytest.raises(OutputError, match=f"{IDS[1]}.parquet cannot be read"):
        table.read(IDS)


def test_nothing_is_copied_of_a_small_run(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_files, "MIN_CHANGED", 5)
    copied(out)
    assert not (out / ".cache").exists()


def joined(out: Path, *, is_removed: bool) -> ManyFiles:
    """The table, after its rows were joined; without files of another table, which a run would have too."""
    compact_run(out, remove=is_removed)
    return files(out)


@pytest.mark.parametrize("is_removed", [False, True])
def test_joined_files_have_the_same_rows(out: Path, is_removed: bool) -> None:
    rows, _ = read(files(out))
    assert read(joined(out, is_removed=is_removed)) == (rows, 0)


def test_a_video_that_was_made_again_is_not_read_from_joined_files(out: Path) -> None:
    joined(out, is_removed=False)
    labelled_world.stored(out, {NAMES[1]: [labelled_world.track_row(7, 0.1) | {"video_id": IDS[1]}]})
    rows, count = read(files(out))
    assert (rows[1], count) == ([IDS[1], 7, "male"], 1)


def test_a_damaged_joined_file_is_replaced_by_the_own_files(out: Path) -> None:
    plain = read(files(out))
    compact_run(out)
    (path,) = (out / "compacted" / "tracks").glob("*/*.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    assert read(files(out)) == plain


def test_a_column_that_joined_files_lack_is_filled_in(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = TRACKS.get_field_index("person_in_video")
    with monkeypatch.context() as older:
        older.setitem(part_writer.SCHEMAS, "tracks", TRACKS.remove(at))
        joined(out, is_removed=True)
    table = ManyFiles(out, "tracks", TRACKS, (*COLUMNS, "person_in_video"))
    assert table.read(IDS)["person_in_video"].to_pylist() == [-1, -1, -1]
