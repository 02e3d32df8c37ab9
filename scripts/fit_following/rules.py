"""The constants of following that are fitted, and how they are chosen from measured pairs of faces and frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from facetally.detection import descriptors, shots
from facetally.detection.descriptors import MAX_CHANGE, SMALLEST, FaceView, TrackLook
from facetally.detection.shots import CERTAINLY_NO_CUT, FLOORS
from scripts.cut_films.scoring import CutCounts, count_cuts
from scripts.fit_following.films import ReadFilm, SeenFace, detected_cuts

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ENDED_SHARE = 0.985
"""Of the changes of person at one place that the joint rule must end."""
MIN_SOFT_F1 = 0.9
"""Of transitions, for a cut detector to be compared by its hard cuts."""
BROKEN_SHARE = 0.005
"""Of pairs of consecutive faces of one person that may be broken where there is no embedding."""
LOWEST_CHANGE = -6.0
"""Log-odds below make no difference to the joint rule."""
STEP = 0.25
"""Of log-odds that are chosen as limits."""
OTHER_PEOPLE = {"other source": 1500, "same clip": 750}
"""Pairs of different people that are drawn from the clips of each half."""


@dataclass(frozen=True)
class Constants:
    """What is pasted into detection/descriptors.py and detection/shots.py, under the same names in capitals."""

    weights: tuple[float, ...]
    offset: float
    doubt: float
    change_weight: float
    likeness_weight: float
    joint_offset: float
    change_alone: float
    cut_weights: tuple[float, ...]
    cut_offset: float

    @classmethod
    def present(cls) -> Constants:
        """Those of the code."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            value = getattr(shots if field.name.startswith("cut_") else descriptors, field.name.upper())
            values[field.name] = tuple(value.tolist()) if isinstance(value, np.ndarray) else value
        return cls(**values)

    def use(self) -> None:
        """Puts them in place of those of the code, in this process."""
        for name, value in asdict(self).items():
            module = shots if name.startswith("cut_") else descriptors
            setattr(module, name.upper(), np.array(value) if isinstance(value, tuple) else value)

    def change(self, differences: Floats) -> Floats:
        """(N,) log-odds of (N, 4) differences, as `FaceView.change`."""
        return np.asarray(logs(differences, SMALLEST) @ np.array(self.weights) + self.offset)

    def evidence(self, change: Floats, likeness: Floats) -> Floats:
        """(N,) positive: a track ends, as by `TrackLook.change` with an embedding."""
        joint = self.change_weight * np.minimum(change, MAX_CHANGE) + self.likeness_weight * likeness
        return np.where(change < self.doubt, change - self.change_alone, joint + self.joint_offset)

    def cut_evidence(self, values: Floats) -> Floats:
        """(N,) of (N, 4) values by `shot_values`, as `shots.cut_evidence`."""
        evidence = logs(values, FLOORS) @ np.array(self.cut_weights) + self.cut_offset
        return np.where(values[:, 0] < CERTAINLY_NO_CUT, -np.inf, evidence)


def logs(values: Floats, floor: float | Floats) -> Floats:
    """Logarithms of values that are at least the floor."""
    return np.asarray(np.log(np.maximum(values, floor)))


@dataclass(frozen=True)
class Pairs:
    """Faces that follow each other at one place."""

    differences: Floats
    """(N, 4) from the last face."""
    likeness: Floats
    """(N,) highest cosine with the faces that the track keeps."""
    is_change: Bools
    """(N,) whether they show two people."""
    is_clip: Bools
    """(N,) from a labelled clip; the others are from films with known cuts."""

    def __getitem__(self, rows: Bools) -> Pairs:
        return Pairs(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


class _KnownVector:
    """Stands in for the embedding of a face that was embedded before."""

    recipe = descriptors.HEAD_RECIPE

    def __init__(self, vector: npt.NDArray[np.float32]) -> None:
        self._vector = vector

    def embed(self, _crops: npt.NDArray[np.uint8], /) -> npt.NDArray[np.float32]:
        return self._vector[None]


def view_of(face: SeenFace) -> FaceView:
    """The view that the tracker compares."""
    return FaceView(face.head, face.head, _KnownVector(face.vector))


def pairs_of(films: Iterable[ReadFilm]) -> Pairs:
    """All pairs of faces that follow each other."""
    rows = [(*row, film.is_clip) for film in films for row in _rows_of(film)]
    differences, likeness, is_change, is_clip = zip(*rows, strict=True) if rows else ((), (), (), ())
    shaped = np.array(differences, np.float64).reshape(-1, 4)
    return Pairs(shaped, np.array(likeness, np.float64), np.array(is_change, bool), np.array(is_clip, bool))


def _rows_of(film: ReadFilm) -> Iterator[tuple[Floats, float, bool]]:
    """Differences, highest cosine, and whether they show two people.

    Nobody labelled the cuts of clips: where the present detector sees one, faces are not compared.
    """
    looks: dict[int, TrackLook] = {}
    faces = film.by_stay
    for stay, own in faces.items():
        before: SeenFace | None = None
        for face in own:
            view, time_s = view_of(face), float(film.times_s[face.sample])
            follows = before is not None and face.sample == before.sample + 1
            if before is None or not follows or (film.is_clip and film.is_cut[face.sample]):
                looks[stay] = TrackLook(view, time_s)
            else:
                yield looks[stay].differences(view), looks[stay].highest_cosine(view), False
                looks[stay].add(view, time_s)
            before = face
    for change in film.film.changes:
        is_hard = change.is_other_person and change.start_s == change.stop_s
        if is_hard and change.before in looks and change.after in faces:
            look, view = looks[change.before], view_of(faces[change.after][0])
            yield look.differences(view), look.highest_cosine(view), True


def other_people(films: Sequence[ReadFilm], seed: int = 0) -> dict[str, Floats]:
    """(N, 4) differences between faces of different people of the labelled clips, drawn at random, by kind."""
    rng = np.random.default_rng(seed)
    clips = [film for film in films if film.is_clip and film.seen]
    found: dict[str, Floats] = {}
    for kind, count in OTHER_PEOPLE.items():
        rows: list[Floats] = []
        for _ in range(20 * count):
            first = clips[rng.integers(len(clips))]
            second = first if kind == "same clip" else clips[rng.integers(len(clips))]
            one, other = (_drawn(clip, rng) for clip in (first, second))
            is_pair = kind == "same clip" or first.film.sources != second.film.sources
            if is_pair and first.film.stays[one.stay].person != second.film.stays[other.stay].person:
                rows.append(view_of(one).differences(view_of(other)))
            if len(rows) == count:
                break
        found[kind] = np.array(rows).reshape(-1, 4)
    return found


def _drawn(clip: ReadFilm, rng: np.random.Generator) -> SeenFace:
    """A face of a random stay."""
    own = list(clip.by_stay.values())
    faces = own[rng.integers(len(own))]
    return faces[rng.integers(len(faces))]


def fitted_weights(constants: Constants, pairs: Pairs, others: dict[str, Floats]) -> Constants:
    """With weights for the differences, from pairs of the clips."""
    same = pairs.differences[pairs.is_clip & ~pairs.is_change]
    other = np.concatenate(list(others.values()))
    weights, offset = logistic_regression(logs(same, SMALLEST), logs(other, SMALLEST))
    return replace(constants, weights=tuple(round(float(w), 2) for w in weights), offset=round(offset, 2))


def fitted_joint_rule(constants: Constants, pairs: Pairs) -> Constants:
    """With the limits and weights of the joint rule.

    The embedding is asked about every change. Weights are fitted to the pairs about which it is asked; the offset is
    the lowest that ends enough changes.
    """
    change, is_change = constants.change(pairs.differences), pairs.is_change
    alone = STEP * np.ceil(np.quantile(change[~is_change], 1 - BROKEN_SHARE) / STEP)
    doubt = min(STEP * np.floor(change[is_change].min() / STEP), alone)
    features = np.stack([np.minimum(change, MAX_CHANGE), pairs.likeness], axis=1)
    is_asked = change >= doubt
    weights, _ = logistic_regression(features[is_asked & ~is_change], features[is_asked & is_change])
    fitted = replace(
        constants,
        change_alone=round(float(alone), 2),
        doubt=round(float(doubt), 2),
        change_weight=round(float(weights[0]), 2),
        likeness_weight=round(float(weights[1]), 2),
        joint_offset=0.0,
    )
    scores = np.sort(fitted.evidence(change, pairs.likeness)[is_change])[::-1]
    needed = int(np.ceil(ENDED_SHARE * len(scores)))
    return replace(fitted, joint_offset=round(float(0.01 - scores[needed - 1]), 2))


def broken_share(constants: Constants, pairs: Pairs) -> float:
    """Share of the pairs of one person that are taken for two people."""
    ends = constants.evidence(constants.change(pairs.differences), pairs.likeness) > 0
    return float(ends[~pairs.is_change].mean())


def fitted_cuts(constants: Constants, films: Sequence[ReadFilm]) -> Constants:
    """With weights of the evidence for a cut, and the offset with the best `cut_score`."""
    values, is_cut = joined_cuts(films)
    compared = values[:, 0] >= CERTAINLY_NO_CUT
    weights, middle = logistic_regression(
        logs(values[compared & ~is_cut], FLOORS), logs(values[compared & is_cut], FLOORS)
    )
    fitted = replace(constants, cut_weights=tuple(round(float(w), 2) for w in weights))
    offsets = np.round(middle + np.arange(-1.0, 2.01, STEP), 2).tolist()
    tried = [replace(fitted, cut_offset=offset) for offset in offsets]
    scores = np.array([cut_score(films, own) for own in tried])
    best = np.flatnonzero(scores == scores.max()).tolist()
    return tried[best[len(best) // 2]]  # the middle of the offsets that are equally good


def joined_cuts(films: Sequence[ReadFilm]) -> tuple[Floats, Bools]:
    """The pairs of frames of all films with known cuts."""
    values, is_cut = zip(*(film.hard_cuts() for film in films if not film.is_clip), strict=True)
    return np.concatenate(values), np.concatenate(is_cut)


def cut_figures(films: Sequence[ReadFilm], constants: Constants) -> dict[str, Any]:
    """What the cut detector finds with these constants; those of the code are in place again afterwards."""
    present = Constants.present()
    constants.use()
    try:
        known = [film for film in films if not film.is_clip]
        counts = [count_cuts(f.film, f.times_s, detected_cuts(f.thumbnails, f.times_s)) for f in known]
    finally:
        present.use()
    return sum(counts, CutCounts()).figures()


def cut_score(films: Sequence[ReadFilm], constants: Constants) -> float:
    """The F1 of hard cuts without jumps, less what the F1 of transitions lacks to `MIN_SOFT_F1`."""
    figures = cut_figures(films, constants)
    hard, soft = (figures[kind]["f1"] or 0.0 for kind in ("hard_without_jumps", "soft"))
    return float(hard + min(soft - MIN_SOFT_F1, 0.0))


def logistic_regression(negative: Floats, positive: Floats) -> tuple[Floats, float]:
    """Weights (F,) and offset of the log-odds that one of (N, F) features is positive."""
    from sklearn.linear_model import LogisticRegression

    is_positive = np.repeat([0, 1], [len(negative), len(positive)])
    model = LogisticRegression(C=10.0, max_iter=5000).fit(np.concatenate([negative, positive]), is_positive)
    return np.asarray(model.coef_[0], np.float64), float(model.intercept_[0])


def change_figures(constants: Constants, pairs: Pairs, others: dict[str, Floats]) -> dict[str, Any]:
    """How well people are told apart by the differences alone, and with the embedding."""
    change, is_change = constants.change(pairs.differences), pairs.is_change
    limit = float(np.quantile(change[pairs.is_clip & ~is_change], 0.99))
    kinds = {kind: constants.change(rows) for kind, rows in others.items()} | {"films": change[is_change]}
    ends = constants.evidence(change, pairs.likeness) > 0
    return {
        "differences_told_at_1_percent_broken": {kind: share(rows > limit) for kind, rows in kinds.items()},
        "without_embedding": {
            "changes_ended": share(change[is_change] > constants.change_alone),
            "pairs_broken": share(change[~is_change] > constants.change_alone),
        },
        "with_embedding": {"changes_ended": share(ends[is_change]), "pairs_broken": share(ends[~is_change])},
        "pairs_in_doubt": share(change[~is_change] >= constants.doubt),
        "changes": int(is_change.sum()),
        "pairs": int((~is_change).sum()),
    }


def share(values: Bools) -> float | None:
    """Share that is true; None without any."""
    return round(float(values.mean()), 5) if len(values) else None
