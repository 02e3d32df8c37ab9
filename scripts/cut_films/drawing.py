"""Draws the parts of films with cuts: people before a backdrop, transitions, traps and graphics.

Images are (H, W, 3) uint8 BGR; `rng` is a seeded generator, so that the same seed draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facetally.detection.faces import ImageArray

Boxes = npt.NDArray[np.float64]
SIZE_WH = (640, 360)
COARSE = 4
"""Masks are drawn at a quarter of the size: they are blurred anyway."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
WORDS = (
    *("the council voted on monday", "what do you think", "no one was hurt", "we never saw it", "and then we left"),
    *("it costs twice as much", "more after the break", "they promised a bridge", "yes", "people ask me every day"),
    *("it was raining", "nobody told us about it", "in the north of the country", "I was nine years old"),
)


@dataclass(frozen=True)
class Placement:
    """Where a source image lies in the frame: frame = scale * source + shift."""

    scale: float
    shift_xy: tuple[float, float]

    @classmethod
    def of(cls, box: Boxes, centre_xy: tuple[float, float], face_px: float) -> Placement:
        """Brings a box to a centre and height."""
        scale = face_px / float(box[3] - box[1])
        centre = (box[:2] + box[2:]) / 2 * scale
        return cls(scale, (centre_xy[0] - float(centre[0]), centre_xy[1] - float(centre[1])))

    def moved(self, x_px: float) -> Placement:
        return Placement(self.scale, (self.shift_xy[0] + x_px, self.shift_xy[1]))

    def box(self, box: Boxes) -> Boxes:
        """(4,) a box of the source in the frame."""
        return np.asarray(box * self.scale + np.tile(self.shift_xy, 2))

    def matrix(self) -> npt.NDArray[np.float64]:
        x, y = self.shift_xy
        return np.array([[self.scale, 0, x], [0, self.scale, y]])


def with_own_background(image: ImageArray, placement: Placement, size_wh: tuple[int, int] = SIZE_WH) -> ImageArray:
    """The source image at its place; what it does not cover is filled with a blurred copy of it, as on television."""
    coarse = cv2.resize(image, (32, 18), interpolation=cv2.INTER_AREA)
    zoom = size_wh[0] / 32 * 1.2
    x = 0.5 * placement.shift_xy[0] - 0.1 * size_wh[0]  # moves with the image, more slowly
    fill = cv2.warpAffine(
        coarse, np.array([[zoom, 0, x], [0, zoom, -20.0]]), size_wh, borderMode=cv2.BORDER_REFLECT_101
    )
    placed = cv2.warpAffine(image, placement.matrix(), size_wh, dst=fill, borderMode=cv2.BORDER_TRANSPARENT)
    return np.asarray(placed, np.uint8)


def before_backdrop(image: ImageArray, placement: Placement, box: Boxes, backdrop: ImageArray) -> ImageArray:
    """Head and shoulders, cut out softly, before a backdrop of the frame's size; `box` is in the source."""
    size_wh = (backdrop.shape[1], backdrop.shape[0])
    placed = cv2.warpAffine(image, placement.matrix(), size_wh, borderMode=cv2.BORDER_REPLICATE)
    mask = head_and_shoulders(placement.box(box), size_wh)
    mask *= _inside(image, placement, size_wh)
    weight = cv2.resize(mask, size_wh, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.blendLinear(placed, backdrop, weight, 1 - weight), np.uint8)


def head_and_shoulders(box: Boxes, size_wh: tuple[int, int]) -> npt.NDArray[np.float32]:
    """The mask of a person with this face, in [0, 1], at a quarter of the size."""
    mask = np.zeros((size_wh[1] // COARSE, size_wh[0] // COARSE), np.float32)
    x, y = (box[:2] + box[2:]) / 2 / COARSE
    height = (box[3] - box[1]) / COARSE
    cv2.ellipse(
        mask, (round(x), round(y - 0.1 * height)), (round(0.62 * height), round(0.82 * height)), 0, 0, 360, 1.0, -1
    )
    half_widths = ((0.3, 0.4), (0.95, 0.85), (1.25, 1.3), (1.35, 4.0))  # of neck, shoulders, arms: across, down
    right = [(x + across * height, y + down * height) for across, down in half_widths]
    left = [(x - across * height, y + down * height) for across, down in reversed(half_widths)]
    cv2.fillPoly(mask, [np.round(np.array(right + left)).astype(np.int32)], 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.06 * height, 0.5)), np.float32)


def _inside(image: ImageArray, placement: Placement, size_wh: tuple[int, int]) -> npt.NDArray[np.float32]:
    """1 where the source covers the frame, softly 0 elsewhere, at a quarter of the size."""
    corners = np.array([0, 0, image.shape[1], image.shape[0]]) * placement.scale + np.tile(placement.shift_xy, 2)
    left, top, right, bottom = np.round(corners / COARSE).astype(int)
    mask = np.zeros((size_wh[1] // COARSE, size_wh[0] // COARSE), np.float32)
    mask[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = 1
    return np.asarray(cv2.blur(mask, (5, 5)), np.float32)


def drawn_backdrop(rng: np.random.Generator, size_wh: tuple[int, int] = SIZE_WH) -> ImageArray:
    """A gradient, or panels as in a studio."""
    width, height = size_wh
    first, second = rng.integers(20, 210, (2, 3))
    ramp = np.linspace(0, 1, width)[None, :, None] if rng.random() < 0.5 else np.linspace(0, 1, height)[:, None, None]
    image = np.broadcast_to(first + (second - first) * ramp, (height, width, 3)).astype(np.uint8)
    image = np.ascontiguousarray(image)
    if rng.random() < 0.6:
        for left in range(0, width, int(rng.integers(60, 160))):
            colour = tuple(int(c) for c in rng.integers(10, 240, 3))
            top, panel_width = int(rng.integers(0, height // 3)), int(rng.integers(20, 60))
            cv2.rectangle(image, (left, top), (left + panel_width, height), colour, -1)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(2, 8))), np.uint8)
    return image


def photographed_backdrop(image: ImageArray, size_wh: tuple[int, int] = SIZE_WH) -> ImageArray:
    """A blurred source image that covers the frame."""
    scale = max(size_wh[0] / image.shape[1], size_wh[1] / image.shape[0])
    large = cv2.resize(image, None, fx=scale * 1.01, fy=scale * 1.01)[: size_wh[1], : size_wh[0]]
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 14), np.uint8)


@dataclass(frozen=True)
class Graphics:
    """Bars, logo and subtitles over the picture."""

    bar_bgr: tuple[int, int, int] | None = None
    """Of the bar at the lower edge."""
    logo_bgr: tuple[int, int, int] | None = None
    subtitles: tuple[tuple[int, int, str], ...] = ()
    """First frame, frame after the last, words."""
    lower_third: tuple[tuple[int, int, str], ...] = ()
    """The same for a name on a bar of its own."""

    def draw(self, image: ImageArray, number: int) -> None:
        """Draws what is shown in a frame."""
        height, width = image.shape[:2]
        if self.bar_bgr:
            cv2.rectangle(image, (0, int(0.82 * height)), (width, height), self.bar_bgr, -1)
            cv2.rectangle(image, (0, int(0.81 * height)), (width, int(0.83 * height)), (235, 235, 235), -1)
        if self.logo_bgr:
            cv2.circle(image, (width - 44, 36), 22, self.logo_bgr, -1)
            cv2.putText(image, "TV5", (width - 62, 42), FONT, 0.6, (255, 255, 255), 2, cv2.LINE_AA)
        for start, stop, words in self.lower_third:
            if start <= number < stop:
                cv2.rectangle(
                    image, (30, int(0.7 * height)), (int(0.62 * width), int(0.84 * height)), (40, 40, 150), -1
                )
                cv2.putText(image, words, (44, int(0.79 * height)), FONT, 0.7, (255, 255, 255), 2, cv2.LINE_AA)
        for start, stop, words in self.subtitles:
            if start <= number < stop:
                x, y = width // 2 - 6 * len(words), int(0.93 * height)
                cv2.putText(image, words, (x, y), FONT, 0.7, (0, 0, 0), 4, cv2.LINE_AA)
                cv2.putText(image, words, (x, y), FONT, 0.7, (255, 255, 255), 2, cv2.LINE_AA)


SOFT_KINDS = ("dissolve", "fade black", "fade white", "wipe", "soft wipe")


def mixed(before: ImageArray, after: ImageArray, progress: float, kind: str) -> ImageArray:
    """One frame of a transition; `progress` in (0, 1).

    Raises:
        ValueError: not one of `SOFT_KINDS`.
    """
    if kind == "dissolve":
        return np.asarray(cv2.addWeighted(before, 1 - progress, after, progress, 0), np.uint8)
    if kind in ("fade black", "fade white"):
        image, share = (before, 1 - 2 * progress) if progress < 0.5 else (after, 2 * progress - 1)
        level = 255 * (1 - share) if kind == "fade white" else 0.0
        return np.asarray(cv2.convertScaleAbs(image, alpha=share, beta=level), np.uint8)
    if kind in ("wipe", "soft wipe"):
        width = before.shape[1]
        soft_px = 0.25 * width if kind == "soft wipe" else 2.0
        edge = progress * (width + soft_px)
        weight = np.clip((edge - np.arange(width)) / soft_px, 0, 1).astype(np.float32)
        weights = np.ascontiguousarray(np.broadcast_to(weight, before.shape[:2]))
        return np.asarray(cv2.blendLinear(after, before, weights, 1 - weights), np.uint8)
    raise ValueError(f"kind must be one of {SOFT_KINDS}, got {kind!r}")


@dataclass(frozen=True)
class Effect:
    """A trap that alters the pictures from frame `start` to before frame `stop`, or from `start` on."""

    kind: str
    start: int
    stop: int
    amount: float = 1.0
    """By kind; see `camera_shift` and `altered`."""
    lasts_to: int | None = None
    """Where what the effect has changed is undone, if later than `stop`."""
    seed: int = 0


def camera_shift(effects: list[Effect], number: int) -> tuple[float, float, float]:
    """How far the picture is shifted in a frame by shakes, across and down, and by whip pans across, in pixels."""
    across = down = pan = 0.0
    for effect in effects:
        if effect.kind == "shake" and effect.start <= number < effect.stop:
            phase = np.random.default_rng(effect.seed).uniform(0, 2 * np.pi, 4)
            time_s = (number - effect.start) / 25
            across += effect.amount * (np.sin(27 * time_s + phase[0]) + 0.6 * np.sin(43 * time_s + phase[1]))
            down += 0.7 * effect.amount * (np.sin(31 * time_s + phase[2]) + 0.6 * np.sin(19 * time_s + phase[3]))
        if effect.kind == "whip pan" and effect.start <= number < (effect.lasts_to or effect.stop):
            share = min((number - effect.start + 1) / (effect.stop - effect.start), 1.0)
            pan += effect.amount * (3 * share**2 - 2 * share**3)
    return across, down, pan


def altered(image: ImageArray, effects: list[Effect], number: int) -> ImageArray:
    """A frame with flashes, changed exposure, noise, and what passes before the camera."""
    for effect in effects:
        if not effect.start <= number < max(effect.stop, effect.lasts_to or 0):
            continue
        share = min((number - effect.start + 1) / (effect.stop - effect.start), 1.0)
        if effect.kind == "flash":
            white = np.full_like(image, 255)
            image = np.asarray(cv2.addWeighted(image, 1 - effect.amount, white, effect.amount, 0), np.uint8)
        elif effect.kind == "exposure":
            image = _brightened(image, 1 + share * (effect.amount - 1))
        elif effect.kind == "low light":
            image = _noisy(_brightened(image, 0.35), effect.amount, effect.seed + number)
        elif effect.kind == "passing":
            image = _passed_by(image, effect, share)
    return image


def _brightened(image: ImageArray, factor: float) -> ImageArray:
    return np.asarray(cv2.convertScaleAbs(image, alpha=factor), np.uint8)


def _noisy(image: ImageArray, deviation: float, seed: int) -> ImageArray:
    noise = np.random.default_rng(seed).normal(0, deviation, (image.shape[0] // 2, image.shape[1] // 2, 3))
    grains = cv2.resize(noise.astype(np.float32), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(np.clip(image + grains, 0, 255), np.uint8)


def _passed_by(image: ImageArray, effect: Effect, share: float) -> ImageArray:
    """A dark figure, blurred as it is close, crosses the picture."""
    height, width = image.shape[:2]
    rng = np.random.default_rng(effect.seed)
    colour, across = rng.integers(5, 90, 3), int(effect.amount * width)
    left = int(share * (width + across)) - across
    weight = np.zeros((height, width), np.float32)
    weight[int(rng.uniform(0, 0.2) * height) :, max(left, 0) : max(left + across, 0)] = 1
    weight = np.asarray(cv2.blur(weight, (25, 25)), np.float32)
    figure = np.broadcast_to(colour.astype(np.uint8), image.shape).copy()
    return np.asarray(cv2.blendLinear(figure, image, weight, 1 - weight), np.uint8)
