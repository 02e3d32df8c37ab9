"""The tracks of one video that have not ended yet: their best crops so far, and which of them are one appearance.

The tracker ends a track when it is in doubt: at a shot cut, after a fast movement, when a head turns away. Where the
best faces of two tracks, one after the other and near each other, show the same person, they are joined again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facetally.detection import boxes as geometry
from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.descriptors import Embedding
from facetally.detection.faces import FloatArray, ImageArray, TrackedFaces
from facetally.detection.linking import TrackEnd, is_linked, may_link
from facetally.detection.quality import crop_quality
from facetally.detection.tracker import NO_TRACK
from facetally.options import RunOptions
from facetally.tracks.likenesses import SeenTrack
from facetally.video.reader import Frame


@dataclass(frozen=True)
class Track:
    """One appearance of one person, from entering to leaving the frame or the shot."""

    track_id: int
    first_s: float
    last_s: float
    """Times of the first and the last face."""
    screen_time_s: float
    """Sum of the durations of the sampled frames that show the face."""
    face_count: int
    face_height_px: float
    """Mean height of the faces in frame pixels."""
    crops: npt.NDArray[np.uint8]
    """(K, S, S, 3) uint8 RGB, the best K, best first."""
    crop_quality: npt.NDArray[np.float32]
    """(K,) in [0, 1]."""


@dataclass(frozen=True)
class _BestFace:
    quality: float
    crop: ImageArray
    """For the classifier."""
    embedding_crop: ImageArray | None
    """For the embedding; None without one."""


@dataclass
class _OpenTrack:
    """A track, or several joined ones."""

    track_id: int
    first: TrackEnd
    last: TrackEnd
    tip: int
    """The tracker's id of the track that goes on: that of the last one that was joined."""
    screen_time_s: float = 0.0
    face_count: int = 0
    height_sum_px: float = 0.0
    best: list[_BestFace] = field(default_factory=list)
    """Best first."""
    earlier: list[int] = field(default_factory=list)
    """Tracks that it may continue; empty once that is decided."""
    is_over: bool = False

    def keep(self, faces: Iterable[_BestFace], count: int) -> None:
        """Keeps the best of its faces and these."""
        self.best = sorted([*self.best, *faces], key=lambda face: -face.quality)[:count]

    def absorb(self, later: _OpenTrack, best_count: int) -> None:
        """Goes on as another track."""
        self.last, self.tip, self.is_over = later.last, later.tip, later.is_over
        self.screen_time_s += later.screen_time_s
        self.face_count += later.face_count
        self.height_sum_px += later.height_sum_px
        self.keep(later.best, best_count)

    def vector(self, embedding: Embedding, *, mirrored: bool = False) -> FloatArray:
        """(D,) float32 unit vector: the mean over its best faces, weighted by quality.

        Args:
            embedding: the network.
            mirrored: take the mean over each face and its mirror image, which is surer and takes twice as long.
        """
        crops = np.stack([face.embedding_crop for face in self.best if face.embedding_crop is not None])
        vectors = embedding.embed(crops)
        if mirrored:
            vectors = vectors + embedding.embed(np.ascontiguousarray(crops[:, :, ::-1]))
        mean = np.average(vectors, axis=0, weights=[face.quality + 1e-3 for face in self.best])
        return np.asarray(mean / np.linalg.norm(mean), np.float32)

    def closed(self) -> Track:
        return Track(
            track_id=self.track_id,
            first_s=self.first.time_s,
            last_s=self.last.time_s,
            screen_time_s=self.screen_time_s,
            face_count=self.face_count,
            face_height_px=self.height_sum_px / self.face_count,
            crops=np.stack([face.crop for face in self.best]),
            crop_quality=np.array([face.quality for face in self.best], np.float32),
        )


class OpenTracks:
    """Collects the faces of each track, joins tracks, and closes those that are over.

    Args:
        recipe: how to cut the crops for the classifier.
        options: of all stages.
        embedding: compares tracks; without it none are joined.
    """

    def __init__(self, recipe: CropRecipe, options: RunOptions, embedding: Embedding | None = None) -> None:
        self._recipe, self._options, self._embedding = recipe, options, embedding
        self._open: dict[int, _OpenTrack] = {}
        self._root: dict[int, int] = {}
        """For each track that was joined to an earlier one the first of these."""
        self._shot = 0
        self.replaced: list[int] = []
        """The tracker's tracks of which the appearance goes on as another one, since the last frame."""
        self.seen: list[SeenTrack] = []
        """The closed tracks, where people are counted. Their vectors are gone with this object."""

    def add(
        self, frame: Frame, tracked: TrackedFaces, quality: npt.NDArray[np.float32], is_cut: bool
    ) -> tuple[list[Track], dict[int, int]]:
        """Adds the faces of the next frame.

        Args:
            frame: the frame.
            tracked: its faces and their tracks.
            quality: (N,) of the faces, by `geometric_quality`.
            is_cut: whether a new shot begins with it.

        Returns:
            The tracks that are over, and for each track that was joined now the earlier track.
        """
        self._shot += is_cut
        indices = np.flatnonzero(tracked.track_ids != NO_TRACK).tolist()
        track_of = {index: self._add_face(frame, tracked, index) for index in indices}
        self._keep_best(frame, tracked, quality, track_of)
        for track_id in tracked.ended_ids:
            track = self._open[self._root_of(track_id)]
            track.is_over |= track.tip == track_id  # one that was joined by a later track goes on as that
        joined = self._join()
        return self._close(frame.time_s), joined

    def so_far(self) -> list[Track]:
        """The tracks that are open, as they would be if they ended now."""
        return [track.closed() for track in self._open.values()]

    def rescale(self, factor: float) -> None:
        """Goes on in frames of another size: all positions are multiplied by a factor."""
        for track in self._open.values():
            track.first, track.last = track.first.scaled(factor), track.last.scaled(factor)

    def finish(self) -> tuple[list[Track], dict[int, int]]:
        """Ends all tracks; returns the same as `add`."""
        for track in self._open.values():
            track.is_over = True
        joined = self._join()
        return self._close(np.inf), joined

    def _add_face(self, frame: Frame, tracked: TrackedFaces, index: int) -> _OpenTrack:
        """Adds a face to its track, which is returned."""
        box = tracked.faces.boxes[index : index + 1]
        here = TrackEnd(frame.time_s, geometry.centres(box)[0], float(geometry.sizes(box)[0]), self._shot)
        track_id = self._root_of(tracked.track_ids[index])
        if track_id not in self._open:
            self._open[track_id] = _OpenTrack(track_id, here, here, track_id, earlier=self._candidates(here))
        track = self._open[track_id]
        track.last = here
        track.screen_time_s += frame.duration_s
        track.face_count += 1
        track.height_sum_px += float(geometry.heights(box)[0])
        return track

    def _root_of(self, track_id: int) -> int:
        """The id of the appearance that a track of the tracker belongs to."""
        return self._root.get(int(track_id), int(track_id))

    def _candidates(self, first: TrackEnd) -> list[int]:
        """The tracks that a new one may continue."""
        if self._embedding is None:
            return []
        max_gap_s, link = self._options.tracking.max_gap_s, self._options.linking
        return [
            track_id
            for track_id, track in self._open.items()
            if first.time_s - track.last.time_s <= max_gap_s and may_link(track.last, first, link)
        ]

    def _keep_best(
        self,
        frame: Frame,
        tracked: TrackedFaces,
        quality: npt.NDArray[np.float32],
        track_of: Mapping[int, _OpenTrack],
    ) -> None:
        """Cuts crops of the faces that can be among the best of their track."""
        count = self._options.following.best_crops
        chosen = [
            index
            for index, track in track_of.items()
            if len(track.best) < count or quality[index] > track.best[-1].quality
        ]
        if not chosen:
            return
        faces = tracked.faces[np.array(chosen)]
        image = frame.image.bgr()
        crops = cut_crops(image, faces, self._recipe)
        others = cut_crops(image, faces, self._embedding.recipe) if self._embedding else [None] * len(faces)
        frame.image.forget_full_size()
        values = crop_quality(quality[chosen], crops)
        for index, value, crop, other in zip(chosen, values, crops, others, strict=True):
            # copies, so that the arrays with all crops of the frame can be freed
            kept = None if other is None else other.copy()
            track_of[index].keep([_BestFace(float(value), crop.copy(), kept)], count)

    def _join(self) -> dict[int, int]:
        """Joins the tracks that can be compared by now; returns the earlier track for each later one."""
        joined: dict[int, int] = {}
        self.replaced.clear()
        for track_id, track in list(self._open.items()):
            if track.earlier and (track.is_over or track.face_count >= self._options.linking.decide_after):
                earlier = self._earlier(track)
                track.earlier = []
                if earlier is not None:
                    self.replaced.append(earlier.tip)
                    earlier.absorb(self._open.pop(track_id), self._options.following.best_crops)
                    members = [member for member, root in self._root.items() if root == track_id]
                    self._root |= dict.fromkeys([track_id, *members], earlier.track_id)
                    joined |= dict.fromkeys([track_id, *members], earlier.track_id)
        return joined

    def _earlier(self, track: _OpenTrack) -> _OpenTrack | None:
        """The track that this one continues, if there is one: the candidate that looks most like it."""
        assert self._embedding
        others = [self._open[self._root_of(earlier)] for earlier in track.earlier]
        candidates = [other for other in others if other.last.time_s < track.first.time_s]  # not seen since
        if not candidates:
            return None
        vector = track.vector(self._embedding)
        likeness, _, best = max((float(vector @ c.vector(self._embedding)), -c.track_id, c) for c in candidates)
        return best if is_linked(likeness, best.last.shot != track.first.shot, self._options.linking) else None

    def _close(self, time_s: float) -> list[Track]:
        """Removes and returns the tracks that are over and that no other can continue."""
        awaited = {self._root_of(earlier) for track in self._open.values() for earlier in track.earlier}
        patience_s = self._options.tracking.max_gap_s if self._embedding else 0.0
        closed = []
        for track_id, track in list(self._open.items()):
            if track.is_over and track_id not in awaited and time_s - track.last.time_s > patience_s:
                del self._open[track_id]
                if track.screen_time_s >= self._options.following.min_screen_time_s:
                    closed.append(track.closed())
                    if self._options.people.count and self._embedding:
                        vector = track.vector(self._embedding, mirrored=True)
                        self.seen.append(SeenTrack(track_id, track.first.time_s, track.last.time_s, vector))
        return closed
