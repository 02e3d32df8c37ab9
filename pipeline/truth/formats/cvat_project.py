"""The frame numbers of a CVAT project, which continue from one task to the next.

A task's export states frames as they are in its video: step * n + start_frame. A project's export adds what the tasks
before it took up: of the same subset, in the order of their ids, each start_frame + step * size (CVAT,
`ProjectData.abs_frame_id` and `_init_task_frame_offsets` in cvat/apps/dataset_manager/bindings.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from facetally.errors import TruthError
from facetally.truth.formats.annotations import LabelledTrack

STEP = re.compile(r"step\s*=\s*(\d+)")

Offsets = Mapping[str, int | None]
"""By the id of a task what its frame numbers were raised by; None where the file does not state it."""


def task_offsets(root: ElementTree.Element) -> Offsets:
    """The offsets of the tasks in a project's export; empty for a task or a job."""
    tasks = list(root.iterfind("meta/project/tasks/task"))
    tasks.sort(key=lambda task: (_text(task, "subset"), _number(task, "id") or 0))
    offsets: dict[str, int | None] = {}
    subset, total = None, None
    for task in tasks:
        if subset != _text(task, "subset"):
            subset, total = _text(task, "subset"), 0
        offsets[_text(task, "id")] = total
        length = _length(task)
        total = None if total is None or length is None else total + length
    return offsets


def own_frames(
    path: Path, task: ElementTree.Element | None, tracks: Sequence[LabelledTrack], offsets: Offsets
) -> tuple[Sequence[LabelledTrack], list[str]]:
    """The tracks of a task with the frame numbers of its own video, and notes.

    Raises:
        TruthError: frames that are in the task neither with nor without what the tasks before it took up.
    """
    task_id = "" if task is None else _text(task, "id")
    offset = offsets.get(task_id, 0)
    if task is None or offset == 0:
        return tracks, []
    name = _text(task, "source") or _text(task, "name")
    if offset is None:
        what = "the number of frames of a task before it is not stated"
        return tracks, [f"{path}: {what}, so the frames of {name} were taken as they are: facetally truth check them"]
    if _fits(tracks, task, offset):
        return [_earlier(track, offset) for track in tracks], []
    if _fits(tracks, task, 0):
        return tracks, [f"{path}: the frames of {name} begin with 0, as in no project's export; they were not changed"]
    first = min(keyframe.frame for track in tracks for keyframe in track.keyframes)
    raise TruthError(
        f"{path}: {name} (task {task_id}) has labels from frame {first} on, but its frames in this project begin with "
        f"{offset}, and there are {_length(task)}",
        fix="export the task by itself",
    )


def _fits(tracks: Sequence[LabelledTrack], task: ElementTree.Element, offset: int) -> bool:
    """Whether all frames are in the task if they were raised by an offset; a track may end one step after the last."""
    length, step = _length(task), frame_step(task)
    frames = [keyframe.frame - offset for track in tracks for keyframe in track.keyframes]
    return min(frames) >= (_number(task, "start_frame") or 0) and (length is None or max(frames) <= length + step - 1)


def _earlier(track: LabelledTrack, frames: int) -> LabelledTrack:
    keyframes = (replace(keyframe, frame=keyframe.frame - frames) for keyframe in track.keyframes)
    return replace(track, keyframes=tuple(keyframes))


def _length(task: ElementTree.Element) -> int | None:
    """The frame numbers that a task takes up; None where they are not stated."""
    size = _number(task, "size")
    return None if size is None else (_number(task, "start_frame") or 0) + frame_step(task) * size


def frame_step(task: ElementTree.Element | None) -> int:
    """How many frames apart those of a task are in its video."""
    found = STEP.search(_text(task, "frame_filter")) if task is not None else None
    return max(int(found[1]), 1) if found else 1


def _number(task: ElementTree.Element, name: str) -> int | None:
    text = _text(task, name)
    return int(text) if text.isdecimal() else None


def _text(task: ElementTree.Element, name: str) -> str:
    return (task.findtext(name) or "").strip()
