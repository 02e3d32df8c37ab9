"""Counts the people of one video: joins the appearances that show the same person.

Faces are compared within one video only, and only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from facetally.options import PeopleOptions
from facetally.tracks.appearances import Appearance
from facetally.tracks.likenesses import Likenesses

APART = 1e9
"""Distance of two appearances that are in view together: so large that no mean with others joins them."""


def people_in_video(
    likenesses: Likenesses, appearances: Iterable[Appearance], options: PeopleOptions
) -> dict[int, int]:
    """The number of the person that each appearance shows, by track id; people count from 0 in order of time.

    Appearances are joined by average linkage, the most alike first; two that are in view together are two people. Faces
    that differ in perceived gender or age must be more alike.

    Args:
        likenesses: of a video's appearances.
        appearances: these, in any order.
        options: how alike those of one person are.
    """
    ids = likenesses.track_ids
    if len(ids) < 2:
        return dict.fromkeys(ids, 0)
    by_id = {appearance.track_id: appearance for appearance in appearances}
    female_prob = np.array([by_id[track_id].female_prob for track_id in ids])
    age_years = np.array([by_id[track_id].age_years for track_id in ids])
    years_apart = np.nan_to_num(np.abs(age_years[:, None] - age_years[None]))  # NaN where no age is known
    likeness = (
        likenesses.cosines
        - options.gender_weight * np.abs(female_prob[:, None] - female_prob[None])
        - options.age_weight * years_apart
    )
    clusters = clusters_of(likeness, options.min_likeness)
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters.tolist()))}
    return {track_id: numbers[int(cluster)] for track_id, cluster in zip(ids, clusters, strict=True)}


def clusters_of(likeness: npt.NDArray[np.floating], min_likeness: float) -> npt.NDArray[np.int32]:
    """(N,) the number of each appearance's cluster, by average linkage.

    Args:
        likeness: (N, N) of at least two; `likenesses.NEVER` for pairs that are never in one cluster. The diagonal does
            not count.
        min_likeness: lowest mean likeness of two clusters that are joined.
    """
    from scipy.cluster.hierarchy import fcluster, linkage  # takes long to import, and people are rarely counted
    from scipy.spatial.distance import squareform

    distances = np.maximum(1 - likeness.astype(np.float64), 0)
    distances[np.isinf(distances)] = APART
    np.fill_diagonal(distances, 0)
    tree = linkage(squareform(distances, checks=False), "average")
    return np.asarray(fcluster(tree, 1 - min_likeness, "distance"), np.int32)
