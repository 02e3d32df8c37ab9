"""Hand labels as types: who is in which video, where and when. `facetally.truth.files` reads and writes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
LabelledGender = Literal["female", "male", "unsure", "not_a_face", "ignore"]
"""female and male count in accuracy. unsure and ignore (images of people, regions to leave out) do not. A track on
not_a_face is a false one."""
FaceQuality = Literal["good", "poor", ""]
"""Empty: not labelled."""
BoxRow = tuple[str, float, tuple[float, ...], int]
"""Person, time_s, box, and line in boxes.csv."""
END_TOLERANCE_S = 1e-4
"""Times of stays are rounded in files."""
AFTER_END_S = 0.1
"""How far past the end of its video a box may be to be taken for its last frame."""


@dataclass(frozen=True)
class LabelledPerson:
    """One person in one video."""

    video: str
    person: str
    gender: LabelledGender
    age_band: str = "unsure"
    """Of `facetally.gender.attributes.AGE_BANDS`; "a/b" where annotators differ; unsure."""
    face_quality: FaceQuality = ""
    note: str = ""
    intervals_s: tuple[tuple[float, float], ...] = ()
    """[start, stop) in seconds, when the person is in view: instead of boxes, or beside them where a tool states it."""
    line: int = 0
    """In people.csv; 0: not read from there."""
    is_labelled: bool = True
    """Whether a gender was given yet; without one `gender` is unsure."""

    @property
    def counts(self) -> bool:
        """Whether the person counts in accuracy: labelled female or male."""
        return self.gender in ("female", "male")


@dataclass(frozen=True)
class LabelledBoxes:
    """The face boxes of one video, by time.

    Raises:
        ValueError: the arrays have different lengths.
    """

    people: tuple[str, ...]
    """(N,) the person in each box."""
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
    def of(cls, rows: Iterable[BoxRow]) -> LabelledBoxes:
        """From rows in any order."""
        ordered = sorted(rows, key=lambda row: (row[1], row[0]))
        return cls(
            people=tuple(row[0] for row in ordered),
            times_s=np.array([row[1] for row in ordered], np.float64),
            boxes=np.array([row[2] for row in ordered], np.float64).reshape(-1, 4),
            lines=np.array([row[3] for row in ordered], np.int64),
        )

    def until(self, end_s: float) -> LabelledBoxes:
        """Those of times up to the end of the video, with some tolerance."""
        if not len(self.times_s) or self.times_s[-1] <= end_s + AFTER_END_S:
            return self
        count = int(np.searchsorted(self.times_s, end_s + AFTER_END_S, side="right"))
        return LabelledBoxes(self.people[:count], self.times_s[:count], self.boxes[:count], self.lines[:count])

    def of_person(self, person: str) -> npt.NDArray[np.bool_]:
        """(N,) which boxes are this person's."""
        return np.array([name == person for name in self.people], bool)


@dataclass(frozen=True)
class DrawnAppearance:
    """An appearance of a run that was drawn to be labelled."""

    video: str
    person: str
    """As whom it is labelled in people.csv."""
    track_id: int
    """In the run it was drawn from."""

    @property
    def key(self) -> tuple[str, str]:
        return self.video, self.person


@dataclass(frozen=True)
class Sample:
    """A draw of a run's appearances, each with the same probability, in random order: the first n are a sample too.

    A sample that was extended has several probabilities; `unequal` says so.
    """

    seed: int
    appearance_count: int
    """Of the run, drawn or not."""
    drawn: tuple[DrawnAppearance, ...]
    """In the order of the draw."""
    unequal: str = ""
    """Why the probabilities differ; empty if they do not."""


@dataclass(frozen=True)
class Truth:
    """All labels of a truth folder."""

    people: dict[str, tuple[LabelledPerson, ...]]
    """By video."""
    boxes: dict[str, LabelledBoxes] = field(default_factory=dict)
    """By video; videos labelled by time have none."""
    labelled_until_s: dict[str, float] = field(default_factory=dict)
    """By video, where clips.csv states it."""
    sources: dict[str, str] = field(default_factory=dict)
    """By video, where clips.csv states it."""
    sizes_px: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By video, where clips.csv states it: width and height of the images that the boxes were drawn on."""
    sample: Sample | None = None
    """The draw of appearances that the labels are of; None: whole videos, or parts of them, were labelled."""

    @property
    def everybody(self) -> list[LabelledPerson]:
        """All people of all videos."""
        return [person for members in self.people.values() for person in members]

    @property
    def unlabelled(self) -> list[LabelledPerson]:
        """The people whose gender is still empty."""
        return [person for person in self.everybody if not person.is_labelled]

    def of_videos(self, videos: Collection[str]) -> Truth:
        """The labels of some videos; sources are those of all of them."""
        return replace(
            self,
            people={video: members for video, members in self.people.items() if video in videos},
            boxes={video: labels for video, labels in self.boxes.items() if video in videos},
            sources=self._folders | self.sources,
        )

    def wholly_labelled(self, video: str) -> bool:
        """Whether everybody in the labelled part of a video has a label, as far as the files say."""
        return self.sample is None and all(person.is_labelled for person in self.people.get(video, ()))

    def on_frames(self, displayed_px: Mapping[str, tuple[int, int]]) -> Truth:
        """The same labels with all boxes in pixels of the frames as displayed.

        Boxes drawn on smaller images, or on pixels as stored that are not square, are stretched. Without a stated size
        boxes are taken to be in such pixels already.

        Args:
            displayed_px: width and height of each video as displayed; videos that are not in it stay unchanged.
        """
        boxes = dict(self.boxes)
        sizes_px = {video: size for video, size in self.sizes_px.items() if video in boxes and video in displayed_px}
        for video, (width, height) in sizes_px.items():
            shown_width, shown_height = displayed_px[video]
            scale = np.array([shown_width / width, shown_height / height] * 2)
            boxes[video] = replace(boxes[video], boxes=boxes[video].boxes * scale)
        return replace(self, boxes=boxes, sizes_px=self.sizes_px | {video: displayed_px[video] for video in sizes_px})

    def until_s(self, video: str) -> float:
        """Where the labels of a video stop, in seconds: as stated, else with the last label."""
        if video in self.labelled_until_s:
            return self.labelled_until_s[video]
        ends = [stop for person in self.people.get(video, ()) for _, stop in person.intervals_s]
        times = self.boxes[video].times_s if video in self.boxes else ()
        return float(max([*ends, *times], default=0.0))

    def is_labelled(self, video: str, times_s: Floats) -> npt.NDArray[np.bool_]:
        """Whether times are in the labelled part of a video: up to where it is stated to stop, or to the last label.

        Args:
            video: its name.
            times_s: (N,) seconds from the first frame.
        """
        ends = [stop for person in self.people.get(video, ()) for _, stop in person.intervals_s]
        until_s = self.until_s(video)
        # whoever comes as the last labelled person leaves is not labelled
        is_stay = video not in self.labelled_until_s and until_s in ends
        return np.asarray(times_s < until_s - END_TOLERANCE_S if is_stay else times_s <= until_s)

    def source(self, video: str) -> str:
        """The source of a video: as stated, else its folder. Videos of one source share people and light."""
        return self.sources.get(video) or self._folders[video]

    @cached_property
    def _folders(self) -> dict[str, str]:
        return folder_sources(self.people)


def folder_sources(videos: Iterable[str]) -> dict[str, str]:
    """The source of each video where only names are known: its folder; without several folders, the video itself."""
    folders = {video: PurePosixPath(video).parent.as_posix() for video in videos}
    several = len(set(folders.values())) > 1
    return {video: folder if several and folder != "." else video for video, folder in folders.items()}
