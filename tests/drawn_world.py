"""A synthetic world for tests: coloured squares on a textured background in real video files, and networks for them.

A red square is a woman, a blue one a man. A detector and a classifier recognise them exactly, so the expected results
of a run can be computed by hand.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np

from facetally.detection.crops import ARCFACE_TEMPLATE_112, CropRecipe
from facetally.detection.faces import Faces, ImageArray
from facetally.gender.attributes import Attributes, FloatArray
from facetally.models.engines import Engines
from facetally.models.weights import ModelFile
from facetally.video.reader import FrameImage

WIDTH_PX, HEIGHT_PX = 160, 120
FPS = 25
CODEC = "libx264" if "libx264" in av.codecs_available else "mpeg4"
Colour = Literal["red", "blue"]
COLOURS_BGR: dict[Colour, tuple[int, int, int]] = {"red": (20, 20, 220), "blue": (220, 20, 20)}
FEMALE_PROB: dict[Colour, float] = {"red": 0.97, "blue": 0.03}
SCORE = 0.9


@dataclass(frozen=True)
class Square:
    """A person: a square that moves in a straight line."""

    colour: Colour
    start_xy: tuple[float, float] = (60.0, 40.0)
    """Top left corner in pixels at `from_s`."""
    velocity: tuple[float, float] = (0.0, 0.0)
    """Pixels per second along x and y."""
    size_px: int = 40
    from_s: float = 0.0
    to_s: float = math.inf
    """Visible at from_s <= t < to_s, in seconds of its shot."""

    def draw(self, image: ImageArray, time_s: float) -> None:
        """Draws the square on an image of its shot; corners are even, as colour is stored at half resolution."""
        if not self.from_s - 1e-9 <= time_s < self.to_s - 1e-9:
            return
        seconds = time_s - self.from_s
        x, y = (2 * round((c + v * seconds) / 2) for c, v in zip(self.start_xy, self.velocity, strict=True))
        image[max(y, 0) : y + self.size_px, max(x, 0) : x + self.size_px] = COLOURS_BGR[self.colour]


@dataclass(frozen=True)
class Shot:
    """A part of a film with one background."""

    seconds: float
    squares: tuple[Square, ...] = ()
    grey: int = 70
    """Mean of the background, 30-220; consecutive shots need different values for the cut to be detected."""


@dataclass(frozen=True)
class Film:
    """A sequence of shots."""

    shots: tuple[Shot, ...]

    @property
    def seconds(self) -> float:
        return sum(shot.seconds for shot in self.shots)

    def image(self, time_s: float) -> ImageArray:
        """(HEIGHT_PX, WIDTH_PX, 3) uint8 BGR at a time of the film in seconds."""
        start_s = 0.0
        for shot in self.shots:
            if time_s < start_s + shot.seconds - 1e-9:
                image = background(shot.grey)
                for square in shot.squares:
                    square.draw(image, time_s - start_s)
                return image
            start_s += shot.seconds
        raise ValueError(f"the film is {self.seconds} s long, got a time of {time_s} s")

    def images(self, fps: int = FPS) -> list[ImageArray]:
        """All images at a constant frame rate."""
        return [self.image(index / fps) for index in range(round(self.seconds * fps))]


def background(grey: int) -> ImageArray:
    """A grey texture of 8 px blocks, another one for each `grey`."""
    blocks = np.random.default_rng(grey).integers(grey - 24, grey + 25, (HEIGHT_PX // 8, WIDTH_PX // 8))
    texture = np.kron(blocks, np.ones((8, 8))).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(texture[:, :, None], 3, axis=2))


PORTRAIT_PX, FACE_PX = 160, 96


def portrait(person: int) -> ImageArray:
    """(160, 160, 3) uint8 BGR: face, hair and clothes as a pattern, another one for each person."""
    rng = np.random.default_rng(person)
    layers = [cv2.resize(rng.uniform(0, 1, (n, n, 3)), (PORTRAIT_PX, PORTRAIT_PX)) for n in (4, 10, 24)]
    mixed = 0.4 * layers[0] + 0.35 * layers[1] + 0.25 * layers[2]
    return np.asarray(np.clip(128 + 500 * (mixed - 0.5), 0, 255), np.uint8)


def with_portraits(image: ImageArray, people: Sequence[tuple[int, float, float]]) -> tuple[ImageArray, Faces]:
    """The image with the portraits of some people, and their faces, 96 px wide.

    Args:
        image: (H, W, 3) uint8 BGR.
        people: for each the person, and x, y of the middle of the face; at least 80 px from the edges.
    """
    drawn, half = image.copy(), PORTRAIT_PX // 2
    for person, x, y in people:
        drawn[round(y) - half : round(y) + half, round(x) - half : round(x) + half] = portrait(person)
    middles = np.array([[x, y] for _, x, y in people], np.float32).reshape(-1, 2)
    return drawn, faces_at(np.concatenate([middles - FACE_PX / 2, middles + FACE_PX / 2], axis=1))


def one_person(colour: Colour = "red", seconds: float = 2.0) -> Film:
    """The simplest film: one square that moves slowly to the right."""
    return Film((Shot(seconds, (Square(colour, (40, 40), (10, 0)),)),))


MIXED = Film(
    (
        Shot(2.0, (Square("red", (10, 40), (5, 0)), Square("blue", (110, 60), from_s=0.6, to_s=1.4))),
        Shot(1.6, (Square("red", (120, 20), size_px=12), Square("blue", (40, 50))), grey=190),
    )
)
"""A woman for 2.0 s, beside her a man for 0.8 s; then a man for 1.6 s and someone too small to be classified."""


def filmed(path: Path, film: Film, fps: int = FPS) -> Path:
    """Encodes a film at a constant frame rate and returns its path."""
    return encoded(path, film.images(fps), fps=fps)


def encoded(
    path: Path,
    images: Iterable[ImageArray],
    pts: Iterable[int] | None = None,
    *,
    fps: Fraction | int = FPS,
    time_base: Fraction | None = None,
    codec: str = CODEC,
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
) -> Path:
    """Writes images as a video file and returns its path.

    Args:
        path: its ending selects the container.
        images: (H, W, 3) uint8 BGR, all of one size.
        pts: presentation times in units of `time_base`; 0, 1, 2, ... by default.
        fps: nominal rate.
        time_base: 1 / `fps` by default.
        codec, options: the encoder and its options; a keyframe every second by default.
        muxer: options of the container.
    """
    images = list(images)
    pixels = "rgb8" if codec == "gif" else "yuv420p"
    defaults = {"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {}
    with av.open(str(path), "w", options=muxer or {}) as container:
        stream: Any = container.add_stream(codec, rate=fps, options=defaults | (options or {}))
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = round(fps)
        stream.codec_context.time_base = time_base or 1 / Fraction(fps)
        for stamp, image in zip(pts or range(len(images)), images, strict=True):
            decoded = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pixels)
            decoded.pts, decoded.time_base = stamp, stream.codec_context.time_base
            container.mux(stream.encode(decoded))
        container.mux(stream.encode(None))
    return path


def resized(image: ImageArray, size_wh: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> ImageArray:
    """The image in another width and height."""
    return np.asarray(cv2.resize(image, size_wh, interpolation=interpolation), np.uint8)


class StillImage(FrameImage):
    """A frame's image that comes from an array instead of a file."""

    def __init__(self, image_bgr: ImageArray) -> None:
        super().__init__(av.VideoFrame.from_ndarray(image_bgr, format="bgr24"))


class SquareDetector:
    """Finds the red and blue squares; red ones first."""

    def input_wh(self, frame_hw: tuple[int, int]) -> tuple[int, int]:
        return frame_hw[1], frame_hw[0]

    def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        return [_squares_in(image) for image in images_bgr]

    def detect_parts(self, parts_bgr: Sequence[ImageArray]) -> list[Faces]:
        return [_squares_in(part) for part in parts_bgr]


class FailingDetector(SquareDetector):
    """Fails on bright backgrounds, such as the second shot of the mixed film.

    Args:
        how: "raise", "hang", "memory" (run out of it), or the name of a signal that ends the process.
        pid_path: file that gets the id of the process that fails.
    """

    def __init__(self, how: str, pid_path: Path | None = None) -> None:
        self.how, self.pid_path = how, pid_path

    def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None) -> list[Faces]:
        if any(image.mean() > 150 for image in images_bgr):
            self._fail()
        return super().detect(images_bgr)

    def _fail(self) -> None:
        if self.pid_path:
            self.pid_path.write_text(str(os.getpid()))
        if self.how == "raise":
            raise RuntimeError("too bright")
        if self.how == "memory":
            raise MemoryError("not a byte left")
        if self.how == "hang":
            time.sleep(3600)
        os.kill(os.getpid(), signal.Signals[self.how])


class UnstartableDetector(FailingDetector):
    """Cannot be unpickled in another process."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _fail_to_load, ()


def _fail_to_load() -> None:
    raise RuntimeError("no memory for the weights")


def _squares_in(image_bgr: ImageArray) -> Faces:
    blue, green, red = (image_bgr[:, :, channel].astype(int) for channel in range(3))
    boxes: list[tuple[int, ...]] = []
    for mask in (red - np.maximum(green, blue) > 70, blue - np.maximum(green, red) > 70):
        count, labels = cv2.connectedComponents(mask.astype(np.uint8))
        for label in range(1, count):
            rows, columns = np.nonzero(labels == label)
            if len(rows) >= 25:
                boxes.append((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1))
    return faces_at(np.array(boxes, np.float32).reshape(-1, 4))


def faces_at(boxes: FloatArray, score: float = SCORE) -> Faces:
    """Frontal faces in (N, 4) boxes: eyes, nose and mouth as in the ArcFace template around the box's middle."""
    offsets = ((ARCFACE_TEMPLATE_112 - 56) / 112).astype(np.float32)  # (5, 2), the middle of the square is 0
    offsets[:, 0] -= offsets[2, 0]  # the template's nose is slightly off the middle
    sizes = (boxes[:, 2:] - boxes[:, :2])[:, None]
    landmarks = (boxes[:, :2] + boxes[:, 2:])[:, None] / 2 + offsets * sizes
    return Faces(boxes, np.full(len(boxes), score, np.float32), landmarks.astype(np.float32))


class ColourClassifier:
    """Reads the colour in the middle of each crop: red is female, blue is male, anything else has probability 0.5."""

    def predict(self, crops: np.ndarray) -> Attributes:
        """The attributes of (N, S, S, 3) uint8 RGB crops."""
        middle = crops[:, crops.shape[1] // 2, crops.shape[2] // 2].astype(int)  # (N, 3)
        redness = middle[:, 0] - middle[:, 2]
        prob = np.where(redness > 70, FEMALE_PROB["red"], np.where(redness < -70, FEMALE_PROB["blue"], 0.5))
        return Attributes(prob.astype(np.float32), np.full(len(crops), np.nan, np.float32))


class ColourEmbedding:
    """Squares of one colour are one person."""

    recipe = CropRecipe(size_px=16)

    def embed(self, crops: ImageArray) -> FloatArray:
        """(N, 3) unit vectors of (N, 16, 16, 3) uint8 RGB crops: their middle's colour without its grey."""
        colours = crops[:, 8, 8].astype(np.float32)
        colours -= colours.min(axis=1, keepdims=True)
        return np.asarray(colours / np.maximum(np.linalg.norm(colours, axis=1, keepdims=True), 1), np.float32)


def engines() -> Engines:
    """The networks of a run in the drawn world."""
    models = {
        role: ModelFile(f"drawn_{role}", Path(f"drawn_{role}.onnx"), digit * 64, "none")
        for role, digit in (("detector", "d"), ("classifier", "c"), ("embedder", "e"))
    }
    return Engines(SquareDetector(), ColourClassifier(), CropRecipe(), models, embedding=ColourEmbedding())
