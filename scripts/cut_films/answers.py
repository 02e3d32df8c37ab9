"""The known answers about films with cuts: what happens in each film and when, stored as JSON beside the films."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Half = Literal["choose", "report"]
Box = tuple[float, float, float, float]
"""x1, y1, x2, y2 in pixels of the frame at that time."""
FILE = "answers.json"


@dataclass(frozen=True)
class Cut:
    """A hard cut."""

    time_s: float
    """Of the first frame of the new shot."""
    kind: str
    """"person", "same person" or "jump" (time is skipped, the picture stays)."""
    changes_person: bool
    """Whether another person is then at the place of the one before."""


@dataclass(frozen=True)
class Transition:
    """A dissolve, fade or wipe."""

    start_s: float
    """Of the first mixed frame."""
    stop_s: float
    """Of the first frame that shows only the new shot."""
    kind: str


@dataclass(frozen=True)
class Trap:
    """Something that looks like a cut and is none."""

    start_s: float
    stop_s: float
    """[start_s, stop_s): the frames that it alters."""
    kind: str


@dataclass(frozen=True)
class Stay:
    """One person shown continuously at one place."""

    person: str
    """Video and name in the truth."""
    start_s: float
    stop_s: float
    """[start_s, stop_s)."""
    times_s: tuple[float, ...]
    """Ascending, the first at start_s."""
    boxes: tuple[Box, ...]
    """The face at each of these times; linear in between."""

    def box_at(self, time_s: float) -> npt.NDArray[np.float64]:
        """(4,) the face at a time within the stay."""
        columns = np.array(self.boxes, np.float64).T
        return np.array([np.interp(time_s, self.times_s, column) for column in columns])


@dataclass(frozen=True)
class Change:
    """Where one stay follows another at the same place."""

    start_s: float
    stop_s: float
    """The same time for a hard cut."""
    kind: str
    """Of the cut or transition, or "inset": only the picture within the picture is cut."""
    before: int
    after: int
    """Positions in the film's stays."""
    is_other_person: bool


@dataclass(frozen=True)
class Film:
    """What is known about one film."""

    file: str
    half: Half
    """Of the sources: thresholds are chosen on one, figures reported on the other."""
    kind: str
    seconds: float
    sources: tuple[str, ...]
    cuts: tuple[Cut, ...] = ()
    transitions: tuple[Transition, ...] = ()
    traps: tuple[Trap, ...] = ()
    stays: tuple[Stay, ...] = ()
    changes: tuple[Change, ...] = ()


def write_answers(folder: Path, films: Sequence[Film], seed: int) -> None:
    """Writes answers.json."""
    content = {"seed": seed, "films": [asdict(film) for film in films]}
    (folder / FILE).write_text(json.dumps(content, separators=(",", ":")) + "\n")


def read_answers(folder: Path) -> list[Film]:
    """Reads answers.json.

    Raises:
        FileNotFoundError: the folder has none.
    """
    content = json.loads((folder / FILE).read_text())
    return [
        Film(
            **{key: film[key] for key in ("file", "half", "kind", "seconds")},
            sources=tuple(film["sources"]),
            cuts=tuple(Cut(**row) for row in film["cuts"]),
            transitions=tuple(Transition(**row) for row in film["transitions"]),
            traps=tuple(Trap(**row) for row in film["traps"]),
            stays=tuple(_stay(row) for row in film["stays"]),
            changes=tuple(Change(**row) for row in film["changes"]),
        )
        for film in content["films"]
    ]


def _stay(row: dict[str, object]) -> Stay:
    values: dict[str, object] = {key: row[key] for key in ("person", "start_s", "stop_s")}
    times, boxes = row["times_s"], row["boxes"]
    assert isinstance(times, list) and isinstance(boxes, list)
    return Stay(**values, times_s=tuple(times), boxes=tuple(tuple(box) for box in boxes))  # type: ignore[arg-type]
