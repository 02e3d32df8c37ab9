"""How well vectors tell people apart: held-out persons, pairs of faces in video, tracks joined to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from facetally.detection.embedding import FaceEmbedder
from facetally.detection.tracker import NO_TRACK
from facetally.detection.training.embedding_augment import FaceAugmentOptions, augmented, plain
from facetally.detection.training.embedding_faces import STORED_CROP, FaceFolder, FaceStore
from facetally.detection.training.embedding_metrics import PairFigures, pair_figures, person_pairs
from facetally.tracks.likenesses import NEVER
from facetally.tracks.people import clusters_of
from facetally.validation import identity_metrics
from scripts.measure_face_embedding.faces import SeenFace
from scripts.measure_face_embedding.vectors import grey_vectors_of

GAPS_S = {"0.2-0.6 s": (0.2, 0.6), "1-5 s": (1.0, 5.0), "over 5 s": (5.0, np.inf)}
HEIGHTS_PX = {"under 24 px": (0, 24), "24-40 px": (24, 40), "40-80 px": (40, 80), "80 px and more": (80, np.inf)}
"""By the lower of the two faces."""
THRESHOLDS = np.round(np.arange(-0.2, 1.0, 0.005), 3)
"""Similarities from which on tracks are joined, to choose from."""
HELD_OUT_FACES = 4000
"""At most, since all pairs of them are compared."""


def held_out_figures(embedder: FaceEmbedder, folder: FaceFolder) -> dict[str, Any]:
    """Figures over all pairs of faces of the persons that are held out, as stored and degraded as in video."""
    store, rng = FaceStore([folder]), np.random.default_rng(0)
    faces = rng.permutation(store.held_out())[:HELD_OUT_FACES]
    side = embedder.recipe.size_px
    zoom, options = side / STORED_CROP.size_px, FaceAugmentOptions()
    clean = np.stack([plain(store.crop(face), side, zoom) for face in faces])
    degraded = np.stack([augmented(store.crop(face), side, zoom, options=options, rng=rng) for face in faces])
    persons = store.persons[faces]
    vectors = {"network": embedder.embed(clean), "grey crops": grey_vectors_of(clean)}
    if store.vectors.shape[1]:
        vectors["teacher"] = store.vectors[faces]
    vectors["network, degraded"] = embedder.embed(degraded)
    counts = {"persons": len(set(persons.tolist())), "faces": len(faces)}
    return counts | {name: rounded(person_pairs(persons, own)) for name, own in vectors.items()}


def video_figures(
    seen: Sequence[SeenFace], sources: tuple[frozenset[str], frozenset[str]], kinds: Sequence[str]
) -> dict[str, Any]:
    """Pairs within videos on each half of the sources, and the joining of tracks, chosen on one half."""
    chosen_on, reported_on = sources
    parts = {
        "chosen_on": [face for face in seen if face.source in chosen_on],
        "reported_on": [face for face in seen if face.source in reported_on],
    }
    return {
        "pairs": {half: {kind: pair_table(own, kind) for kind in kinds} for half, own in parts.items()},
        "mean_of_videos": {half: {kind: mean_area(own, kind) for kind in kinds} for half, own in parts.items()},
        "people": {kind: people_figures(parts, kind) for kind in kinds},
    }


def mean_area(seen: Sequence[SeenFace], kind: str) -> dict[str, Any]:
    """The mean over videos with several people of the area under each one's own curve, so that all weigh the same."""
    tables = [pair_table(own, kind) for own in by_video(seen).values()]
    areas = [table["all"]["area"] for table in tables if table]
    return {"videos": len(areas), "area": round(float(np.mean(areas)), 4) if areas else None}


def pair_table(seen: Sequence[SeenFace], kind: str) -> dict[str, Any]:
    """Figures of all pairs of faces of one video, split by the time between them and by the lower face's height."""
    gaps, lows, similar, is_same = [], [], [], []
    for own in by_video(seen).values():
        for a, b in combinations(own, 2):
            if a.time_s != b.time_s or a.person != b.person:
                gaps.append(abs(a.time_s - b.time_s))
                lows.append(min(a.height_px, b.height_px))
                similar.append(float(a.vectors[kind] @ b.vectors[kind]))
                is_same.append(a.person == b.person)
    gap, low, cosine, same = np.array(gaps), np.array(lows), np.array(similar), np.array(is_same, bool)
    within = {"all": np.ones(len(gap), bool)}
    within |= {name: (gap >= start) & (gap < stop) for name, (start, stop) in GAPS_S.items()}
    within |= {name: (low >= start) & (low < stop) for name, (start, stop) in HEIGHTS_PX.items()}
    return {
        name: rounded(pair_figures(cosine[part & same], cosine[part & ~same]))
        for name, part in within.items()
        if (part & same).any() and (part & ~same).any()
    }


def people_figures(parts: Mapping[str, Sequence[SeenFace]], kind: str) -> dict[str, Any]:
    """B-cubed of joined tracks on both halves, also without joining.

    The threshold is the one with the highest F on the first half; of equal ones, that with the best count of people.
    """
    curve = [b_cubed(parts["chosen_on"], kind, float(threshold)) for threshold in THRESHOLDS]
    worth = [(own["f"], -abs(own["people_counted"] - own["people_labelled"])) for own in curve]
    best = float(THRESHOLDS[max(range(len(worth)), key=worth.__getitem__)])
    result: dict[str, Any] = {"threshold": best}
    for half, own in parts.items():
        result[half] = b_cubed(own, kind, best) | {"not_joined": b_cubed(own, kind, np.inf)}
    return result


def b_cubed(seen: Sequence[SeenFace], kind: str, threshold: float) -> dict[str, Any]:
    """B-cubed precision, recall and F over faces in tracks, and the numbers of people.

    Args:
        seen: labelled faces; those in no track are left out.
        kind: of vectors.
        threshold: mean similarity from which on tracks of a video are joined; infinite: none are.
    """
    labelled: list[tuple[str, str]] = []
    counted: list[tuple[str, int]] = []
    for video, own in by_video(face for face in seen if face.track_id != NO_TRACK).items():
        people = joined_tracks(own, kind, threshold)
        labelled += [(video, face.person) for face in own]
        counted += [(video, people[face.track_id]) for face in own]
    result = identity_metrics.b_cubed(labelled, counted)
    return {
        "f": round(result.f1, 4),
        "precision": round(result.precision, 4),
        "recall": round(result.recall, 4),
        "faces": len(labelled),
        "people_labelled": len(set(labelled)),
        "people_counted": len(set(counted)),
    }


def joined_tracks(seen: Sequence[SeenFace], kind: str, threshold: float) -> dict[int, int]:
    """The number of the person for each track of one video: average linkage of the tracks' mean vectors.

    Tracks that are in view at the same time are never one person.
    """
    tracks = sorted({face.track_id for face in seen})
    if len(tracks) < 2 or np.isinf(threshold):
        return {track: number for number, track in enumerate(tracks)}
    means = np.stack([np.mean([face.vectors[kind] for face in seen if face.track_id == t], axis=0) for t in tracks])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    times = [{face.time_s for face in seen if face.track_id == track} for track in tracks]
    is_together = np.array([[bool(one & other) for other in times] for one in times])
    likeness = np.where(is_together, NEVER, means @ means.T)
    return dict(zip(tracks, clusters_of(likeness, threshold).tolist(), strict=True))


def by_video(seen: Iterable[SeenFace]) -> dict[str, list[SeenFace]]:
    """The faces of each video."""
    videos: dict[str, list[SeenFace]] = {}
    for face in seen:
        videos.setdefault(face.video, []).append(face)
    return videos


def rounded(figures: PairFigures) -> dict[str, Any]:
    """The figures for a report."""
    return {name: round(value, 4) for name, value in asdict(figures).items()}
