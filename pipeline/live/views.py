"""Shows the newest picture with its faces, in whatever can show one, and passes on what its user wants."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from facetally.detection.faces import FloatArray, ImageArray
from facetally.drawing.overlay import FaceLabel, draw_faces
from facetally.formatting import counted, player_time
from facetally.live.reader import Arrived, Reader
from facetally.live.scene import STALE_S, Scene, SeenFace
from facetally.live.session import Session

Wish = Literal["end", "pause", "save"]
TICK_S = 0.02
"""How often a view is asked for wishes."""
MAX_SHOWN_PX = 1280
"""Longer side of the shown picture, at most."""


@dataclass(frozen=True)
class Status:
    """What is said beside the picture."""

    time_s: float
    genders: dict[str, int]
    in_view: int
    samples_per_s: float
    latency_s: float
    """Median; NaN before the first."""
    dropped_count: int
    problem: str
    """As `Reader.state`, or what the last wish led to; empty if there is nothing to say."""
    is_paused: bool

    @property
    def counts(self) -> str:
        """The time and the counts."""
        counts = ", ".join(f"{self.genders.get(name, 0)} {name}" for name in ("female", "male", "unknown"))
        total = sum(self.genders.values())
        return f"{player_time(self.time_s)} | {counted(total, 'appearance')}: {counts}"

    @property
    def speed(self) -> str:
        """How well it keeps up, and what is wrong."""
        state = ["paused"] if self.is_paused else []
        state += [self.problem] if self.problem else []
        latency = "" if self.latency_s != self.latency_s else f", {self.latency_s:.2f} s late"
        return " | ".join([f"{self.samples_per_s:.1f} samples/s{latency}, {self.dropped_count} dropped", *state])


class View(Protocol):
    """Something that shows pictures."""

    max_fps: float
    """Pictures a second that it is given at most."""

    def wants_picture(self) -> bool:
        """Whether anybody looks."""

    def show(self, image_bgr: ImageArray, status: Status) -> None:
        """Shows the next picture, (H, W, 3) uint8 BGR with its faces drawn."""

    def tell(self, status: Status) -> None:
        """Shows the status alone; called several times a second."""

    def wishes(self) -> Iterable[Wish]:
        """What its user wants since the last call."""

    def close(self) -> None:
        """Ends it."""


class NoView:
    """Shows nothing."""

    max_fps = 1.0

    def wants_picture(self) -> bool:
        return False

    def show(self, image_bgr: ImageArray, status: Status) -> None: ...

    def tell(self, status: Status) -> None: ...

    def wishes(self) -> Iterable[Wish]:
        return ()

    def close(self) -> None: ...


def show_until_over(reader: Reader, session: Session, view: View, save: Callable[[], bool] | None = None) -> None:
    """Shows the source until it ends, or the view's user ends it.

    Args:
        reader: of the source.
        session: works on it.
        view: shows it.
        save: makes the tables so far, and returns whether there are any; None: nothing is stored.
    """
    shown_index, shown_s, said = -1, 0.0, ""
    while not session.is_over:
        arrived = reader.wait_for_newer(shown_index, TICK_S)
        now_s = time.monotonic()
        status = status_of(reader, session, said)
        is_early = now_s - shown_s < 1 / view.max_fps
        if arrived and not is_early and not session.frames.is_paused and view.wants_picture():
            shown_index, shown_s = arrived.index, now_s
            view.show(drawn(arrived, session.scene), status)
        elif arrived:
            time.sleep(TICK_S)
        view.tell(status)
        for wish in view.wishes():
            if wish == "end":
                return
            if wish == "pause":
                session.frames.toggle_pause()
            elif save is None:
                said = "nothing to save: start with -o OUT"
            else:
                said = f"saved at {player_time(status.time_s)}" if save() else "no results to save yet"


def status_of(reader: Reader, session: Session, said: str = "") -> Status:
    """The present status."""
    scene, frames = session.scene, session.frames
    return Status(
        time_s=reader.passed_s(),
        genders=dict(scene.genders),
        in_view=len(scene.faces),
        samples_per_s=session.speed.samples_per_s,
        latency_s=session.speed.latency.quantile(0.5),
        dropped_count=frames.dropped_count,
        problem=reader.state or said,
        is_paused=frames.is_paused,
    )


def drawn(arrived: Arrived, scene: Scene) -> ImageArray:
    """(H, W, 3) uint8 BGR: a picture with the faces of the newest sampled frame, moved on to its time."""
    height, width = arrived.image.hw
    scale = min(1.0, MAX_SHOWN_PX / max(height, width))
    image = arrived.image.bgr((max(1, round(width * scale)), max(1, round(height * scale))))
    ahead_s = arrived.time_s - scene.time_s
    faces = scene.faces if ahead_s <= STALE_S else ()
    image = image.copy()  # the detector may use the same one
    draw_faces(image, [_label(face, face.box_at(ahead_s) * np.float32(scale)) for face in faces])
    return image


def _label(face: SeenFace, box: FloatArray) -> FaceLabel:
    """The box, and gender, probability and age as far as they are known."""
    found = face.appearance
    x1, y1, x2, y2 = box.tolist()
    if found is None:
        return FaceLabel((x1, y1, x2, y2))
    age = "" if math.isnan(found.age_years) else f", {found.age_years:.0f}"
    sure = max(found.female_prob, 1 - found.female_prob)
    text = "unknown" if found.gender == "unknown" else f"{found.gender} {sure:.0%}"
    return FaceLabel((x1, y1, x2, y2), f"{text}{age}", found.gender)
