"""How well hand labels match the faces that a run detected, and which reading of the labels matches best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from facetally.truth.check.readings import (
    AS_WRITTEN,
    MIN_GAIN,
    Floats,
    Reading,
    Recording,
    counted_from_one,
    image_readings,
    mostly,
    pixel_readings,
    plausible_images,
    resized,
    shifted,
    stretched,
    time_readings,
)

MIN_CERTAINTY = 4.0
"""In standard errors. The best of 500 wrong readings of the times of each of 95 well-labelled clips reaches 3.5 with
boxes jittered by 15 % or drawn half as wide again, and less with the boxes as labelled."""
CAPPED_GAIN = 0.05
"""The most that one label contributes to the certainty: one missed face must not outweigh the rest."""
RESTING_STEPS = 0.55
"""How long a face is taken to stay before its first and after its last detection, in sampling steps: half a step, and a
little for rounding. In between it moves in a straight line."""
MIN_OVERLAP = 0.3
"""Overlap of a box with a face from which the two are taken to match."""
OFFSETS_S = np.linspace(-2.0, 2.0, 101)
TIME_FACTORS = np.geomspace(0.3, 3.0, 401)
BOX_FACTORS = np.geomspace(0.2, 5.0, 81)
REFINEMENTS = 3
FINER = 17
"""Values between two neighbours in each refinement of a search."""


class Sightings:
    """The faces that a run detected in one video, interpolated between sampled frames.

    Args:
        times_s: (N,) of the sampled frames, in seconds from the first frame.
        step_s: time between two sampled frames.
        track_ids: (N,) the track of each face; negative: none.
        boxes: (N, 4) in pixels of the frame as displayed.
    """

    def __init__(self, times_s: Floats, step_s: float, track_ids: npt.NDArray[np.int64], boxes: Floats) -> None:
        order = np.lexsort((times_s, track_ids))
        times_s, track_ids, boxes = times_s[order], track_ids[order], boxes[order]
        continues = np.zeros(len(times_s), bool)
        continues[:-1] = (np.diff(track_ids) == 0) & (track_ids[1:] >= 0) & (np.diff(times_s) <= 1.5 * step_s)
        before, last = np.flatnonzero(continues), np.flatnonzero(~continues)
        first = np.setdiff1d(np.arange(len(times_s)), before + 1)
        rest_s = RESTING_STEPS * step_s
        starts_s = np.concatenate((times_s[before], times_s[last], times_s[first] - rest_s))
        stops_s = np.concatenate((times_s[before + 1], times_s[last] + rest_s, times_s[first]))
        order = np.argsort(starts_s, kind="stable")
        self._starts_s, self._stops_s = starts_s[order], stops_s[order]
        self._from = boxes[np.concatenate((before, last, first))[order]]
        self._to = boxes[np.concatenate((before + 1, last, first))[order]]
        self._longest_s = float(np.max(stops_s - starts_s, initial=0.0))

    @classmethod
    def none(cls) -> Sightings:
        """Without any face: where there is no run to compare with."""
        return cls(np.zeros(0), 0.0, np.zeros(0, np.int64), np.zeros((0, 4)))

    def __len__(self) -> int:
        """0 where no face was detected."""
        return len(self._starts_s)

    def at(self, times_s: Floats) -> Floats:
        """(N, K, 4) the faces in view at each of N times; NaN where there are fewer than K."""
        first = np.searchsorted(self._starts_s, times_s - self._longest_s, "left")
        stop = np.searchsorted(self._starts_s, times_s, "right")
        which = first[:, None] + np.arange(np.max(stop - first, initial=0))  # (N, K)
        is_face = which < stop[:, None]
        which = np.where(is_face, which, 0)
        starts_s, stops_s = self._starts_s[which], self._stops_s[which]
        part = (times_s[:, None] - starts_s) / np.maximum(stops_s - starts_s, 1e-9)
        faces = self._from[which] + part[..., None] * (self._to[which] - self._from[which])
        faces[~is_face | (times_s[:, None] >= stops_s)] = np.nan
        return faces


def overlaps(boxes: Floats, faces: Floats) -> Floats:
    """Intersection over union of labelled boxes with the faces in view at their times.

    Args:
        boxes: (N, 4).
        faces: (N, K, 4) as of `Sightings.at`.

    Returns:
        (N, K) in [0, 1]; 0 where there is no face.
    """
    labelled = boxes[:, None]  # (N, 1, 4)
    sides = np.minimum(labelled[..., 2:], faces[..., 2:]) - np.maximum(labelled[..., :2], faces[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=2)
    labelled_areas, face_areas = (np.prod(b[..., 2:] - b[..., :2], axis=2) for b in (labelled, faces))
    return np.asarray(np.nan_to_num(shared / (labelled_areas + face_areas - shared)))


def centred_overlaps(boxes: Floats, faces: Floats) -> Floats:
    """(N,) the largest overlap of each labelled box with a face if the box had the face's size, about its own middle.

    It depends only on where boxes are, not on how tightly people draw them.

    Args:
        boxes: (N, 4).
        faces: (N, K, 4) as of `Sightings.at`.
    """
    away = np.abs(boxes[:, None, :2] + boxes[:, None, 2:] - faces[..., :2] - faces[..., 2:]) / 2  # (N, K, 2)
    sizes = faces[..., 2:] - faces[..., :2]
    shared, area = np.prod(np.maximum(sizes - away, 0), axis=2), np.prod(sizes, axis=2)
    return np.asarray(np.max(np.nan_to_num(shared / (2 * area - shared)), axis=1, initial=0.0))


def certainty(gains: Floats) -> float:
    """How certain it is that another reading is better: the mean gain in overlap in standard errors.

    Gains are capped, and the spread has one more term, the square of the cap: few labels, or few that change, never
    give certainty.

    Args:
        gains: (N,) differences of the overlaps of the same labels under two readings.
    """
    capped = np.clip(gains, -CAPPED_GAIN, CAPPED_GAIN)
    spread = np.sum((capped - np.mean(capped)) ** 2) + CAPPED_GAIN**2
    return float(np.sum(capped) / np.sqrt(spread))


@dataclass(frozen=True)
class Fit:
    """A reading of a video's labels, and how well its boxes then overlap faces."""

    time: Reading
    image: Reading
    overlaps: Floats
    """(N,) the largest overlap of each box with a face, in [0, 1]."""

    @property
    def overlap(self) -> float:
        """The mean."""
        return float(np.mean(self.overlaps))

    def is_clearly_better(self, other: Fit) -> bool:
        """Whether the boxes overlap faces more than in another fit, beyond chance and labelling style."""
        pairs = (self.time, other.time), (self.image, other.image)
        min_gain = max((own.min_gain for own, others in pairs if own is not others), default=0.0)
        gains = self.overlaps - other.overlaps
        return float(np.mean(gains)) >= min_gain and certainty(gains) >= MIN_CERTAINTY


@dataclass(frozen=True)
class Alignment:
    """The boxes of one video as written, with the video and the faces that they are compared with."""

    times_s: Floats
    """(N,), at least one."""
    boxes: Floats
    """(N, 4)"""
    recording: Recording
    sightings: Sightings
    frames_before: int = 0
    """Of other videos, from which the frame numbers may continue; 0: they do not."""

    def fit(self, time: Reading = AS_WRITTEN, image: Reading = AS_WRITTEN) -> Fit:
        """The fit of one reading."""
        return Fit(time, image, np.max(self._overlaps(time, image), axis=1, initial=0.0))

    def best_fit(self) -> Fit:
        """The best reading: as written, unless the faces, or else the frames, clearly show another."""
        # times on the video's own frames were hardly counted at another rate
        may_be_counted = not mostly(self.recording.has_frames_at(self.times_s))
        times = time_readings(self.times_s, self.recording, may_be_counted, self.frames_before)
        fit = self._found_by_faces(times) if len(self.sightings) else self.fit()
        if fit.time is AS_WRITTEN and AS_WRITTEN not in times:
            fit = _clearly_best([self.fit(time, fit.image) for time in times]) or fit
        images = plausible_images(self.boxes, self.recording)
        if fit.image is AS_WRITTEN and AS_WRITTEN not in images:
            fit = _clearly_best([self.fit(fit.time, image) for image in images]) or fit
        return fit

    def gains_a_frame_earlier(self, fit: Fit) -> Floats:
        """(N,) the gains in overlap if frames were counted from 1; empty where that is impossible."""
        earlier = counted_from_one(self.recording, fit.time)
        if fit.time.first_number or not self.recording.contains(earlier.read(self.times_s)).all():
            return np.zeros(0)
        return self.fit(earlier, fit.image).overlaps - fit.overlaps

    def _found_by_faces(self, times: list[Reading]) -> Fit:
        """The reading under which boxes overlap faces clearly more than under any simpler one.

        Pixels of another shape move boxes in much the same way as late labels of somebody who walks: they count where
        they explain the labels better than any reading of the times does.
        """
        images = image_readings(self.recording)
        fit = self._best_among(times, images)
        if pixels := self._pixels_of_another_shape(times):
            other = self._best_among(times, [*images, *pixels])
            is_size = fit.time is AS_WRITTEN  # which fits as well as the pixel aspect that it contains
            return other if not fit.is_clearly_better(other) and (is_size or other.overlap > fit.overlap) else fit
        return fit

    def _best_among(self, times: list[Reading], images: list[Reading]) -> Fit:
        """The best of these readings, or of any offset, speed or size that is clearly better than them."""
        as_written, times = [AS_WRITTEN], [AS_WRITTEN, *times]
        by_time, by_image, by_both = (
            max((self.fit(time, image) for time, image in product(*readings)), key=_overlap)
            for readings in ((times, as_written), (as_written, images), (times, images))
        )
        fit = self.fit()
        if by_both.is_clearly_better(fit):
            fit = _better(max(by_time, by_image, key=_overlap), by_both)
        by_offset = _refined(OFFSETS_S, lambda offset_s: self.fit(shifted(offset_s), fit.image))
        by_factor = _refined(TIME_FACTORS, lambda factor: self.fit(stretched(factor), fit.image))
        free, earlier = max(by_offset, by_factor, key=_overlap), counted_from_one(self.recording, fit.time)
        if free.is_clearly_better(self.fit(earlier, fit.image)):  # an offset of one frame is left to `late_by_a_frame`
            fit = _better(fit, free)
        return _better(fit, self._resized(fit.time))

    def _pixels_of_another_shape(self, times: list[Reading]) -> list[Reading]:
        """The pixel aspects that bring the middles of boxes clearly nearer to those of faces, whatever the times mean.

        Boxes that are drawn wide also overlap faces more when they are squeezed, but their middles do not.
        """
        readings = []
        for time in [AS_WRITTEN, *times]:
            faces = self.sightings.at(time.read(self.times_s))
            plain = centred_overlaps(self.boxes, faces)
            for reading in pixel_readings(self.recording):
                gains = centred_overlaps(reading.read(self.boxes), faces) - plain
                if np.mean(gains) >= MIN_GAIN and certainty(gains) >= MIN_CERTAINTY:
                    readings.append(reading)
        return readings

    def _resized(self, time: Reading) -> Fit:
        """The size of the labelled image that fits best: one factor is searched, then width and height separately."""
        whole = _refined(BOX_FACTORS, lambda factor: self.fit(time, resized(self.recording, factor, factor)))
        on_face = whole.overlaps >= MIN_OVERLAP
        if not on_face.any():
            return whole
        best = np.argmax(self._overlaps(time, whole.image), axis=1)
        faces = self.sightings.at(time.read(self.times_s))[np.arange(len(best)), best]
        sums = [boxes[on_face, :2] + boxes[on_face, 2:] for boxes in (faces, self.boxes)]
        x_factor, y_factor = np.median(sums[0] / np.maximum(sums[1], 1e-9), axis=0)
        return max(whole, self.fit(time, resized(self.recording, x_factor, y_factor)), key=_overlap)

    def _overlaps(self, time: Reading, image: Reading) -> Floats:
        return overlaps(image.read(self.boxes), self.sightings.at(time.read(self.times_s)))


def late_by_a_frame(gains: Mapping[str, Floats]) -> set[str]:
    """The videos whose labels were made by counting frames from 1.

    In one frame a face moves so little that the labels of one video seldom decide. But whoever counts from 1 does so in
    all videos, so all together decide where one alone does not.

    Args:
        gains: by video, as of `Alignment.gains_a_frame_earlier`.
    """
    alone = {video: certainty(own) for video, own in gains.items() if len(own)}
    late = {video for video, value in alone.items() if value >= MIN_CERTAINTY}
    together = np.concatenate([gains[video] for video in alone]) if alone else np.zeros(1)
    if certainty(together) >= MIN_CERTAINTY:
        late |= {video for video, value in alone.items() if value > -MIN_CERTAINTY}
    return late


def _overlap(fit: Fit) -> float:
    return fit.overlap


def _better(old: Fit, new: Fit) -> Fit:
    return new if new.is_clearly_better(old) else old


def _clearly_best(fits: list[Fit]) -> Fit | None:
    """The fit with the most overlap, where it is clearly better than all others."""
    best = max(fits, key=_overlap, default=None)
    return best if best and all(other is best or best.is_clearly_better(other) for other in fits) else None


def _refined(values: npt.NDArray[np.floating], fit_of: Callable[[float], Fit]) -> Fit:
    """The best fit over a range of values, searched in finer and finer steps around the best value."""
    for _ in range(REFINEMENTS):
        best = int(np.argmax([fit_of(value).overlap for value in values]))
        value = values[best]
        values = np.linspace(values[max(best - 1, 0)], values[min(best + 1, len(values) - 1)], FINER)
    return fit_of(value)
