"""Reads films with known answers and labelled clips for `scripts/fit_following/`: detects their faces, follows them.

Descriptors of faces are kept in memory only; what is written are figures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import groupby, pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from facetally.detection import shots
from facetally.detection.crops import cut_crops
from facetally.detection.descriptors import HEAD_RECIPE, Embedding
from facetally.detection.faces import Faces, FloatArray, ImageArray
from facetally.detection.sparse import Detector, SparseOptions
from facetally.detection.tracker import NO_TRACK
from facetally.models.engines import Engines, load_engines
from facetally.options import PeopleOptions, RunOptions
from facetally.results.tables import faces_table
from facetally.tracks.appearances import Appearance, appearances_of
from facetally.tracks.follow import FollowedFrame, follow
from facetally.tracks.people import people_in_video
from facetally.truth.files import read_truth
from facetally.truth.labels import LabelledBoxes, Truth
from facetally.validation.metrics import halves
from facetally.validation.tracking import (
    GENDERS,
    PERSON_COLUMN,
    TrackingOutcome,
    appearance_numbers,
    evaluate_tracking,
)
from facetally.video.reader import Frame, VideoReader
from scripts.cut_films.answers import Film, Half, Stay, read_answers
from scripts.cut_films.methods import joined_in, tracked_samples
from scripts.cut_films.scoring import TrackCounts, TrackedSample, count_tracks, stay_tracks

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
EDGE_S = 0.05
"""A label holds for that long before and after its time."""
MAX_GAP_S = 1.1
"""Between two labels, for the box to be known in between."""
TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class Source:
    """A film with known answers, or a labelled clip in the same form."""

    path: Path
    film: Film
    truth: Truth | None = None
    """The labels of a clip; None for a film."""


def sources_in(films: Path | None, videos: Path, truth_folder: Path) -> list[Source]:
    """All films of `scripts/cut_films/` in a folder, if there is one, and all clips with boxes."""
    truth = displayed_truth(read_truth(truth_folder), videos)
    choose, _ = halves(truth.source(video) for video in truth.people)
    clips = [
        clip_film(truth, video, "choose" if truth.source(video) in choose else "report")
        for video in sorted(truth.boxes)
    ]
    made = [Source(films / film.file, film) for film in read_answers(films)] if films else []
    return made + [Source(videos / clip.file, clip, truth) for clip in clips]


def displayed_truth(truth: Truth, videos: Path) -> Truth:
    """The labels in pixels of the frames as displayed."""
    sizes_px = {}
    for video in truth.boxes:
        with VideoReader(videos / video, RunOptions().sampling, threads=1) as reader:
            next(iter(reader))
            sizes_px[video] = reader.displayed_wh
    return truth.on_frames(sizes_px)


def clip_film(truth: Truth, video: str, half: Half) -> Film:
    """The labelled people of a clip as stays: one for each appearance, where labels are near enough to each other."""
    labels = truth.boxes[video]
    counted = {person.person for person in truth.people[video] if person.gender in GENDERS}
    numbers = appearance_numbers(labels)
    stays = [
        _stay(f"{video}#{labels.people[rows[0]]}", labels, part)
        for rows in (np.flatnonzero(numbers == number) for number in np.unique(numbers))
        if labels.people[rows[0]] in counted
        for part in np.split(rows, np.flatnonzero(np.diff(labels.times_s[rows]) > MAX_GAP_S) + 1)
    ]
    seconds = float(truth.until_s(video))
    return Film(video, half, "clip", seconds, (truth.source(video),), stays=tuple(stays))


def _stay(person: str, labels: LabelledBoxes, rows: npt.NDArray[np.int64]) -> Stay:
    times_s, boxes = labels.times_s[rows].tolist(), labels.boxes[rows].tolist()
    return Stay(person, times_s[0] - EDGE_S, times_s[-1] + EDGE_S, tuple(times_s), tuple(map(tuple, boxes)))


# Reading


@dataclass(frozen=True)
class SeenFace:
    """A detected face on a known person."""

    stay: int
    """Position in the film's stays."""
    sample: int
    """Position among the sampled frames."""
    head: ImageArray
    """Cut by `HEAD_RECIPE`."""
    vector: FloatArray
    """Of the embedding."""


@dataclass(frozen=True)
class ReadFilm:
    """What was measured in a film or clip."""

    source: Source
    times_s: Floats
    """(N,) of the sampled frames."""
    faces: list[Faces]
    """(N) in pixels of the frames."""
    thumbnails: list[ImageArray]
    """(N) as `ShotCutDetector` makes them; it sees the same in them as in the frames."""
    is_cut: Bools
    """(N,) by the present detector."""
    seen: list[SeenFace] = field(repr=False)
    """In order of stay and time."""

    @property
    def film(self) -> Film:
        return self.source.film

    @property
    def is_clip(self) -> bool:
        return self.source.truth is not None

    @cached_property
    def by_stay(self) -> dict[int, list[SeenFace]]:
        """The faces of each stay that has some, in order of time."""
        faces: defaultdict[int, list[SeenFace]] = defaultdict(list)
        for face in self.seen:
            faces[face.stay].append(face)
        return dict(faces)

    def hard_cuts(self) -> tuple[Floats, Bools]:
        """Values of pairs of frames, and whether a hard cut lies between them; without jumps and transitions."""
        after_s = self.times_s[1:]
        is_cut, is_left_out = np.zeros(len(after_s), bool), np.zeros(len(after_s), bool)
        for cut in self.film.cuts:
            first = int(np.searchsorted(after_s, cut.time_s - TOLERANCE_S))
            (is_left_out if cut.kind == "jump" else is_cut)[first : first + 1] = True
        step_s = float(np.median(np.diff(self.times_s))) if len(after_s) else 0.0
        for soft in self.film.transitions:
            is_left_out |= (after_s >= soft.start_s - TOLERANCE_S) & (after_s <= soft.stop_s + step_s + TOLERANCE_S)
        return shot_values(self.thumbnails)[~is_left_out], is_cut[~is_left_out]


@cache
def _engines() -> Engines:
    cv2.setNumThreads(1)
    return load_engines(RunOptions(), "cpu", threads=1)


def read_frames(source: Source) -> list[Frame]:
    """The frames that a run samples, of clips until the labels stop."""
    with VideoReader(source.path, RunOptions().sampling, threads=1) as reader:
        return [frame for frame in reader if source.truth is None or frame.time_s <= source.film.seconds + 1]


def read(source: Source) -> ReadFilm:
    """Detects the faces of a film or clip as a run does, and describes those of known people."""
    frames, engines = read_frames(source), _engines()
    followed = _followed(frames, engines.detector, RunOptions(), engines)
    faces, times_s = [frame.rows.tracked.faces for frame in followed], np.array([frame.time_s for frame in frames])
    images = [frame.image.bgr(engines.detector.input_wh(frame.image.hw)) for frame in frames]
    thumbnails = [shots.Thumbnail(image, 0.0).image for image in images]
    return ReadFilm(
        source=source,
        times_s=times_s,
        faces=faces,
        thumbnails=thumbnails,
        is_cut=detected_cuts(thumbnails, times_s),
        seen=list(_seen(source.film, frames, faces, images)),
    )


def detected_cuts(thumbnails: Sequence[ImageArray], times_s: Floats) -> Bools:
    """(N,) whether the detector sees a cut at each frame, with the constants in place."""
    detector = shots.ShotCutDetector()
    return np.array(
        [detector.is_cut(image, time_s) for image, time_s in zip(thumbnails, times_s.tolist(), strict=True)]
    )


def shot_values(thumbnails: Sequence[ImageArray]) -> Floats:
    """(N - 1, 4) what `shots.cut_evidence` weighs, of each frame and the next."""
    pairs = pairwise(shots.Thumbnail(image, 0.0) for image in thumbnails)
    rows = [shots.cut_values(1 - before.likeness(after), before, after) for before, after in pairs]
    return np.array(rows, np.float64).reshape(-1, 4)


def _seen(film: Film, frames: Sequence[Frame], faces: list[Faces], images: list[ImageArray]) -> Iterator[SeenFace]:
    """The faces on the people of the film."""
    times_s = np.array([frame.time_s for frame in frames])
    numbered = [
        TrackedSample(time_s, own.boxes, np.arange(len(own))) for time_s, own in zip(times_s, faces, strict=True)
    ]
    embedding = _engines().embedding
    assert embedding
    for stay, indices in enumerate(stay_tracks(film, numbered)):
        first = int(np.searchsorted(times_s, film.stays[stay].start_s - TOLERANCE_S))
        for sample, face in enumerate(indices, first):
            if face != NO_TRACK:
                scale = images[sample].shape[1] / frames[sample].image.hw[1]
                own = faces[sample][np.array([face])].scaled(scale)
                head, crop = (cut_crops(images[sample], own, recipe) for recipe in (HEAD_RECIPE, embedding.recipe))
                yield SeenFace(stay, sample, head[0].copy(), embedding.embed(crop)[0])


# Following


@dataclass(frozen=True)
class Followed:
    """How well the people of some films and clips are followed with some options."""

    tracks: TrackCounts = field(default_factory=TrackCounts)
    clips: tuple[TrackingOutcome, ...] = ()

    def __add__(self, other: Followed) -> Followed:
        return Followed(self.tracks + other.tracks, self.clips + other.clips)


def followed(film: ReadFilm, settings: Sequence[RunOptions], prepare: Callable[[], None]) -> list[Followed]:
    """Follows the people of a film or clip, with the faces that were detected before, once with each of the options.

    Args:
        film: a film or clip that was read.
        settings: the options.
        prepare: puts constants to try in place of those of the code.
    """
    prepare()
    frames, engines = read_frames(film.source), _engines()
    assert engines.embedding
    embedding = _Remembered(engines.embedding)
    results = []
    for following, own in groupby(settings, _without_likeness):  # how people are counted changes nothing before that
        rows = _followed(frames, _Known(engines.detector, film.faces), following, engines, embedding)
        appearances = _appearances(rows, engines) if following.people.count else []
        results += [_scored(film, rows, appearances, options) for options in own]
    return results


def _without_likeness(options: RunOptions) -> RunOptions:
    return replace(options, people=PeopleOptions(count=options.people.count))


def _followed(
    frames: Iterable[Frame],
    detector: Detector,
    options: RunOptions,
    engines: Engines,
    embedding: Embedding | None = None,
) -> list[FollowedFrame]:
    embedding = embedding or engines.embedding
    return list(follow(frames, detector, recipe=engines.recipe, options=options, embedding=embedding))


def _appearances(rows: Sequence[FollowedFrame], engines: Engines) -> list[Appearance]:
    tracks = [track for row in rows for track in row.ended]
    return appearances_of(tracks, engines.classifier, RunOptions().classification)


def _scored(
    film: ReadFilm, rows: Sequence[FollowedFrame], appearances: Sequence[Appearance], options: RunOptions
) -> Followed:
    if film.is_clip:
        return Followed(clips=(_outcome(film, rows, appearances, options),))
    return Followed(count_tracks(film.film, tracked_samples(rows)))


def _outcome(
    film: ReadFilm, rows: Sequence[FollowedFrame], appearances: Sequence[Appearance], options: RunOptions
) -> TrackingOutcome:
    assert film.source.truth
    kept = [track.track_id for row in rows for track in row.ended]
    likenesses = rows[-1].likenesses if rows else None
    person_of = people_in_video(likenesses, appearances, options.people) if likenesses else {}
    tracks = pd.DataFrame({"track_id": kept, PERSON_COLUMN: [person_of.get(track, -1) for track in kept]}, dtype=int)
    faces = faces_table("", [row.rows for row in rows], kept, joined_in(rows)).to_pandas()
    truth, video = film.source.truth, film.film.file
    return evaluate_tracking(truth, video, faces=faces, tracks=tracks, sampling=options.sampling)


class _Known:
    """A detector that gives the faces that another one found, frame by frame; needs `WHOLE_FRAMES`."""

    def __init__(self, detector: Detector, faces: Iterable[Faces]) -> None:
        self.input_wh, self._faces = detector.input_wh, iter(faces)

    def detect(self, images_bgr: Sequence[ImageArray], _frame_hw: tuple[int, int] | None = None, /) -> list[Faces]:
        return [next(self._faces) for _ in images_bgr]

    def detect_parts(self, parts_bgr: Sequence[ImageArray], /) -> list[Faces]:
        assert not parts_bgr, "every frame is detected as a whole"
        return []


WHOLE_FRAMES = SparseOptions(max_gap_s=0)


class _Remembered:
    """An embedding that computes the vector of each crop once."""

    def __init__(self, embedding: Embedding) -> None:
        self.recipe, self._embedding = embedding.recipe, embedding
        self._vectors: dict[bytes, FloatArray] = {}

    def embed(self, crops: ImageArray, /) -> FloatArray:
        for crop in crops:
            if (key := crop.tobytes()) not in self._vectors:
                self._vectors[key] = self._embedding.embed(crop[None])[0]
        return np.stack([self._vectors[crop.tobytes()] for crop in crops])
