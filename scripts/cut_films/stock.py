"""Stretches of labelled clips in which one person is in view without a cut, as a stock for films with cuts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.faces import ImageArray
from facetally.options import Sampling
from facetally.truth.labels import Truth
from facetally.video.reader import FrameImage, VideoReader

FPS = 25
MIN_FACE_PX = 40.0
"""Least height of a labelled face, the median of its stretch."""
STORED_FACE_PX = 110.0
"""Frames with a larger face are stored smaller."""
MAX_STEP_S = 0.6
"""Longest time between two labelled boxes: every frame has one within 0.3 s."""
SECONDS = (0.8, 6.0)
"""Shortest and longest stretch."""
AROUND = (6.0, 4.0)
"""What is kept of a frame on each side of the face, across and down, in face heights."""
SIDE, BELOW = 0.65, 0.6
"""What a frame must show of somebody's head and shoulders to be cut out: on each side of the face's middle and below
the chin, in face heights."""
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90]
MIN_JUMP, MIN_JUMP_RATIO = 7.0, 3.5
"""Two consecutive frames belong to different shots if their thumbnails differ by at least so many grey levels, and by
so many times the median difference of their stretch. Low values: a stretch that is broken for nothing is no loss."""

Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Consecutive frames at 25 frames/s with one labelled person."""

    video: str
    person: str
    source: str
    start_s: float
    """Time of the first frame in the clip."""
    boxes: Boxes
    """(N, 4) the face in each frame, in pixels of the stored frames."""
    images: list[bytes] = field(repr=False)
    """(N) stored as JPEG."""
    frame_hw: tuple[int, int]
    """Their height and width."""

    @property
    def name(self) -> str:
        return f"{self.video}#{self.person}"

    def __len__(self) -> int:
        return len(self.images)

    def position(self, number: int) -> int:
        """Which frame is shown as the `number`-th: after the last one, the frames come backwards, and so on."""
        turn, at = divmod(number, max(len(self) - 1, 1))
        return at if turn % 2 == 0 else len(self) - 1 - at

    def image(self, number: int) -> ImageArray:
        """(H, W, 3) uint8 BGR, counted as in `position`."""
        data = np.frombuffer(self.images[self.position(number)], np.uint8)
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    def box(self, number: int) -> Boxes:
        """(4,) the face, counted as in `position`."""
        return np.asarray(self.boxes[self.position(number)])

    def shows_shoulders(self) -> bool:
        """Whether the frame goes on around the face far enough for hair and shoulders, as the median of the stretch."""
        x1, y1, x2, y2 = np.median(self.boxes, axis=0)
        height, width = self.frame_hw
        face, centre = y2 - y1, (x1 + x2) / 2
        return bool(min(centre, width - centre) >= SIDE * face and height - y2 >= BELOW * face)

    def is_surely_another(self, other: Stretch) -> bool:
        """Whether the two show different people: other sources, or labelled at the same time in one clip."""
        if self.source != other.source:
            return True
        apart_s = abs(self.start_s - other.start_s)
        shorter = len(self) if self.start_s <= other.start_s else len(other)
        return self.video == other.video and self.person != other.person and apart_s < shorter / FPS


@dataclass(frozen=True)
class _Labelled:
    """Labelled boxes of one person without a gap."""

    person: str
    times_s: Boxes
    boxes: Boxes


def read_stretches(videos: Path, truth: Truth, sources: Iterable[str]) -> list[Stretch]:
    """The stretches of all clips of these sources, in the order of their names."""
    wanted = set(sources)
    names = sorted(name for name in truth.people if truth.source(name) in wanted and name in truth.boxes)
    return [stretch for name in names for stretch in _of_clip(videos / name, name, truth)]


def _of_clip(path: Path, name: str, truth: Truth) -> Iterator[Stretch]:
    labelled = list(_labelled(name, truth))
    if not labelled:
        return
    growing = [_Growing(one) for one in labelled]
    end_s = max(one.stop_s for one in growing)
    with VideoReader(path, Sampling(every_s=0), threads=1) as frames:
        for frame in frames:
            for one in growing:
                one.add(frame.time_s, frame.image) if one.wants(frame.time_s) else None
            if frame.time_s > end_s:
                break
    for one in growing:
        yield from one.finished(name, truth.source(name))


def _labelled(name: str, truth: Truth) -> Iterator[_Labelled]:
    """Runs of boxes that are high enough and at most `MAX_STEP_S` apart, of people labelled male or female."""
    boxes = truth.boxes[name]
    for person in truth.people[name]:
        if not person.counts:
            continue
        own = boxes.of_person(person.person)
        times, corners = boxes.times_s[own], boxes.boxes[own]
        for run in np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > MAX_STEP_S) + 1):
            if len(run) < 2 or np.median(corners[run, 3] - corners[run, 1]) < MIN_FACE_PX:
                continue
            yield _Labelled(person.person, times[run], corners[run])


class _Growing:
    """Collects the frames of one run of boxes: at most `SECONDS[1]` of them."""

    def __init__(self, labelled: _Labelled) -> None:
        self.labelled = labelled
        self.start_s = float(labelled.times_s[0])
        self.stop_s = min(float(labelled.times_s[-1]), self.start_s + SECONDS[1])
        height = float(np.median(labelled.boxes[:, 3] - labelled.boxes[:, 1]))
        self.scale = min(1.0, STORED_FACE_PX / height)
        centre = np.median((labelled.boxes[:, :2] + labelled.boxes[:, 2:]) / 2, axis=0)
        reach = np.array(AROUND) * height
        self.corner = (np.maximum(centre - reach, 0) * self.scale).astype(int)
        self.far_corner = ((centre + reach) * self.scale).astype(int)
        self.images: list[bytes] = []
        self.frame_hw = (0, 0)
        self.thumbnails: list[npt.NDArray[np.float32]] = []

    def wants(self, time_s: float) -> bool:
        return self.start_s - 1e-6 <= time_s <= self.stop_s + 1e-6

    def add(self, time_s: float, frame: FrameImage) -> None:
        due = int((time_s - self.start_s) * FPS + 1e-6) + 1  # how many frames there should be with this one
        if len(self.images) >= due:
            return
        height, width = (round(side * self.scale) for side in frame.hw)
        image = frame.bgr((width, height))[self.corner[1] : self.far_corner[1], self.corner[0] : self.far_corner[0]]
        self.frame_hw = (image.shape[0], image.shape[1])
        data = cv2.imencode(".jpg", image, JPEG)[1].tobytes()
        thumbnail = cv2.cvtColor(cv2.resize(image, (48, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
        while len(self.images) < due:  # a clip of fewer frames/s shows each for longer
            self.images.append(data)
            self.thumbnails.append(thumbnail.astype(np.float32))

    def finished(self, video: str, source: str) -> Iterator[Stretch]:
        times = self.start_s + np.arange(len(self.images)) / FPS
        columns = [np.interp(times, self.labelled.times_s, column) for column in self.labelled.boxes.T]
        boxes = np.array(columns).T * self.scale - np.tile(self.corner, 2)
        for part in np.split(np.arange(len(self.images)), jumps(self.thumbnails)):
            if len(part) >= SECONDS[0] * FPS:
                images = [self.images[i] for i in part]
                yield Stretch(
                    video, self.labelled.person, source, float(times[part[0]]), boxes[part], images, self.frame_hw
                )


def jumps(thumbnails: list[npt.NDArray[np.float32]]) -> list[int]:
    """Positions of the frames that seem to begin a new shot."""
    if len(thumbnails) < 2:
        return []
    differences = np.abs(np.diff(np.stack(thumbnails), axis=0)).mean(axis=(1, 2))
    usual = np.median(differences[differences > 0]) if (differences > 0).any() else 0.0
    jumping = (differences >= MIN_JUMP) & (differences >= MIN_JUMP_RATIO * usual)
    return [int(i) + 1 for i in np.flatnonzero(jumping)]
