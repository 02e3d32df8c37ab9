"""Detects, tracks and classifies the faces of a live source, with the code of a run."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from facetally.gender.attributes import Attributes
from facetally.live.frames import LiveFrames
from facetally.live.recording import Recording
from facetally.live.scene import Scene, counted_genders, seen_faces
from facetally.live.timing import Spread
from facetally.models.engines import Engines
from facetally.options import RunOptions
from facetally.tracks.appearances import Appearance, Classifier, appearances_of
from facetally.tracks.follow import FollowedFrame, follow
from facetally.tracks.open_tracks import OpenTracks, Track

REMEMBERED_CROPS = 512
NEW_CROPS = 8
"""Crops that are classified at most for one frame, so that it is not late; the others come with later frames."""
RATE_S = 5.0
"""The rate of samples is that of the last seconds."""


class RememberingClassifier:
    """Classifies each crop once: the crops of a track in view stay the same from frame to frame, but for a few.

    Args:
        classifier: that of the run.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._known: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def predict(self, crops: np.ndarray) -> Attributes:
        """As `Classifier.predict`."""
        keys = [crop.tobytes() for crop in crops]
        new = [place for place, key in enumerate(keys) if key not in self._known]
        if new:
            found = self._classifier.predict(crops[new])
            for place, prob, age in zip(new, found.female_prob, found.age_years, strict=True):
                self._known[keys[place]] = float(prob), float(age)
        pairs = np.array([self._known[key] for key in keys], np.float32).reshape(-1, 2)
        for key in keys:
            self._known.move_to_end(key)
        while len(self._known) > max(REMEMBERED_CROPS, len(keys)):
            self._known.popitem(last=False)
        return Attributes(pairs[:, 0].copy(), pairs[:, 1].copy())

    def new_count(self, track: Track) -> int:
        """How many crops of a track are not known yet."""
        return sum(crop.tobytes() not in self._known for crop in track.crops)


@dataclass
class Speed:
    """How fast results come."""

    latency: Spread = field(default_factory=Spread)
    """From the arrival of a sampled frame to its results."""
    done_s: list[float] = field(default_factory=list)
    """When the newest results came, on the monotonic clock."""

    def note(self, arrived_s: float) -> None:
        now_s = time.monotonic()
        self.latency.add(now_s - arrived_s)
        self.done_s = [*(done_s for done_s in self.done_s if now_s - done_s <= RATE_S), now_s]

    @property
    def samples_per_s(self) -> float:
        times = self.done_s
        return (len(times) - 1) / max(times[-1] - times[0], 1e-6) if len(times) > 1 else 0.0


class Session:
    """A thread that works on a source's frames until they end.

    Args:
        frames: of the source.
        engines: the networks.
        options: of the run; a batch is one frame.
        recording: gets the results; None: they are only shown.
    """

    def __init__(
        self, frames: LiveFrames, engines: Engines, options: RunOptions, recording: Recording | None = None
    ) -> None:
        self.scene, self.speed = Scene(), Speed()
        self.error: BaseException | None = None
        self.frames = frames
        self._engines, self._options, self._recording = engines, options, recording
        self._classifier = RememberingClassifier(engines.classifier)
        self._in_view: dict[int, Appearance] = {}
        self._ended: Counter[str] = Counter()
        self._joined: dict[int, int] = {}
        self._last: FollowedFrame | None = None
        self._thread = threading.Thread(target=self._run, name="live-session", daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def finish(self) -> None:
        """Ends after the present frame, and ends all tracks.

        Raises:
            BaseException: what stopped the thread.
        """
        self.frames.stop()
        self._thread.join()
        if self.error:
            raise self.error

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            followed: FollowedFrame | None = None
            for followed in self._followed():  # noqa: B007 - all but the last were taken at once
                pass
            if followed:
                self._end(followed)
        except BaseException as error:
            self.error = error

    def _followed(self) -> Iterable[FollowedFrame]:
        engines = self._engines
        return follow(
            self.frames,
            engines.detector,
            recipe=engines.recipe,
            options=self._options,
            embedding=engines.embedding,
            at_once=self._take,
        )

    def _take(self, followed: FollowedFrame, tracks: OpenTracks) -> None:
        """Takes the results of a frame as soon as there are any."""
        taken = self.frames.taken
        assert taken
        self._last = followed
        self._joined |= followed.joined
        ended = self._classified(followed.ended)
        open_tracks = tracks.so_far()
        self._look_at(open_tracks)
        rows = followed.rows
        track_ids = np.array([self._joined.get(i, i) for i in rows.tracked.track_ids.tolist()], np.int64)
        genders = counted_genders(self._ended, self._in_view, self._options.following.min_screen_time_s)
        self.scene = Scene(
            rows.time_s,
            taken.frame.image.hw,
            seen_faces(rows.tracked.faces.boxes, track_ids, rows.time_s, self.scene, self._in_view),
            genders,
        )
        self.speed.note(taken.arrived_s)
        if self._recording:
            self._recording.add(rows, ended, followed.joined)
            if self._recording.is_due:
                self._store(open_tracks)

    def _store(self, open_tracks: list[Track]) -> None:
        """Writes what came since the last time; tracks that are open are stored as they are by now."""
        assert self._recording
        long_enough = [t for t in open_tracks if t.screen_time_s >= self._options.following.min_screen_time_s]
        appearances = appearances_of(long_enough, self._classifier, self._options.classification)
        self._recording.write(appearances, self.frames)

    def _classified(self, tracks: Iterable[Track]) -> list[Appearance]:
        """The finished appearances."""
        appearances = appearances_of(tracks, self._classifier, self._options.classification)
        self._ended.update(appearance.gender for appearance in appearances)
        return appearances

    def _look_at(self, open_tracks: list[Track]) -> None:
        """Classifies the tracks in view, as far as there is time for it; others keep what was known before."""
        left, chosen = NEW_CROPS, []
        for track in sorted(open_tracks, key=lambda track: track.track_id in self._in_view):
            new_count = self._classifier.new_count(track)
            if new_count <= left:
                left -= new_count
                chosen.append(track)
        found = appearances_of(chosen, self._classifier, self._options.classification)
        known = {appearance.track_id: appearance for appearance in found}
        self._in_view = {
            track.track_id: known.get(track.track_id) or self._in_view[track.track_id]
            for track in open_tracks
            if track.track_id in known or track.track_id in self._in_view
        }

    def _end(self, last: FollowedFrame) -> None:
        """Takes what only the end of the source decides."""
        taken_count = len(self._last.ended) if self._last else 0
        ended = self._classified(last.ended[taken_count:])
        self._in_view = {}
        self.scene = Scene(self.scene.time_s, self.scene.frame_hw, (), dict(self._ended))
        if self._recording:
            self._recording.add(None, ended, last.joined)
            self._recording.write([], self.frames)
            self._recording.finish()
