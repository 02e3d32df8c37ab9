"""The row of a video in the ledger, as plain values: worker processes get it, and need nothing else of the tables."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from facetally.formatting import command

Status = Literal["ok", "partial", "failed"]
"""Of a video; partial: a part of it could not be decoded."""


@dataclass(frozen=True)
class VideoRow:
    """A row of the table `videos/`; the columns' descriptions are in `tables.VIDEOS`."""

    video_id: str
    video: str
    path: str
    status: Status = "failed"
    reason: str = ""
    fix: str = ""
    size_bytes: int = 0
    content_sha256: str = ""
    same_as: str = ""
    options_digest: str = ""
    container: str = ""
    codec: str = ""
    width_px: int = 0
    height_px: int = 0
    displayed_width_px: int = 0
    displayed_height_px: int = 0
    fps: float = 0.0
    expected_s: float = 0.0
    decoded_s: float = 0.0
    coverage: float = 0.0
    frame_count: int = 0
    sampled_count: int = 0
    bad_packet_count: int = 0
    face_count: int = 0
    track_count: int = 0
    clock_jump_count: int = 0
    note: str = ""
    faces_sha256: str = ""
    tracks_sha256: str = ""
    cuts_s: tuple[float, ...] = ()

    def failed(self, reason: str, fix: str) -> VideoRow:
        """This row with status failed, and the reason."""
        return replace(self, status="failed", reason=reason, fix=fix)

    def is_done_for(self, planned: VideoRow) -> bool:
        """Whether the same content was processed with the same options, be it in vain.

        A file whose content is not known was processed in vain if it cannot be read for the same reason.
        """
        is_same = (self.content_sha256, self.options_digest) == (planned.content_sha256, planned.options_digest)
        return is_same and (bool(self.content_sha256) or self.reason == planned.reason)

    def for_copy(self, own: VideoRow) -> VideoRow:
        """The row of another video with the same content, with its own names, also in the reason and the fix."""
        return replace(
            self,
            video_id=own.video_id,
            video=own.video,
            path=own.path,
            same_as=self.same_as or self.video,
            reason=self.reason.replace(self.path, own.path),
            fix=renamed_in_command(self.fix, self.path, own.path),
        )


def renamed_in_command(text: str, old: str, new: str) -> str:
    """A text with another path in place of `old`, also where a command in the text quotes it for the shell."""
    return command(new).join(part.replace(old, new) for part in text.split(command(old)))
