"""Counts the people of one video: joins the appearances that show the same person.

Faces are compared within one video only, and only when asked for. The vectors are biometric data: they are in memory
until their video is finished, and are never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facetally.detection.faces import FloatArray
from facetally.options import PeopleOptions

APART = 1e9
"""Distance of two appearances that are in view at the same time: so large that no mean with others joins them."""


@dataclass(frozen=True)
class SeenTrack:
    """An appearance, as far as it takes to recognise the person in another one."""

    track_id: int
    first_s: float
    last_s: float
    vector: FloatArray
    """(D,) float32 unit vector of the embedding."""


def people_in_video(tracks: Sequence[SeenTrack], options: PeopleOptions) -> dict[int, int]:
    """The number of the person that each appearance shows, by track id; people count from 0 in order of time.

    Appearances are joined by average linkage, the most alike first; two that are in view together are two people.
    """
    tracks = sorted(tracks, key=lambda track: (track.first_s, track.track_id))
    if len(tracks) < 2:
        return {track.track_id: 0 for track in tracks}
    vectors = np.stack([track.vector for track in tracks])
    first_s, last_s = (np.array([getattr(track, name) for track in tracks]) for name in ("first_s", "last_s"))
    is_together = (first_s[:, None] <= last_s[None]) & (first_s[None] <= last_s[:, None])
    clusters = clusters_of(vectors, is_together, options.min_likeness)
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters.tolist()))}
    return {track.track_id: numbers[int(cluster)] for track, cluster in zip(tracks, clusters, strict=True)}


def clusters_of(vectors: FloatArray, is_apart: npt.NDArray[np.bool_], min_likeness: float) -> npt.NDArray[np.int32]:
    """(N,) the number of each vector's cluster, by average linkage.

    Args:
        vectors: (N, D) unit vectors, at least two.
        is_apart: (N, N) which pairs are never in one cluster; the diagonal does not count.
        min_likeness: lowest mean cosine of two clusters that are joined.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # takes long to import, and people are rarely counted
    from scipy.spatial.distance import squareform

    precise = vectors.astype(np.float64)
    distances = np.clip(1 - precise @ precise.T, 0, 2)
    distances[is_apart] = APART
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances), "average")
    return np.asarray(fcluster(tree, 1 - min_likeness, "distance"), np.int32)
