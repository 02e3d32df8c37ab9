"""Readings of labels: what their times and boxes may mean, and which of these meanings a video allows.

Labelling tools count frames and divide by a rate that they assume, count from 1, from the container's start or on
from another video, ignore the rotation of a video or the shape of its pixels, or show a smaller image. A video's
frames rule out most readings: under a correct one all labels fall on frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FRAME_TOLERANCE_S = 0.006
"""How far a time may lie from its frame's: many are rounded to hundredths of a second."""
MOST = 0.95
"""The share of labels that a reading must put on frames; the others may be typing errors."""
RATES = (24.0, 25.0, 30.0, 50.0, 60.0, 24000 / 1001, 30000 / 1001, 60000 / 1001)
"""Frames per second that tools assume; the first is used where two give the same frames."""
PROXY_WIDTHS_PX = (160, 240, 320, 360, 426, 480, 540, 640, 720, 768, 854, 960, 1080, 1280, 1440, 1600, 1920, 2560, 3840)
"""Usual widths of the images that people draw on."""
PROXY_FACTORS = (0.25, 1 / 3, 0.5, 2 / 3, 0.75, 1.5, 2.0, 3.0, 4.0)
"""Usual sizes of such images relative to the video's."""
PIXEL_ASPECTS = {
    **{"64:45": 64 / 45, "16:15": 16 / 15, "16:11": 16 / 11, "12:11": 12 / 11},  # PAL at 16:9 and 4:3
    **{"32:27": 32 / 27, "8:9": 8 / 9, "40:33": 40 / 33, "10:11": 10 / 11},  # NTSC
    **{"4:3": 4 / 3, "3:2": 3 / 2},  # HDV, DVCPRO HD
}
"""Width of a stored pixel by its height, where pixels are not square: by the standards of tape and broadcast."""
SAME_ASPECT = 0.005
"""How far two pixel aspects may differ, relative to each other, and count as the same: sizes are whole pixels."""
MIN_INSIDE = 0.25
"""The part of a box that must be in the frame. Labellers and detectors complete a face that the frame's edge cuts: in
well-labelled clips up to half of a box is outside, and a corner of the frame has two edges."""
MIN_GAIN = 0.02
"""Mean overlap with faces that a reading must gain to be accepted; less would change no verdict."""
MIN_SIZE_GAIN = 0.2
"""The same for an image of another size. Wide boxes, around the whole head for example, overlap faces more when they
are shrunk: on real labels made half as wide again the best wrong size gains 0.13."""


@dataclass(frozen=True)
class Recording:
    """The times and the size of a video's frames as displayed.

    Raises:
        ValueError: no frames.
    """

    times_s: Floats
    """(F,) presentation times of all frames in seconds from the first, ascending."""
    end_s: float
    """When the last frame ends."""
    width_px: int
    height_px: int
    """As displayed."""
    fps: float = 0.0
    """Mean rate by the container; 0 where it is not stated."""
    start_s: float = 0.0
    """The container's time of the first frame."""
    quarter_turns: int = 0
    """Clockwise, from the frame as stored to the frame as displayed: 0-3."""
    pixel_aspect: float = 1.0
    """Width of a pixel as stored by its height; in a turned video along x and y as displayed."""

    def __post_init__(self) -> None:
        if not len(self.times_s):
            raise ValueError("a recording needs at least one frame")

    def positions(self, times_s: Floats) -> Floats:
        """Frame numbers from 0, fractional between frames; beyond either end they continue at the mean rate."""
        frames, last_s, step_s = self._grid()
        beyond = np.minimum(times_s, 0) + np.maximum(times_s - last_s, 0)
        return np.asarray(np.interp(times_s, self.times_s, frames) + beyond / step_s)

    def times_at(self, positions: Floats) -> Floats:
        """The inverse of `positions`."""
        frames, _, step_s = self._grid()
        beyond = np.minimum(positions, 0) + np.maximum(positions - frames[-1], 0)
        return np.asarray(np.interp(positions, frames, self.times_s) + beyond * step_s)

    def frames_near(self, times_s: Floats) -> npt.NDArray[np.int64]:
        """The numbers of the frames that are nearest in time."""
        return np.clip(np.rint(self.positions(times_s)), 0, len(self.times_s) - 1).astype(np.int64)

    def has_frames_at(self, times_s: Floats) -> Bools:
        """Whether a frame begins at each time, or would if the video continued."""
        return np.abs(self.times_at(np.rint(self.positions(times_s))) - times_s) <= FRAME_TOLERANCE_S

    def contains(self, times_s: Floats) -> Bools:
        """Whether each time is within the video, with a part of a frame to spare for rounding."""
        positions = self.positions(times_s)
        return (positions > -0.5) & (positions < len(self.times_s) - 0.25)

    def clipped(self, boxes: Floats) -> Floats:
        """(N, 4) boxes cut off at the edges of the frame."""
        return np.clip(boxes, 0, (self.width_px, self.height_px) * 2)

    def parts_inside(self, boxes: Floats) -> Floats:
        """(N,) the part of each box that is in the frame, in [0, 1]."""
        inside, whole = (np.prod(b[:, 2:] - b[:, :2], axis=1) for b in (self.clipped(boxes), boxes))
        return np.asarray(inside / whole)

    def _grid(self) -> tuple[Floats, float, float]:
        count = len(self.times_s)
        return np.arange(count, dtype=np.float64), float(self.times_s[-1]), self.end_s / count


@dataclass(frozen=True)
class Reading:
    """One way to understand the times or the boxes of labels."""

    what: str
    """In words: "times are frame numbers at 24 frames/s"."""
    read: Callable[[Floats], Floats]
    """From times as written to seconds from the first frame, or from (N, 4) boxes to pixels as displayed."""
    min_gain: float = MIN_GAIN
    """Mean overlap that it must gain to be accepted."""
    first_number: int = 0
    """The number of the first frame under it."""


AS_WRITTEN = Reading("as written", lambda values: values, min_gain=0.0)


def frame_numbers(recording: Recording, fps: float) -> Reading:
    """Frame numbers that were divided by an assumed rate; works for any real rate, constant or variable."""
    return Reading(f"times are frame numbers at {fps:.5g} frames/s", lambda t: recording.times_at(t * fps))


def counted_from_one(recording: Recording, reading: Reading) -> Reading:
    """A reading with frames counted from 1: one frame earlier."""
    late = "times are one frame late: frames were counted from 1"
    what = late if reading is AS_WRITTEN else f"{reading.what}, counted from 1"
    return Reading(what, lambda t: recording.times_at(recording.positions(reading.read(t)) - 1), first_number=1)


def since_container_start(recording: Recording) -> Reading:
    """Times in the container's count, where its first frame is not at 0."""
    return shifted(-recording.start_s, f"times count as the container does, from {recording.start_s:.3f} s")


def shifted(offset_s: float, what: str = "") -> Reading:
    """Times that are all early or late by the same offset."""
    what = what or f"times are {abs(offset_s):.2f} s {'early' if offset_s > 0 else 'late'}"
    return Reading(what, lambda t: t + offset_s)


def stretched(factor: float) -> Reading:
    """Times that run too fast or too slow."""
    return Reading(f"times run {1 / factor:.3g} times as fast as the video", lambda t: t * factor)


def turned(recording: Recording, quarter_turns: int) -> Reading:
    """Boxes drawn on an image that must be turned clockwise to look as displayed."""
    width, height = recording.width_px, recording.height_px

    def read(boxes: Floats) -> Floats:
        x1, y1, x2, y2 = boxes.T
        if quarter_turns == 1:
            return np.stack((width - y2, x1, width - y1, x2), axis=1)
        if quarter_turns == 2:
            return np.stack((width - x2, height - y2, width - x1, height - y1), axis=1)
        return np.stack((y1, height - x2, y2, height - x1), axis=1)

    as_stored = ", as stored" if quarter_turns == recording.quarter_turns else ""
    return Reading(f"boxes are drawn before a turn by {90 * quarter_turns} degrees{as_stored}", read)


def mirrored(recording: Recording) -> Reading:
    """Boxes drawn on the mirror image."""
    width = recording.width_px
    return Reading(
        "boxes are drawn on the mirror image",
        lambda boxes: np.stack((width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]), axis=1),
    )


def resized(recording: Recording, x_factor: float, y_factor: float) -> Reading:
    """Boxes drawn on an image of another size; the factors convert to the displayed size."""
    width, height = recording.width_px / x_factor, recording.height_px / y_factor
    factors = np.array((x_factor, y_factor, x_factor, y_factor))
    what = f"boxes are drawn on an image of {width:.0f} x {height:.0f} px"
    return Reading(what, lambda boxes: boxes * factors, MIN_SIZE_GAIN)


def after_others(recording: Recording, frame_count: int) -> Reading:
    """Frame numbers that continue from the videos before, as CVAT writes them for the tasks of a project."""
    what = f"frame numbers continue from other videos, {frame_count} frames, as in the export of a CVAT project"
    return Reading(what, lambda t: recording.times_at(recording.positions(t) - frame_count))


def other_pixels(recording: Recording, name: str, x_factor: float, y_factor: float) -> Reading:
    """Boxes drawn on an image whose pixels have another shape than those of the displayed frame.

    Args:
        recording: the video.
        name: of the pixel aspect.
        x_factor, y_factor: convert to the displayed frame.
    """
    resize = resized(recording, x_factor, y_factor)
    shape = "squeezed, as pixels are stored" if x_factor > y_factor else "stretched"
    return Reading(f"{resize.what}, {shape} by a pixel aspect of {name}", resize.read)


def pixel_readings(recording: Recording) -> list[Reading]:
    """Boxes drawn on pixels of another shape, squeezed or stretched; first by the video's own pixel aspect.

    Along y only by the video's own aspect: people box faces higher or lower than a detector, but not further left.
    """
    own = recording.pixel_aspect
    readings = []
    if abs(own - 1) > SAME_ASPECT:
        name = _aspect_name(own)
        if own < 1:  # pixels as stored are made higher for display
            readings += [other_pixels(recording, name, 1.0, factor) for factor in (1 / own, own)]
        readings += [other_pixels(recording, name, factor, 1.0) for factor in (own, 1 / own)]
    for name, aspect in PIXEL_ASPECTS.items():
        if abs(aspect / own - 1) > SAME_ASPECT:
            readings += [other_pixels(recording, name, factor, 1.0) for factor in (aspect, 1 / aspect)]
    return readings


def time_readings(
    times_s: Floats, recording: Recording, may_be_counted: bool = True, frames_before: int = 0
) -> list[Reading]:
    """The readings that put all times within the video and nearly all on its frames; first as written, if it does.

    Of readings that give the same frames only the first is kept. Where frames counted from 0 fit, those counted from 1
    are left out: frame times alone cannot distinguish the two.

    Args:
        times_s: (N,) as written.
        recording: the video.
        may_be_counted: whether they may be frame numbers that were divided by an assumed rate.
        frames_before: of other videos, from which the frame numbers may continue; 0: they do not.
    """
    bases = [AS_WRITTEN, since_container_start(recording)]
    if frames_before:
        bases.append(after_others(recording, frames_before))
    if may_be_counted:
        rates = (fps for fps in (*RATES, recording.fps) if fps and _are_frame_numbers(times_s, fps))
        bases += [frame_numbers(recording, fps) for fps in rates]
    found: dict[bytes, Reading] = {}
    for base in bases:
        for reading in (base, counted_from_one(recording, base)):
            read_s = reading.read(times_s)
            if recording.contains(read_s).all() and mostly(recording.has_frames_at(read_s)):
                found.setdefault(recording.frames_near(read_s).tobytes(), reading)
                break
    return list(found.values())


def mostly(are: Bools) -> bool:
    """Whether something is true of all labels except a few possible typing errors."""
    return bool(np.mean(are) >= MOST)


def image_readings(recording: Recording) -> list[Reading]:
    """The readings of boxes to try: turned, mirrored, drawn on an image of a usual size; see also `pixel_readings`."""
    width, height = recording.width_px, recording.height_px
    factors = dict.fromkeys([width / proxy for proxy in PROXY_WIDTHS_PX] + [1 / part for part in PROXY_FACTORS])
    return [
        AS_WRITTEN,
        *(turned(recording, quarter_turns) for quarter_turns in (1, 2, 3)),
        mirrored(recording),
        *(resized(recording, factor, factor) for factor in factors if factor != 1),
        resized(recording, width, height),  # fractions of the frame
        resized(recording, width / 100, height / 100),  # percent
    ]


def plausible_images(boxes: Floats, recording: Recording) -> list[Reading]:
    """As written, or as stored where the video is turned for display: those that put all boxes into the frame."""
    readings = [AS_WRITTEN]
    if abs(recording.pixel_aspect - 1) > SAME_ASPECT:
        readings += pixel_readings(recording)[:1]
    if recording.quarter_turns:
        readings.append(turned(recording, recording.quarter_turns))
    return [r for r in readings if np.all(recording.parts_inside(r.read(boxes)) >= MIN_INSIDE)]


def _aspect_name(aspect: float) -> str:
    near = (name for name, known in PIXEL_ASPECTS.items() if abs(known / aspect - 1) <= SAME_ASPECT)
    return next(near, f"{aspect:.3f}:1")


def _are_frame_numbers(times_s: Floats, fps: float) -> bool:
    """Whether times are whole numbers of frames, as exactly as their decimals allow."""
    decimals = next((d for d in (2, 3) if np.allclose(times_s, np.round(times_s, d), 0, 1e-9)), 4)
    return mostly(np.abs(times_s - np.rint(times_s * fps) / fps) <= 0.51 * 10.0**-decimals)
