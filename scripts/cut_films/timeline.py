"""A film with cuts as a plan: which shots are shown when, with which traps. Gives its frames and the answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from facetally.detection.boxes import iou_matrix
from facetally.detection.faces import ImageArray
from scripts.cut_films.answers import Change, Cut, Film, Half, Stay, Transition, Trap
from scripts.cut_films.drawing import (
    SIZE_WH,
    SOFT_KINDS,
    Boxes,
    Effect,
    Graphics,
    Placement,
    altered,
    before_backdrop,
    camera_shift,
    mixed,
    with_own_background,
)
from scripts.cut_films.stock import FPS, Stretch

BOX_EVERY = 5
"""Frames between two stored boxes."""
MIN_SAME_PLACE = 0.3
"""Two faces are at the same place if their boxes overlap by at least this (intersection over union)."""
EDGE_DECIMALS = 1


@dataclass(frozen=True)
class Shot:
    """One person, shown from film frame `start` to before `stop`."""

    stretch: Stretch
    first: int
    """Number of the stretch's frame that is shown at `start`."""
    start: int
    stop: int
    placement: Placement
    backdrop: ImageArray | None = None
    """None: the person's own background."""
    begins_by: str = "person"
    """Kind of the cut or transition before it."""

    def image(self, number: int, pan_px: float = 0.0, size_wh: tuple[int, int] = SIZE_WH) -> ImageArray:
        """The picture at a film frame."""
        source = self.first + number - self.start
        placement = self.placement.moved(pan_px)
        if self.backdrop is None:
            return with_own_background(self.stretch.image(source), placement, size_wh)
        return before_backdrop(self.stretch.image(source), placement, self.stretch.box(source), self.backdrop)

    def box(self, number: int) -> Boxes:
        """(4,) the face at a film frame, without effects."""
        return self.placement.box(self.stretch.box(self.first + number - self.start))


@dataclass(frozen=True)
class Plain:
    """A still picture without people, for cut-aways and insets, from film frame `start` to before `stop`."""

    picture: ImageArray = field(repr=False)
    start: int
    stop: int
    begins_by: str = "cut-away"

    def image(self, number: int, pan_px: float = 0.0, size_wh: tuple[int, int] = SIZE_WH) -> ImageArray:
        """The picture, which moves slowly to the left."""
        shift = np.array([[1.0, 0.0, pan_px - 0.4 * (number - self.start)], [0.0, 1.0, 0.0]])
        moved = cv2.warpAffine(self.picture, shift, size_wh, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(moved, np.uint8)


@dataclass(frozen=True)
class Inset:
    """A picture in the picture, with shots of its own."""

    corner_xy: tuple[int, int]
    size_wh: tuple[int, int]
    shots: tuple[Shot | Plain, ...]
    """Without gaps."""

    def draw(self, image: ImageArray, number: int) -> None:
        """Draws the inset, where it is shown in this frame."""
        for shot in self.shots:
            if shot.start <= number < shot.stop:
                (x, y), (width, height) = self.corner_xy, self.size_wh
                image[y - 2 : y + height + 2, x - 2 : x + width + 2] = 230
                image[y : y + height, x : x + width] = shot.image(number, size_wh=self.size_wh)


@dataclass(frozen=True)
class Plan:
    """One film. Shots that overlap are joined by a transition, those that do not by a cut."""

    file: str
    half: Half
    kind: str
    shots: tuple[Shot | Plain, ...]
    effects: tuple[Effect, ...] = ()
    """Each is a trap."""
    graphics: Graphics = field(default_factory=Graphics)
    insets: tuple[Inset, ...] = ()
    sizes: tuple[tuple[int, tuple[int, int]], ...] = ((0, SIZE_WH),)
    """First frame and width and height of each part of the stream."""
    crf: int = 26
    """How strongly it is compressed, in x264's scale."""
    more_traps: tuple[Trap, ...] = ()

    @property
    def frame_count(self) -> int:
        return self.shots[-1].stop

    def image(self, number: int) -> ImageArray:
        """(H, W, 3) uint8 BGR, before it is scaled to the stream's size."""
        effects = list(self.effects)
        across, down, pan = camera_shift(effects, number)
        active = [shot for shot in self.shots if shot.start <= number < shot.stop]
        image = active[0].image(number, pan)
        if len(active) > 1:
            start, stop = active[1].start, active[0].stop
            progress = (number - start + 1) / (stop - start + 1)
            image = mixed(image, active[1].image(number, pan), progress, active[1].begins_by)
        speed = abs(pan - camera_shift(effects, number - 1)[2])
        if speed > 4:
            image = np.asarray(cv2.blur(image, (round(speed), 1)), np.uint8)
        if across or down:
            shift = np.array([[1.0, 0.0, across], [0.0, 1.0, down]])
            image = np.asarray(cv2.warpAffine(image, shift, SIZE_WH, borderMode=cv2.BORDER_REFLECT_101), np.uint8)
        image = np.ascontiguousarray(altered(image, effects, number))
        for inset in self.insets:
            inset.draw(image, number)
        self.graphics.draw(image, number)
        return image

    def size_wh(self, number: int) -> tuple[int, int]:
        """Width and height of the stream at a frame."""
        return [size for start, size in self.sizes if start <= number][-1]

    def answers(self) -> Film:
        """What happens in the film."""
        cuts: list[Cut] = []
        transitions: list[Transition] = []
        stays: list[Stay] = []
        changes: list[Change] = []
        lasts = self._stays_of(self.shots, stays, None)
        for before, after in pairwise(range(len(self.shots))):
            start, stop = self.shots[after].start, self.shots[before].stop
            kind = self.shots[after].begins_by
            change = self._change(lasts, (before, after), stays, (start, stop, kind))
            if kind in SOFT_KINDS:
                transitions.append(Transition(start / FPS, stop / FPS, kind))
            else:
                cuts.append(Cut(start / FPS, kind, bool(change and change.is_other_person)))
            changes += [change] if change else []
        traps = [Trap(effect.start / FPS, effect.stop / FPS, effect.kind) for effect in self.effects]
        for inset in self.insets:
            places = self._stays_of(inset.shots, stays, inset)
            for before, after in pairwise(range(len(inset.shots))):
                start = inset.shots[after].start
                change = self._change(places, (before, after), stays, (start, start, "inset"))
                changes += [change] if change else []
        traps = sorted([*traps, *self.more_traps], key=lambda trap: trap.start_s)
        sources = {shot.stretch.source for shot in self._people()}
        return Film(
            file=self.file,
            half=self.half,
            kind=self.kind,
            seconds=self.frame_count / FPS,
            sources=tuple(sorted(sources)),
            cuts=tuple(cuts),
            transitions=tuple(transitions),
            traps=tuple(traps),
            stays=tuple(stays),
            changes=tuple(changes),
        )

    def _people(self) -> Iterator[Shot]:
        for shot in (*self.shots, *(shot for inset in self.insets for shot in inset.shots)):
            if isinstance(shot, Shot):
                yield shot

    def _stays_of(
        self, shots: tuple[Shot | Plain, ...], stays: list[Stay], inset: Inset | None
    ) -> list[tuple[int, int] | None]:
        """Appends the stays of consecutive shots; gives the first and last stay of each shot, None without any."""
        found: list[tuple[int, int] | None] = []
        for position, shot in enumerate(shots):
            if isinstance(shot, Plain):
                found.append(None)
                continue
            start = max(shot.start, shots[position - 1].stop) if position else shot.start
            stop = min(shot.stop, shots[position + 1].start) if position + 1 < len(shots) else shot.stop
            first = len(stays)
            for part_start, part_stop in self._without_pans(start, stop) if inset is None else [(start, stop)]:
                stays.append(self._stay(shot, part_start, part_stop, inset))
            found.append((first, len(stays) - 1) if len(stays) > first else None)
        return found

    def _without_pans(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """The parts of [start, stop) without the moments at which the camera swings."""
        for effect in self.effects:
            if effect.kind == "whip pan" and start < effect.stop and effect.start < stop:
                if effect.start > start:
                    yield start, effect.start
                start = effect.stop
        if start < stop:
            yield start, stop

    def _stay(self, shot: Shot, start: int, stop: int, inset: Inset | None) -> Stay:
        numbers = sorted({*range(start, stop, BOX_EVERY), *self._ends_of_parts(start, stop), stop - 1})
        boxes = []
        for number in numbers:
            box = shot.box(number)
            if inset:
                box = box + np.tile(inset.corner_xy, 2)
            else:
                across, down, pan = camera_shift(list(self.effects), number)
                box = box + np.tile([across + pan, down], 2)
            ratio = self.size_wh(number)[0] / SIZE_WH[0]
            x1, y1, x2, y2 = (round(float(edge) * ratio, EDGE_DECIMALS) for edge in box)
            boxes.append((x1, y1, x2, y2))
        times = tuple(number / FPS for number in numbers)
        return Stay(shot.stretch.name, start / FPS, stop / FPS, times, tuple(boxes))

    def _ends_of_parts(self, start: int, stop: int) -> set[int]:
        """Frames on both sides of a change of size within [start, stop), and all those of shakes."""
        edges = {number for first, _ in self.sizes for number in (first - 1, first) if start <= number < stop}
        shaken = [range(e.start, e.stop) for e in self.effects if e.kind == "shake"]
        return edges | {number for numbers in shaken for number in numbers if start <= number < stop}

    @staticmethod
    def _change(
        places: list[tuple[int, int] | None], pair: tuple[int, int], stays: list[Stay], when: tuple[int, int, str]
    ) -> Change | None:
        """Where the second shot shows a face at the place of the first one's."""
        before, after = places[pair[0]], places[pair[1]]
        if before is None or after is None:
            return None
        left, arrived = stays[before[1]], stays[after[0]]
        overlap = iou_matrix(np.array([left.boxes[-1]], np.float32), np.array([arrived.boxes[0]], np.float32))[0, 0]
        if overlap < MIN_SAME_PLACE:
            return None
        start, stop, kind = when
        is_other = left.person != arrived.person
        return Change(start / FPS, stop / FPS, kind, before[1], after[0], is_other)


def write_film(plan: Plan, folder: Path) -> None:
    """Encodes a film as H.264; one that changes its size as a transport stream, which can hold several headers."""
    tick = Fraction(1, FPS)
    layout = "mpegts" if len(plan.sizes) > 1 else "mp4"
    with av.open(str(folder / plan.file), "w", format=layout) as container:
        stream: Any = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = plan.sizes[0][1]
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", tick
        starts = [start for start, _ in plan.sizes] + [plan.frame_count]
        contexts = [stream.codec_context] if layout == "mp4" else [_encoder(size, plan.crf) for _, size in plan.sizes]
        if layout == "mp4":
            stream.options = _options(plan.crf)
        for context, (start, stop) in zip(contexts, pairwise(starts), strict=True):
            for packet in _packets(context, plan, start, stop):
                packet.stream, packet.time_base = stream, tick
                container.mux(packet)


def _packets(context: Any, plan: Plan, start: int, stop: int) -> Iterator[Any]:
    for number in range(start, stop):
        decoded = av.VideoFrame.from_ndarray(plan.image(number), format="bgr24")
        width, height = plan.size_wh(number)
        decoded = decoded.reformat(width=width, height=height, format="yuv420p", threads=1)
        decoded.pts, decoded.time_base = number, Fraction(1, FPS)
        yield from context.encode(decoded)
    yield from context.encode(None)


def _options(crf: int) -> dict[str, str]:
    return {"preset": "superfast", "crf": str(crf), "g": "50", "threads": "1", "bf": "0"}


def _encoder(size_wh: tuple[int, int], crf: int) -> Any:
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height = size_wh
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, FPS), Fraction(FPS)
    context.options = _options(crf)
    return context
