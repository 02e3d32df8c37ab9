"""Finds the videos of a run with the same content: one of them was processed, and its results were copied."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property

from facetally.errors import OutputError
from facetally.results.ledger import ROW_COLUMNS, Ledger
from facetally.results.many_files import ManyFiles
from facetally.results.tables import VIDEOS


class Copies:
    """The videos of a run whose appearances are the same, with the same numbers.

    Args:
        ledger: the run.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def of(self, video_id: str) -> list[str]:
        """The ids of the other videos with the same results: the copies of a video, and the one it is a copy of."""
        key = self._keys.get(video_id)
        return [other for other, its in self._keys.items() if its == key and other != video_id] if key else []

    def named(self, video: str) -> list[str]:
        """The ids of the copies of a video by its name; the run may have the video itself no more."""
        return [video_id for video_id, (name, *_) in self._keys.items() if name == video]

    @cached_property
    def _keys(self) -> dict[str, tuple[str, str, str]]:
        """Of each video that has copies or is one: the name of the processed video, its content and the options.

        The content and the options are compared, too: the video of that name may have been processed again since.
        """
        files = ManyFiles(self._ledger.out, "videos", VIDEOS, ROW_COLUMNS)
        keys: dict[str, tuple[str, str, str]] = {}
        processed: set[str] = set()
        for video_id in self._ledger.video_ids():
            with suppress(OutputError):  # a damaged row has no copies; who reads the row itself says so
                for row in files.read([video_id]).to_pylist():
                    processed |= {row["same_as"]} if row["same_as"] else set()
                    keys[video_id] = (row["same_as"] or row["video"], row["content_sha256"], row["options_digest"])
        return {video_id: key for video_id, key in keys.items() if key[0] in processed}
