"""What the page shows of an appearance or a moment: a strip of faces, a frame, a loop; made on request, in memory."""

from __future__ import annotations

import base64
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from facetally.detection.faces import ImageArray
from facetally.errors import VideoError
from facetally.labelling.labels import MomentKey, TrackKey
from facetally.labelling.pictures import frame_shown_at, jpeg, scaled_wh, square_inside
from facetally.labelling.sample import Sample, TrackFaces
from facetally.video.frames_at import frames_at
from facetally.video.reader import FrameImage

STRIP_FACES = 8
FACE_PX = 168
FACE_MARGIN = 0.35
FRAME_PX = 960, 540
MOMENT_PX = 1600, 1200
LOOP_S = 2.4
LOOP_IMAGES = 16
MIN_STEP_S, MAX_STEP_S = 0.1, 0.6
"""Between two pictures of the loop, as it is played."""
LOOP_PX = 240
LOOP_MARGIN = 1.0
KEPT = 48
"""Appearances and moments whose views are held in memory, about half a megabyte each."""
AHEAD_WORKERS = 2
POLL_S = 0.2
"""How often whoever waits for a view sees that no more are made."""

Floats = npt.NDArray[np.float64]
ViewKey = tuple[str, str, float]
"""Kind, video id, and the track's id or the moment's time."""
View = dict[str, Any]
"""JSON: pictures as data addresses, boxes in pixels of the frame."""


def appearance_views(sample: Sample, key: TrackKey) -> dict[str, View]:
    """By kind: faces over time with the frame of the best face (track), and a few seconds around it (loop).

    Both come from one pass over the video: opening it and decoding up to a frame is what takes most of the time.

    Raises:
        VideoError: the video cannot be read.
    """
    faces = sample.track_faces(key)
    best = int(faces.quality.argmax())
    strip, loop = strip_rows(faces), loop_rows(faces, best)
    small, large, frame = _pictures(sample, key, faces, (strip, loop, best))
    if not frame:
        raise _no_frame(sample.path(key[0]), float(faces.times_s[best]))
    step_s = float(np.median(np.diff(faces.times_s[loop]))) if len(loop) > 1 else 0.0
    shown = [{"time_s": float(faces.times_s[row]), "image": small[row]} for row in strip if row in small]
    return {
        "track": {"faces": shown, "frame": frame},
        "loop": {
            "step_s": min(max(step_s, MIN_STEP_S), MAX_STEP_S),
            "images": [large[row] for row in loop if row in large],
        },
    }


def _pictures(
    sample: Sample, key: TrackKey, faces: TrackFaces, rows: tuple[list[int], list[int], int]
) -> tuple[dict[int, str], dict[int, str], View]:
    """The squares of the strip and those of the loop, by row, and the whole frame of the best face."""
    strip, loop, best = rows
    small: dict[int, str] = {}
    large: dict[int, str] = {}
    frame: View = {}
    for row, image in _frames(sample, key, faces, {*strip, *loop, best}):
        pixels, box = image.bgr(), faces.boxes[row]
        if row in strip:
            small[row] = _address(square_inside(pixels, box, FACE_PX, FACE_MARGIN))
        if row in loop:
            large[row] = _address(square_inside(pixels, box, LOOP_PX, LOOP_MARGIN))
        if row == best:
            frame = _frame_view(image, FRAME_PX, float(faces.times_s[row]), faces.boxes[[row]])
    return small, large, frame


def moment_view(sample: Sample, key: MomentKey) -> View:
    """A whole frame with the boxes that the run found in it.

    Raises:
        VideoError: the video cannot be read.
    """
    file = sample.file(key[0])
    image = frame_shown_at(file.path, key[1], file.sampling, has_clock_jumps=file.has_clock_jumps)
    return {
        "frame": _frame_view(image, MOMENT_PX, key[1], sample.found_at(key)),
        "typical": sample.typical_face_px(key, image.hw[0]),
    }


def face_view(sample: Sample, key: TrackKey) -> View:
    """The best face of a track alone, to choose among people.

    Raises:
        VideoError: the video cannot be read.
    """
    faces = sample.track_faces(key)
    best = int(faces.quality.argmax())
    for row, image in _frames(sample, key, faces, {best}):
        return {"image": _address(square_inside(image.bgr(), faces.boxes[row], FACE_PX // 2, FACE_MARGIN))}
    raise _no_frame(sample.path(key[0]), float(faces.times_s[best]))


def _frames(sample: Sample, key: TrackKey, faces: TrackFaces, rows: set[int]) -> Iterator[tuple[int, FrameImage]]:
    """Rows of a track's faces, each with its frame."""
    file = sample.file(key[0])
    by_time = {float(faces.times_s[row]): row for row in rows}
    for found in frames_at(file.path, by_time, file.sampling, has_clock_jumps=file.has_clock_jumps):
        yield by_time[found.time_s], found.image


def _frame_view(image: FrameImage, max_wh: tuple[int, int], time_s: float, boxes: Floats) -> View:
    height, width = image.hw
    return {
        "time_s": time_s,
        "image": _address(image.bgr(scaled_wh((width, height), max_wh))),
        "width": width,
        "height": height,
        "boxes": [[round(float(value), 1) for value in box] for box in boxes],
    }


def _no_frame(path: Path, time_s: float) -> VideoError:
    return VideoError(
        f"{path} has no frame at {time_s:.2f} s, though the run found a face there",
        fix="give the file that was run with --videos",
    )


def strip_rows(faces: TrackFaces) -> list[int]:
    """Rows of up to `STRIP_FACES` faces: the best of each of equal parts of the track, in order of time."""
    parts = np.array_split(np.arange(len(faces.times_s)), min(STRIP_FACES, len(faces.times_s)))
    return [int(part[faces.quality[part].argmax()]) for part in parts]


def loop_rows(faces: TrackFaces, best: int) -> list[int]:
    """Rows of the loop: a window around the best face, within the appearance."""
    first_s, last_s = float(faces.times_s[0]), float(faces.times_s[-1])
    start_s = max(first_s, min(float(faces.times_s[best]) - LOOP_S / 2, last_s - LOOP_S))
    rows = np.flatnonzero((faces.times_s >= start_s) & (faces.times_s <= start_s + LOOP_S))
    parts = np.array_split(rows, min(LOOP_IMAGES, len(rows)))
    return [int(part[0]) for part in parts]


def _address(image: ImageArray) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image)).decode("ascii")


def _views(sample: Sample, key: ViewKey) -> dict[str, View]:
    """The views that are made together, by kind."""
    kind, video_id, place = key
    if kind == "moment":
        return {kind: moment_view(sample, (video_id, place))}
    if kind == "face":
        return {kind: face_view(sample, (video_id, int(place)))}
    return appearance_views(sample, (video_id, int(place)))


class ViewsStoppedError(Exception):
    """No more views are made."""


class Views:
    """Makes views ahead of time in other threads, and keeps the newest in memory.

    Args:
        sample: what is shown.
    """

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._pool = ThreadPoolExecutor(AHEAD_WORKERS, thread_name_prefix="views")
        self._made: OrderedDict[ViewKey, Future[dict[str, View]]] = OrderedDict()
        self._lock = Lock()
        self._stopped = Event()

    def ask(self, key: ViewKey) -> Future[dict[str, View]]:
        """The views that are made with one, by kind, made now or soon."""
        if key[0] == "loop":
            key = "track", *key[1:]
        with self._lock:
            if key in self._made and self._made[key].done() and self._made[key].exception():
                del self._made[key]  # the file may be back
            if key not in self._made:
                self._made[key] = self._pool.submit(_views, self._sample, key)
            self._made.move_to_end(key)
            asked = self._made[key]
            finished = [other for other, view in self._made.items() if view.done()]
            for other in finished[: max(len(self._made) - KEPT, 0)]:  # the others are waited for
                del self._made[other]
            return asked

    def get(self, key: ViewKey, timeout_s: float) -> View:
        """The view, once it is made.

        Raises:
            TimeoutError: it takes longer.
            ViewsStoppedError: views are not made any more.
            VideoError: the video cannot be read.
        """
        until = time.monotonic() + timeout_s
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                return self.ask(key).result(POLL_S)[key[0]]
            if time.monotonic() > until:
                raise TimeoutError
        raise ViewsStoppedError

    def stop(self) -> None:
        """Lets nobody wait for a view any longer."""
        self._stopped.set()

    def close(self) -> None:
        """Ends the threads; what is not begun is not made."""
        self.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
