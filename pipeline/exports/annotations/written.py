"""What an annotation export wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from facetally.exports.annotations.model import VideoTracks


@dataclass
class Written:
    """The files, and how much is in them; counted while videos pass by."""

    files: list[Path] = field(default_factory=list)
    video_count: int = 0
    track_count: int = 0
    box_count: int = 0
    boxless: list[str] = field(default_factory=list)
    """People who have no box, with their videos."""
    has_facts: bool = False
    """Something is known of videos that most formats cannot hold: where labels stop, sources."""
    stored_count: int = 0
    """Videos whose pixels are not square."""

    def count(self, video: VideoTracks) -> None:
        """Counts a video and its tracks."""
        self.video_count += 1
        self.track_count += len(video.tracks)
        self.box_count += sum(len(track.boxes) for track in video.tracks)
        self.boxless += [
            f"{track.attributes.get('person', '')} of {video.video}" for track in video.tracks if not track.spans
        ]
        self.has_facts |= bool(video.facts)
        self.stored_count += bool(video.boxed) and not video.is_square
