"""Draws one video of a run: reads its tables, and writes a film or subtitles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import pandas as pd

from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.detection.sparse import Detector
from facetally.drawing.boxes_over_time import (
    Stretch,
    covered_stretches,
    drawn_stretches,
    sampled_stretches,
)
from facetally.drawing.captions import track_labels
from facetally.drawing.film import Film, FilmOptions
from facetally.drawing.more_faces import SEARCH_PX, WEAK_SCORE, AddedCover, added_covers, more_faces
from facetally.drawing.painters import Boxes, Covers
from facetally.drawing.subtitles import SubtitleFormat, first_frame_s, subtitles
from facetally.errors import OutputError
from facetally.files import path_within, whole_file, write_whole
from facetally.models.engines import loaded, resolved_device
from facetally.models.weights import find_model
from facetally.options import Device, RunOptions
from facetally.results.corrections import Corrections
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS, read_table

DEFAULT_MAX_GAP_S = 1.0
"""Of runs that stored no options."""
OnTime = Callable[[str, float], None]
"""Called with the name of a video and the seconds of it that were done since the last call."""


@dataclass(frozen=True)
class DrawOptions:
    """What is drawn, and how."""

    film: FilmOptions
    blur: bool = False
    uncovered: tuple[tuple[str, int], ...] = ()
    """Video ids and tracks that stay visible."""
    only_sampled: bool = False
    subtitles: SubtitleFormat | None = None
    search: bool = True


@dataclass(frozen=True)
class DrawnVideo:
    """A video that was drawn."""

    video: str
    """Its name in the run."""
    path: Path
    """Of the written file."""
    frame_count: int
    notes: tuple[str, ...] = ()
    was_done: bool = False
    """Whether it was finished before."""
    added: tuple[AddedCover, ...] = ()
    """Places that were covered though the run has no track there."""


class VideoDrawing:
    """One video that is to be drawn.

    Args:
        ledger: the run.
        row: of the video.
        path: where it is now.
        corrections: those by hand.
        options: what to draw.
    """

    def __init__(
        self, ledger: Ledger, row: VideoRow, path: Path, corrections: Corrections, options: DrawOptions
    ) -> None:
        self._ledger, self.row, self.path, self._corrections, self._options = ledger, row, path, corrections, options

    @staticmethod
    def track_ids(ledger: Ledger, video_id: str) -> set[int]:
        """The numbers of the tracks of a video."""
        return set(read_table(ledger.path("tracks", video_id), TRACKS)["track_id"].to_pylist())

    @property
    def passes(self) -> int:
        """How often the video is read."""
        return 1 + (self._options.blur and self._options.search)

    @cached_property
    def film(self) -> Film:
        """The film to write.

        Raises:
            VideoError: the video cannot be read.
        """
        return Film(self.path, self._options.film, self._stream)

    @cached_property
    def name(self) -> str:
        """The path of the file to write, within the folder for all."""
        suffix = f".{self._options.subtitles}" if self._options.subtitles else self.film.suffix
        return str(Path(path_within(self.row.video).with_suffix(suffix)))

    def write(self, target: Path, searchers: Sequence[Detector], on_time: OnTime) -> DrawnVideo:
        """Writes the file, completely or not at all.

        Raises:
            OutputError: it cannot be written.
            VideoError: the video cannot be read.
        """
        if self._options.subtitles:
            return self._write_subtitles(target, self._options.subtitles, on_time)
        covers, added = self._covers(searchers, on_time) if self._options.blur else (None, [])
        painter = covers or self._boxes()
        try:
            with whole_file(target) as temporary:
                stats = self.film.write(temporary, painter.is_painted, painter.paint, self._ticker(on_time))
        except OutputError:
            raise
        except OSError as error:
            fix = "free space or choose another place with -o; then run the same command again: it resumes from here"
            raise OutputError(f"cannot write {target}: {error.strerror or error}", fix=fix) from error
        notes = [f"not copied: {what}" for what in dict.fromkeys(stats.left_out)]
        notes += ["high dynamic range was converted to standard range"] if stats.is_converted else []
        return DrawnVideo(self.row.video, target, stats.frame_count, tuple(notes), added=tuple(added))

    def _write_subtitles(self, target: Path, form: SubtitleFormat, on_time: OnTime) -> DrawnVideo:
        text = subtitles(
            self._stretches,
            track_labels(self._tracks),
            form=form,
            displayed_wh=(self.row.displayed_width_px, self.row.displayed_height_px),
            first_frame_s=first_frame_s(self.path, self._stream),
        )
        write_whole(target, text)
        on_time(self.row.video, self.row.decoded_s)
        return DrawnVideo(self.row.video, target, 0)

    def _boxes(self) -> Boxes:
        return Boxes(self._stretches, track_labels(self._tracks), self._options.film.height_px)

    def _covers(self, searchers: Sequence[Detector], on_time: OnTime) -> tuple[Covers, list[AddedCover]]:
        uncovered = [track for video_id, track in self._options.uncovered if video_id == self.row.video_id]
        covers = covered_stretches(self._faces, uncovered)
        if not searchers:
            return Covers(covers), []
        shown = self._faces[self._faces["track_id"].isin(uncovered)]
        found = more_faces(
            self.path,
            searchers,
            covers,
            drawn_stretches(shown, self._max_gap_s),
            stream=self._stream,
            threads=self._options.film.threads,
            on_frame=self._ticker(on_time),
        )
        return Covers(covers + covered_stretches(found)), added_covers(found, covers)

    @cached_property
    def _stretches(self) -> list[Stretch]:
        if self._options.only_sampled:
            return sampled_stretches(self._faces)
        return drawn_stretches(self._faces, self._max_gap_s)

    @cached_property
    def _faces(self) -> pd.DataFrame:
        return read_table(self._ledger.path("faces", self.row.video_id), FACES).to_pandas()

    @cached_property
    def _tracks(self) -> pd.DataFrame:
        tracks = read_table(self._ledger.path("tracks", self.row.video_id), TRACKS).to_pandas()
        return self._corrections.applied(tracks.assign(corrected=self._corrections.are_corrected(tracks)))

    @cached_property
    def _stored_options(self) -> dict[str, dict[str, float]]:
        stored: dict[str, dict[str, float]] = self._ledger.provenance(self.row.video_id).get("options", {})
        return stored

    @property
    def _stream(self) -> int:
        return int(self._stored_options.get("sampling", {}).get("stream", -1))

    @property
    def _max_gap_s(self) -> float:
        return float(self._stored_options.get("tracking", {}).get("max_gap_s", DEFAULT_MAX_GAP_S))

    def _ticker(self, on_time: OnTime) -> Callable[[float], None]:
        last_s = [0.0]

        def tick(time_s: float) -> None:
            on_time(self.row.video, time_s - last_s[0])
            last_s[0] = time_s

        return tick


def load_searchers(ledger: Ledger, device: Device, models_dir: str | Path | None, threads: int) -> tuple[Detector, ...]:
    """The detector that made the run, to search for more faces, once for each size of the picture.

    Raises:
        ModelError: its weights are missing or damaged.
        OptionError: the device is not available.
    """
    name = str(ledger.provenance().get("options", {}).get("detector", RunOptions.detector))
    file = find_model(name, "detector", Path(models_dir) if models_dir else None)
    where = resolved_device(device)
    options = [replace(RunOptions().detection, min_score=WEAK_SCORE, input_px=size_px) for size_px in SEARCH_PX]

    def detector(path: Path, own: ScrfdOptions) -> ScrfdDetector:
        return ScrfdDetector(path, own, where, threads)

    return tuple(loaded(file, partial(detector, own=own)) for own in options)
