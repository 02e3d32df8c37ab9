"""Joins the small files of a run into the large ones of OUT/compacted/.

Nothing that readers use changes until the new index is there: new files have names that readers ignore, and the index
is replaced in one step. What a killed process left behind is put in order by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from facetally.errors import OutputError
from facetally.formatting import counted, listed
from facetally.results.compacted import (
    FOLDER,
    NEW_SUFFIX,
    REMOVED,
    TABLES,
    Compacted,
    Index,
    StoredFile,
    compacted_of,
    removed_ids,
)
from facetally.results.condition import Damage, stored_sha256
from facetally.results.ledger import Ledger
from facetally.results.many_files import Advanced, no_progress
from facetally.results.part_writer import SCHEMAS, UNFINISHED_SUFFIX, PartWriter
from facetally.results.tables import PROVENANCE_KEY, VIDEOS, check_schema, completed, damaged, read_table

SMALL_BYTES = 32 * 1024 * 1024
"""Parts of which every file is smaller are joined with what is new."""
THREADS, CHUNK = 2, 16
"""That read small files, and how many videos they read ahead."""
MAX_NAMED = 3
"""Files that an error names."""
ROW_COLUMNS = ("video_id", "row_size", "row_mtime_ns", "row_sha256")


@dataclass(frozen=True)
class Compaction:
    """What `compact` did."""

    video_count: int
    """Videos that OUT/compacted/ holds now."""
    added_count: int
    """Of these, videos whose rows were not there before, or others."""
    dropped_count: int
    """Videos that it held before and holds no more."""
    files: tuple[StoredFile, ...]
    """All files that it holds now."""
    left_out: tuple[Damage, ...]
    """Videos whose own files are damaged: they stay as they are."""
    removed_count: int = 0
    """Videos whose own files were removed."""


@dataclass
class _Plan:
    """What to write anew."""

    added: set[str] = field(default_factory=set)
    """Videos that are new or changed."""
    dropped: set[str] = field(default_factory=set)
    """Videos to leave out."""
    rewritten: set[int] = field(default_factory=set)
    """Parts of before that do not stay."""


def compact(ledger: Ledger, advanced: Advanced = no_progress) -> Compaction:
    """Writes what is new into OUT/compacted/; a second call changes nothing. The caller holds the lock of the folder.

    Args:
        ledger: the run.
        advanced: is called with a number of files that were read.

    Raises:
        OutputError: no results, a damaged file in OUT/compacted/ with videos that have no other, or a full disk.
    """
    ids = set(ledger.video_ids())
    old = compacted_of(ledger.out)
    folder = ledger.out / FOLDER
    tidy(folder, old.index if old else None)
    old_ids = set(old.index.table["video_id"].to_pylist()) if old else set()
    plan = _plan(ledger, old, ids)
    left_out: list[Damage] = []
    index = old.index if old else None
    if plan.added or plan.rewritten:
        try:
            index = _written(ledger, old, plan, left_out, advanced)
            index.write(ledger.out)
        except OSError as error:
            tidy(folder, old.index if old else None)
            raise OutputError(
                f"cannot write {folder}: {error.strerror or error}",
                fix="free space, or fix the folder's permissions; then run the same command again. Nothing has changed",
            ) from error
        except BaseException:
            tidy(folder, old.index if old else None)
            raise
        tidy(folder, index)
    for video_id in removed_ids(folder):
        (folder / REMOVED / video_id).unlink(missing_ok=True)
    now = set(index.table["video_id"].to_pylist()) if index else set()
    added = plan.added - {damage.video_id for damage in left_out}
    return Compaction(len(now), len(added), len(old_ids - now), _files(index), tuple(left_out))


def remove_originals(ledger: Ledger) -> int:
    """Deletes the small files of all videos that OUT/compacted/ holds as they are; returns the number of videos.

    Raises:
        OutputError: the folder cannot be written.
    """
    joined = compacted_of(ledger.out)
    count = 0
    for video_id in sorted(joined.video_ids) if joined else ():
        paths = [ledger.path(table, video_id) for table in TABLES]  # the row first: the rest then counts no more
        if joined and (not paths[0].exists() or _is_unchanged(joined, ledger, video_id)):
            count += paths[0].exists()
            for path in paths:
                _delete(path)
    return count


def _plan(ledger: Ledger, old: Compacted | None, ids: set[str]) -> _Plan:
    """What is new, and which parts must be written anew: those with rows that count no more, and small ones."""
    plan = _Plan()
    own = {path.stem for path in (ledger.out / "videos").glob("*.parquet")}
    if old is None:
        plan.added = own
        return plan
    part_of = dict(zip(*(old.index.table[name].to_pylist() for name in ("video_id", "part")), strict=True))
    plan.added = {one for one in own if one not in part_of or not _is_unchanged(old, ledger, one)}
    plan.dropped = part_of.keys() - ids
    bad = {part for part, files in old.index.parts.items() if any(_is_damaged(old, file) for file in files.values())}
    plan.rewritten = bad | {part_of[one] for one in (plan.added & part_of.keys()) | plan.dropped}
    small = {part for part, files in old.index.parts.items() if max(f.size for f in files.values()) < SMALL_BYTES}
    if plan.added or plan.rewritten or len(small) > 1:
        plan.rewritten |= small
    if lost := [one for one, part in part_of.items() if part in bad and one in ids - own and not _reads(old, one)]:
        raise _lost(old, bad, len(lost))
    return plan


def _written(ledger: Ledger, old: Compacted | None, plan: _Plan, left_out: list[Damage], advanced: Advanced) -> Index:
    """Writes the parts that are new; those that stay are in the index only."""
    kept, again = _kept(old, plan)
    writer = PartWriter(ledger.out / FOLDER, set(kept.parts) if kept else set(), old.index.provenances if old else [])
    for read in _read_ahead(ledger, old, sorted(plan.added | again), plan.added):
        if isinstance(read, Damage):
            left_out.append(read)
        else:
            writer.add(*read)
        advanced(2)
    return writer.close(kept)


def _kept(old: Compacted | None, plan: _Plan) -> tuple[Index | None, set[str]]:
    """The index without the parts that are written anew, and the videos of these that still count."""
    if old is None:
        return None, set()
    table = old.index.table
    is_again = pc.is_in(table["part"], pa.array(sorted(plan.rewritten), pa.int64()))
    parts = {number: files for number, files in old.index.parts.items() if number not in plan.rewritten}
    again = set(table.filter(is_again)["video_id"].to_pylist()) - plan.dropped
    return Index(table.filter(pc.invert(is_again)), parts, old.index.provenances), again


_Read = tuple[dict[str, pa.Table], str, dict[str, Any]]
"""The arguments of `PartWriter.add`."""


def _read_ahead(
    ledger: Ledger, old: Compacted | None, video_ids: Sequence[str], added: set[str]
) -> Iterator[_Read | Damage]:
    def read(video_id: str) -> _Read | Damage:
        if old is not None and video_id not in added:
            try:
                return _read_joined(old, video_id)
            except OutputError:
                if not ledger.path("videos", video_id).exists():
                    raise
        try:
            return _read_own(ledger, video_id)
        except OutputError as error:
            return Damage(video_id, video_id, error.what, error.fix)

    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(video_ids), CHUNK):
            yield from pool.map(read, video_ids[start : start + CHUNK])


def _read_own(ledger: Ledger, video_id: str) -> _Read:
    """The rows of a video from its own files, which must have the hashes that its row states.

    Raises:
        OutputError: one is damaged.
    """
    path = ledger.path("videos", video_id)
    stamp, sha256 = _stamp(path), stored_sha256(path)
    tables = {"videos": read_table(path, VIDEOS)}
    if tables["videos"]["video_id"].to_pylist() != [video_id]:
        raise damaged(path, "is damaged: it is not the row of this video")
    for table in ("tracks", "faces"):
        stored = tables["videos"][f"{table}_sha256"][0].as_py()
        if stored and stored_sha256(own := ledger.path(table, video_id)) != stored:
            read_table(own, SCHEMAS[table])  # says what is wrong, if that can be seen
            raise damaged(own, "is not the file that was stored: its hash differs from that in the ledger")
        tables[table] = read_table(ledger.path(table, video_id), SCHEMAS[table])
        _check_video(ledger, table, video_id, tables[table])
    provenance = (tables["videos"].schema.metadata or {}).get(PROVENANCE_KEY, b"{}").decode()
    about = dict(zip(ROW_COLUMNS, (video_id, *stamp, sha256), strict=True))
    return tables, provenance, about


def _read_joined(old: Compacted, video_id: str) -> _Read:
    """The rows of a video that OUT/compacted/ held before.

    Raises:
        OutputError: they are damaged.
    """
    entry = old.entry(video_id)
    tables = {}
    for table in TABLES:
        rows = old.read(table, video_id)
        check_schema(old.folder / table, rows.schema, SCHEMAS[table])
        tables[table] = completed(old.folder / table, rows, SCHEMAS[table])
    return tables, old.provenance(video_id).decode(), {name: entry[name] for name in ROW_COLUMNS}


def _check_video(ledger: Ledger, table: str, video_id: str, rows: pa.Table) -> None:
    """Raises OutputError where rows are of another video."""
    if len(rows) and not pc.all(pc.equal(rows["video_id"], video_id)).as_py():
        raise damaged(ledger.path(table, video_id), "is damaged: it has rows of another video")


def _is_unchanged(joined: Compacted, ledger: Ledger, video_id: str) -> bool:
    """Whether a video's row is the one that was joined: the row states the hashes of the other two files."""
    path = ledger.path("videos", video_id)
    try:
        return _stamp(path) == joined.stamp(video_id) or stored_sha256(path) == joined.entry(video_id)["row_sha256"]
    except OutputError:
        return False


def _reads(old: Compacted, video_id: str) -> bool:
    try:
        for table in TABLES:
            old.read(table, video_id)
    except OutputError:
        return False
    return True


def _is_damaged(old: Compacted, file: StoredFile) -> bool:
    """Whether a file is missing or has not the hash that the index states."""
    try:
        return stored_sha256(old.path(file)) != file.sha256
    except OutputError:
        return True


def tidy(folder: Path, index: Index | None) -> None:
    """Deletes the files that the index does not name, then gives those that are new their names."""
    names = {file.name for file in _files(index)}
    new: list[tuple[Path, Path]] = []
    with suppress(OSError):  # a read-only folder is refused when something is written
        for path in sorted(path for table in TABLES for path in (folder / table).glob("part=*/*")):
            final = path.with_name(path.name.removesuffix(NEW_SUFFIX))
            is_named = final.relative_to(folder).as_posix() in names
            if path.name.endswith(UNFINISHED_SUFFIX) or not is_named:
                path.unlink()
            elif path != final:
                new.append((path, final))
        for path, final in new:
            path.replace(final)
        for place in (path for table in TABLES for path in (folder / table).glob("part=*")):
            if not any(place.iterdir()):
                place.rmdir()


def _files(index: Index | None) -> tuple[StoredFile, ...]:
    return tuple(file for files in index.parts.values() for file in files.values()) if index else ()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot delete {path}: {error.strerror}",
            fix="fix the folder's permissions, then run the same command again",
        ) from error


def _lost(old: Compacted, bad: set[int], count: int) -> OutputError:
    files = [file for part in sorted(bad) for file in old.index.parts[part].values() if _is_damaged(old, file)]
    names = listed((old.path(file) for file in files), MAX_NAMED)
    return OutputError(
        f"{names}: damaged or missing, with the only rows of {counted(count, 'video')}",
        fix="put the file back from a backup; or run the same `facetally run` again, which processes these videos "
        "again, and then this command",
    )
