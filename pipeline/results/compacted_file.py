"""Reads the rows of single videos from a Parquet file that holds those of many, sorted by video id."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import RLock

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from facetally.errors import OutputError

READ_ERRORS = (OSError, pa.ArrowException, UnicodeDecodeError)
CACHE_BYTES = 64 * 1024 * 1024
"""Of row groups that are kept in memory: videos are mostly read in about the order in which they are stored."""
Key = tuple[Path, int, tuple[str, ...]]
DAMAGED_FIX = (
    "put the file back from a backup; or run the same `facetally run` again: it processes the videos again whose rows "
    "cannot be read"
)


class GroupCache:
    """The row groups that were used last."""

    def __init__(self) -> None:
        self.lock = RLock()  # pages are served by threads
        self._tables: OrderedDict[Key, pa.Table] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> pa.Table | None:
        if key in self._tables:
            self._tables.move_to_end(key)
        return self._tables.get(key)

    def add(self, key: Key, table: pa.Table) -> None:
        self._tables[key] = table
        self._bytes += table.nbytes
        while self._bytes > CACHE_BYTES and len(self._tables) > 1:
            self._bytes -= self._tables.popitem(last=False)[1].nbytes


class CompactedFile:
    """A file of one table.

    Args:
        path: of the file.
        video_ids: of its videos, in order.
        counts: (N,) the rows of each.
        cache: shared with other files.

    Raises:
        OutputError: it is missing, damaged, or has another number of rows.
    """

    def __init__(self, path: Path, video_ids: pa.Array, counts: npt.NDArray[np.int64], cache: GroupCache) -> None:
        self._path, self._video_ids, self._cache = path, video_ids, cache
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        try:
            self._file = pq.ParquetFile(path, page_checksum_verification=True)
        except READ_ERRORS as error:
            raise damaged_file(path, f"cannot be read: {error}") from error
        metadata = self._file.metadata
        sizes = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
        self._group_starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64).tolist()
        if self._group_starts[-1] != self._starts[-1]:
            raise damaged_file(path, f"has {metadata.num_rows} rows, not {self._starts[-1]}")
        self.schema = self._file.schema_arrow
        """With the metadata of the file."""
        self._all_names = tuple(self.schema.names)

    def rows(self, places: range, columns: Sequence[str] | None) -> pa.Table:
        """The rows of the videos at some places, with the metadata of the file.

        Args:
            places: of videos that follow one another.
            columns: those wanted, as far as the file has them; None: all.

        Raises:
            OutputError: they are damaged.
        """
        names = tuple(name for name in self._all_names if columns is None or name in columns)
        start, stop = int(self._starts[places.start]), int(self._starts[places.stop])
        if start == stop:
            return self.schema.empty_table().select(names)
        pieces = []
        group = bisect_right(self._group_starts, start) - 1
        while start < stop:
            first, until = self._group_starts[group], min(stop, self._group_starts[group + 1])
            pieces.append(self._group(group, names).slice(start - first, until - start))
            start, group = until, group + 1
        return pieces[0] if len(pieces) == 1 else pa.concat_tables(pieces)

    def _group(self, group: int, names: tuple[str, ...]) -> pa.Table:
        key = (self._path, group, names)
        with self._cache.lock:
            table = self._cache.get(key)
            if table is None:
                table = self._checked(group, names)
                self._cache.add(key, table)
        return table

    def _checked(self, group: int, names: tuple[str, ...]) -> pa.Table:
        """A row group, of which every row must be of the video that the index says."""
        try:
            table = self._file.read_row_group(group, columns=list({*names, "video_id"}), use_threads=False)
            table.validate(full=True)
        except READ_ERRORS as error:
            raise damaged_file(self._path, f"cannot be read: {error}") from error
        rows = np.arange(self._group_starts[group], self._group_starts[group + 1])
        expected = self._video_ids.take(pa.array(np.searchsorted(self._starts, rows, side="right") - 1))
        if not pc.all(pc.equal(table["video_id"], expected)).as_py():
            raise damaged_file(self._path, "is damaged: it has rows of other videos than its index says")
        return table.select(names).combine_chunks()


def damaged_file(path: Path, what: str) -> OutputError:
    """The error for a file in OUT/compacted/ that cannot be used."""
    return OutputError(f"{path} {what}", fix=DAMAGED_FIX)
