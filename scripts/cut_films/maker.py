"""Adds shots to a film with cuts, one after the other: chooses people, moments, places and backdrops at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facetally.detection.faces import ImageArray
from scripts.cut_films.answers import Trap
from scripts.cut_films.drawing import SIZE_WH, WORDS, Graphics, Placement, drawn_backdrop, photographed_backdrop
from scripts.cut_films.stock import FPS, Stretch
from scripts.cut_films.timeline import Plain, Shot

MIN_IN_VIEW = 0.75
"""Least part of a face that must lie in the frame throughout a shot."""
TRIES = 200
SUBTITLE_APART = 8
"""Frames between the change of a subtitle and the nearest cut, so that the two can be told apart."""


@dataclass(frozen=True)
class Place:
    """Where a face is shown, and how high it is."""

    centre_xy: tuple[float, float]
    face_px: float


class Maker:
    """The shots of one film while it is planned.

    Args:
        rng: all choices are its.
        stock: what can be shown.
    """

    def __init__(self, rng: np.random.Generator, stock: Sequence[Stretch]) -> None:
        self.rng, self.stock = rng, stock
        self.cut_out = [stretch for stretch in stock if stretch.shows_shoulders()]
        self.shots: list[Shot | Plain] = []

    @property
    def end(self) -> int:
        """Frame after the last one."""
        return self.shots[-1].stop if self.shots else 0

    def frames(self, low_s: float, high_s: float) -> int:
        """A random length."""
        return round(FPS * float(self.rng.uniform(low_s, high_s)))

    def place(self, x: tuple[float, float] = (0.4, 0.6), face_px: tuple[float, float] = (85, 135)) -> Place:
        """A random place; `x` as a share of the width."""
        height = float(self.rng.uniform(*face_px))
        y = SIZE_WH[1] * float(self.rng.uniform(0.4, 0.46))
        return Place((SIZE_WH[0] * float(self.rng.uniform(*x)), y), height)

    def nearly(self, place: Place) -> Place:
        """The same place and size as far as a cutter cares."""
        x, y = self.rng.normal(0, 0.05 * place.face_px, 2)
        centre = (place.centre_xy[0] + float(x), place.centre_xy[1] + float(y))
        return Place(centre, place.face_px * float(self.rng.uniform(0.93, 1.07)))

    def another(self, frames: int, not_of: Stretch | None, with_shoulders: bool = False) -> Stretch:
        """A stretch of a person who is surely not the one before; a source is chosen first, so that each is used.

        Raises:
            ValueError: the stock shows too few people.
        """
        fitting = [s for s in self.stock if len(s) >= min(frames, 2 * FPS)]
        fitting = [s for s in fitting if not_of is None or s.is_surely_another(not_of)]
        fitting = [s for s in fitting if s in self.cut_out or not with_shoulders]
        if not fitting:
            raise ValueError("the stock has no other person to show")
        sources = sorted({s.source for s in fitting})
        source = sources[int(self.rng.integers(len(sources)))]
        own = [s for s in fitting if s.source == source]
        return own[int(self.rng.integers(len(own)))]

    def picked(self, choose: Callable[[], Shot]) -> Shot:
        """The first shot by `choose` whose face stays in view.

        Raises:
            ValueError: none does.
        """
        for _ in range(TRIES):
            shot = choose()
            if in_view(shot) >= MIN_IN_VIEW:
                return shot
        raise ValueError("no shot keeps its face in view")

    def add_other(
        self,
        frames: int,
        place: Place,
        backdrop: ImageArray | None = None,
        begins_by: str = "person",
        overlap: int = 0,
    ) -> Shot:
        """Adds a shot of another person than the last one's."""
        last = self.shots[-1] if self.shots else None
        not_of = last.stretch if isinstance(last, Shot) else None
        start = self.end - overlap

        def choose() -> Shot:
            stretch = self.another(frames, not_of, with_shoulders=backdrop is not None)
            return self.shot(stretch, start, frames, self.nearly(place), backdrop=backdrop, begins_by=begins_by)

        shot = self.picked(choose)
        self.shots.append(shot)
        return shot

    def shot(
        self,
        stretch: Stretch,
        start: int,
        frames: int,
        place: Place,
        *,
        first: int | None = None,
        backdrop: ImageArray | None = None,
        begins_by: str = "person",
    ) -> Shot:
        """A shot from frame `first` of a stretch on, by default a random one, with its median face at the place."""
        if first is None:
            first = int(self.rng.integers(max(len(stretch) - frames, 0) + 1))
        box = np.median([stretch.box(first + number) for number in range(frames)], axis=0)
        placement = Placement.of(box, place.centre_xy, place.face_px)
        return Shot(stretch, first, start, start + frames, placement, backdrop, begins_by)

    def backdrop(self) -> ImageArray:
        """Drawn, or a blurred frame of any clip."""
        if self.rng.random() < 0.6:
            return drawn_backdrop(self.rng)
        stretch = self.stock[int(self.rng.integers(len(self.stock)))]
        return photographed_backdrop(stretch.image(0))

    def plain(self, frames: int, begins_by: str = "cut-away") -> Plain:
        """A picture without people; not yet added."""
        return Plain(drawn_backdrop(self.rng), self.end, self.end + frames, begins_by)

    def words(self) -> str:
        return WORDS[int(self.rng.integers(len(WORDS)))]

    def graphics(self, bars: bool = True) -> tuple[Graphics, tuple[Trap, ...]]:
        """Bar, logo and changing subtitles over the shots planned so far, and the subtitles that are traps."""
        rows, number = [], 0
        while number < self.end:
            stop = number + self.frames(1.0, 3.0)
            rows.append((number, min(stop, self.end), self.words()))
            number = stop
        cuts = np.array([edge for shot in self.shots for edge in (shot.start, shot.stop)])
        starts = [start for start, _, _ in rows if np.abs(cuts - start).min() >= SUBTITLE_APART]
        traps = tuple(Trap(start / FPS, (start + 1) / FPS, "subtitle") for start in starts if not self._mixing(start))
        first, second = ((int(b), int(g), int(r)) for b, g, r in self.rng.integers(20, 200, (2, 3)))
        return Graphics(first if bars else None, second, tuple(rows)), traps

    def _mixing(self, number: int) -> bool:
        return sum(shot.start <= number < shot.stop for shot in self.shots) > 1


def in_view(shot: Shot) -> float:
    """The least part of the face that lies in the frame, in [0, 1], over the shot."""
    numbers = [*range(shot.start, shot.stop, 5), shot.stop - 1]
    boxes = np.array([shot.box(number) for number in numbers])
    seen = np.clip(boxes, 0, np.tile(SIZE_WH, 2))
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (seen, boxes)]
    return float((areas[0] / areas[1]).min())
