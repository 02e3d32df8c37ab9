"""Which video of a run a label is of: people write names in full, shortened, or with another suffix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from facetally.errors import TruthError
from facetally.formatting import listed

SHOWN = 3
"""The most names of each side that an error lists."""


def matched_names(truth_names: Iterable[str], run_names: Iterable[str]) -> dict[str, str]:
    """The videos that a truth folder and a run share: the truth's name to the run's.

    Equal names match. Of the rest, names match where one is the end of the other by whole parts of the path (`b.mp4`
    and `clips/a/b.mp4`); then the remaining names are compared in the same way without the files' suffixes.

    Args:
        truth_names, run_names: paths with forward slashes.

    Raises:
        TruthError: a name matches two of the other side, or no name matches at all.
    """
    truth_left, run_left = set(truth_names), set(run_names)
    matched = {name: name for name in truth_left & run_left}
    for parts_of in (_parts, _parts_without_suffix):
        truth_left -= matched.keys()
        run_left -= set(matched.values())
        matched |= _matched_by_ends(truth_left, run_left, parts_of)
    if not matched:
        raise TruthError(
            f"no video is in both: the labels are of {listed(sorted(truth_left), SHOWN)}, "
            f"the videos are {listed(sorted(run_left), SHOWN)}",
            fix="give the videos that were labelled, or write the names of their files in the column video",
        )
    return matched


def _matched_by_ends(
    truth_names: Iterable[str], run_names: Iterable[str], parts_of: Callable[[str], tuple[str, ...]]
) -> dict[str, str]:
    """The truth's name to the run's where the parts of one are the last parts of the other.

    Raises:
        TruthError: a name matches two of the other side.
    """
    by_last_part = defaultdict(list)
    for run_name in sorted(run_names):
        by_last_part[parts_of(run_name)[-1:]].append(run_name)
    matched: dict[str, str] = {}
    truth_name_of: dict[str, str] = {}
    for truth_name in sorted(truth_names):
        parts = parts_of(truth_name)
        fitting = [name for name in by_last_part[parts[-1:]] if _one_ends_the_other(parts, parts_of(name))]
        if len(fitting) > 1:
            raise TruthError(
                f"{truth_name}, a video of the labels, may be {fitting[0]} or {fitting[1]}",
                fix="write more of its path in the column video, up to the part in which the two differ",
            )
        for run_name in fitting:
            if run_name in truth_name_of:
                raise TruthError(
                    f"{truth_name_of[run_name]} and {truth_name}, videos of the labels, may both be {run_name}",
                    fix="write one name for both in the column video, or more of the path of each",
                )
            matched[truth_name], truth_name_of[run_name] = run_name, truth_name
    return matched


def _one_ends_the_other(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    short, long = sorted((a, b), key=len)
    return long[len(long) - len(short) :] == short


def _parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts


def _parts_without_suffix(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    return (*path.parent.parts, path.stem)
