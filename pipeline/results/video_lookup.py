"""Finds a run's video by what a person calls it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from facetally.errors import OutputError
from facetally.formatting import command, listed
from facetally.inputs import InputVideo
from facetally.results.ledger import Ledger

MAX_NAMED = 5
"""Videos that an error lists."""
GLOB_CHARACTERS = "*?["


class VideoLookup:
    """The videos of a run by their names.

    A video goes by its name, by its id, or by the end of its name from a folder on, where that fits one video only.

    Args:
        ledger: the run.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._names: dict[str, str] | None = None

    @property
    def names(self) -> Mapping[str, str]:
        """The names of all videos with results, by their ids."""
        if self._names is None:
            known = self._ledger.names()
            self._names = {i: known.get(i) or _stored_name(self._ledger, i) for i in self._ledger.video_ids()}
        return self._names

    def find(self, written: str) -> str | None:
        """The id of the video; None if the run has none of that name.

        Raises:
            OutputError: several videos fit.
        """
        own_id = InputVideo(Path(), written).video_id
        if self._ledger.has(own_id):  # the usual case, without reading all names
            return own_id
        if written in self.names:
            return written
        ids = [video_id for video_id, name in self.names.items() if name == written]
        ids = ids or [video_id for video_id, name in self.names.items() if name.endswith(f"/{written}")]
        if len(ids) > 1:
            fitting = listed(sorted(self.names[video_id] for video_id in ids), MAX_NAMED)
            raise OutputError(f"{written} may be {fitting}", fix="write more of its path")
        return ids[0] if ids else None

    def get_part(self, written: str) -> str:
        """The id of the video of that name; else of the only one whose name contains what is written.

        Raises:
            OutputError: none or several do.
        """
        if video_id := self.find(written):
            return video_id
        fitting = {name: i for i, name in self.names.items() if written.casefold() in name.casefold()}
        if len(fitting) > 1:
            shown = listed(sorted(fitting), MAX_NAMED)
            raise OutputError(
                f"{written} is in the names of {len(fitting)} videos: {shown}", fix="write more of the name"
            )
        return fitting.popitem()[1] if fitting else self.get(written)

    def get_all(self, written: str) -> list[str]:
        """The ids of all videos that a glob fits, sorted by name; of one video if it is no glob, as `get_part`.

        Raises:
            OutputError: none fits, or several do although it is no glob.
        """
        if not any(character in written for character in GLOB_CHARACTERS) or self.find(written):
            return [self.get_part(written)]
        glob = written.casefold()
        fitting = {i: name for i, name in self.names.items() if _fits(name.casefold(), glob)}
        return sorted(fitting, key=fitting.__getitem__) or [self.get_part(written)]

    def get(self, written: str) -> str:
        """The id of the video.

        Raises:
            OutputError: none or several fit.
        """
        if (video_id := self.find(written)) is None:
            names = self.names.values()
            near = get_close_matches(written, names) or [name for name in names if written in name]
            listing = command("facetally", "tally", self._ledger.out, "--by", "video")
            similar, every = listed(near, MAX_NAMED), listed(sorted(names), MAX_NAMED) or "none"
            raise OutputError(
                f"{self._ledger.out} has no video {written}; " + (f"similar: {similar}" if near else f"it has {every}"),
                fix=f"give one of the names that this lists: {listing}",
            )
        return video_id


def _stored_name(ledger: Ledger, video_id: str) -> str:
    row = ledger.row(video_id)
    return row.video if row else video_id


def _fits(name: str, glob: str) -> bool:
    """Whether a glob fits a name, or its end from a folder on."""
    return fnmatchcase(name, glob) or fnmatchcase(name, f"*/{glob}")
