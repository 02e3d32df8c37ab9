"""Which video of a run a label means: people write names in full, cut short, or with another suffix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from pathlib import PurePosixPath

from facetally.errors import TruthError

SHOWN = 3
"""Names of each side that an error lists."""


def matched_names(truth_names: Iterable[str], run_names: Iterable[str]) -> dict[str, str]:
    """The videos that a truth and a run share: the truth's name to the run's.

    Names that are equal belong together. Of the rest one may be the end of the other by whole parts of the path
    (`b.mp4` and `clips/a/b.mp4`); of what is left then, the same again without the files' suffixes.

    Args:
        truth_names, run_names: paths with forward slashes.

    Raises:
        TruthError: a name fits two of the other side, or nothing fits at all.
    """
    truth_left, run_left = set(truth_names), set(run_names)
    matched = {name: name for name in truth_left & run_left}
    for parts_of in (_parts, _parts_without_suffix):
        truth_left -= matched.keys()
        run_left -= set(matched.values())
        matched |= _matched_by_ends(truth_left, run_left, parts_of)
    if not matched:
        raise TruthError(
            f"no video is in both: the labels are of {_listed(truth_left)}, the videos are {_listed(run_left)}",
            fix="name the videos that were labelled, or mend the column video so that it says what their files say",
        )
    return matched


def _matched_by_ends(
    truth_names: Iterable[str], run_names: Iterable[str], parts_of: Callable[[str], tuple[str, ...]]
) -> dict[str, str]:
    """The truth's name to the run's where the parts of one are the last parts of the other.

    Raises:
        TruthError: a name fits two of the other side.
    """
    by_last_part = defaultdict(list)
    for theirs in sorted(run_names):
        by_last_part[parts_of(theirs)[-1:]].append(theirs)
    matched: dict[str, str] = {}
    meant: dict[str, str] = {}
    for ours in sorted(truth_names):
        parts = parts_of(ours)
        fitting = [theirs for theirs in by_last_part[parts[-1:]] if _one_ends_the_other(parts, parts_of(theirs))]
        if len(fitting) > 1:
            raise TruthError(
                f"{ours}, a video of the labels, may be {fitting[0]} or {fitting[1]}",
                fix="write more of its path in the column video, up to the part in which the two differ",
            )
        for theirs in fitting:
            if theirs in meant:
                raise TruthError(
                    f"{meant[theirs]} and {ours}, videos of the labels, may both be {theirs}",
                    fix="write one name for both in the column video, or more of the path of each",
                )
            matched[ours], meant[theirs] = theirs, ours
    return matched


def _one_ends_the_other(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    short, long = sorted((a, b), key=len)
    return long[len(long) - len(short) :] == short


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts


def _parts_without_suffix(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    return (*path.parent.parts, path.stem)


def _listed(names: Collection[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more
