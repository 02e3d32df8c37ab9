"""Hand labels: who is in which video, where and when.

A truth folder holds

- `people.csv`: video, person, gender, and where known age_band, face_quality, note; where people were labelled by time
  instead of boxes also start_s and end_s, one row for each time that the person is in view;
- `boxes.csv`, where faces were boxed: video, person, time_s, x1, y1, x2, y2;
- `clips.csv`, if wanted: video, labelled_until_s (where the labels of a video stop; else with the last of them) and
  source (videos of one source share people and light; else the video's folder).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelledPerson:
    """One person in one video."""

    video: str
    person: str
    gender: str
    """female, male, unsure, not_a_face or ignore."""
    age_band: str = "unsure"
    """Of `facetally.gender.attributes.AGE_BANDS`; "a/b" where annotators differ; unsure."""
    face_quality: str = ""
    """good, poor, or empty where nobody judged."""
    note: str = ""
    intervals_s: tuple[tuple[float, float], ...] = ()
    """[start, stop) in seconds, where the person was labelled by time instead of boxes."""
    line: int = 0
    """In people.csv; 0: not read from there."""

    @property
    def counts(self) -> bool:
        """Whether the answer for this person can be right or wrong."""
        return self.gender in ("female", "male")


@dataclass(frozen=True)
class LabelledBoxes:
    """The face boxes of one video, by time.

    Raises:
        ValueError: the arrays do not belong together.
    """

    people: tuple[str, ...]
    """(N,) whose box it is."""
    times_s: Floats
    """(N,) seconds from the first frame, ascending."""
    boxes: Floats
    """(N, 4) x1, y1, x2, y2 in pixels of the frame as displayed."""
    lines: Ints
    """(N,) in boxes.csv; 0: not read from there."""

    def __post_init__(self) -> None:
        count = len(self.people)
        if self.times_s.shape != (count,) or self.boxes.shape != (count, 4) or self.lines.shape != (count,):
            raise ValueError(
                f"expected {count} times, boxes and lines, "
                f"got {self.times_s.shape}, {self.boxes.shape}, {self.lines.shape}"
            )

    @classmethod
    def of(cls, rows: Iterable[tuple[str, float, tuple[float, ...], int]]) -> LabelledBoxes:
        """From rows of person, time_s, box and line, in any order."""
        ordered = sorted(rows, key=lambda row: (row[1], row[0]))
        return cls(
            people=tuple(row[0] for row in ordered),
            times_s=np.array([row[1] for row in ordered], np.float64),
            boxes=np.array([row[2] for row in ordered], np.float64).reshape(-1, 4),
            lines=np.array([row[3] for row in ordered], np.int64),
        )

    def of_person(self, person: str) -> npt.NDArray[np.bool_]:
        """(N,) which boxes are this person's."""
        return np.array([name == person for name in self.people], bool)


@dataclass(frozen=True)
class Truth:
    """All labels of a folder."""

    people: dict[str, tuple[LabelledPerson, ...]]
    """By video."""
    boxes: dict[str, LabelledBoxes] = field(default_factory=dict)
    """By video; none for one that was labelled by time."""
    labelled_until_s: dict[str, float] = field(default_factory=dict)
    """By video, where that was stated."""
    sources: dict[str, str] = field(default_factory=dict)
    """By video, where that was stated."""

    def until_s(self, video: str) -> float:
        """Where the labels of a video stop, in seconds."""
        if video in self.labelled_until_s:
            return self.labelled_until_s[video]
        ends = [stop for person in self.people.get(video, ()) for _, stop in person.intervals_s]
        times = self.boxes[video].times_s if video in self.boxes else ()
        return float(max([*ends, *times], default=0.0))

    def source(self, video: str) -> str:
        """What a video shares people and light with others of: as stated, else its folder."""
        return self.sources.get(video) or self._folders[video]

    @cached_property
    def _folders(self) -> dict[str, str]:
        return folder_sources(self.people)


def folder_sources(videos: Iterable[str]) -> dict[str, str]:
    """The source of each video where only names are known: its folder; without several folders, only itself."""
    folders = {video: PurePosixPath(video).parent.as_posix() for video in videos}
    several = len(set(folders.values())) > 1
    return {video: folder if several and folder != "." else video for video, folder in folders.items()}
