"""Hand labels as tracks on the frames of their videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facetally.errors import TruthError
from facetally.exports.annotations.frames import VideoFrames, read_frames
from facetally.exports.annotations.model import TRUTH_ATTRIBUTES, ExportTrack, Span, TrackBox, VideoTracks
from facetally.formatting import counted, listed
from facetally.inputs import InputVideo
from facetally.truth.formats.annotations import ESTIMATED, IN_VIEW, Box
from facetally.truth.formats.annotations import LABELLED as LABELLED_TIMES
from facetally.truth.labels import AFTER_END_S, LabelledPerson, Truth
from facetally.truth.video_names import matched_names

ROUNDED_S = 0.0051
"""Times with two decimals are this far from their frames."""
MAX_GAP_S = 1.0
"""Where times in view are not labelled, labels further apart do not belong together."""
MAX_NAMED = 3


@dataclass
class Moved:
    """What the frames of the videos could not hold as it was labelled; counted over all videos."""

    counts: Counter[str] = field(default_factory=Counter)
    furthest_s: float = 0.0
    unlabelled: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """Sentences for people."""
        texts = [
            (
                self.counts["moved"],
                f"not at the time of a frame, moved to the nearest, by up to {self.furthest_s:.3f} s",
            ),
            (self.counts["after"], "after the end of the video, left out: facetally truth check finds them"),
            (self.counts["doubled"], "on the frame of another box of the same person, left out"),
            (self.counts["outside"], "outside of the labelled times in view, which were extended to them"),
        ]
        notes = [f"{counted(count, 'label')} {text}" for count, text in texts if count]
        if self.unlabelled:
            names = listed(self.unlabelled, MAX_NAMED)
            notes.append(f"Without a gender: {names}; fill it in in the tool, or they cannot be imported again")
        return notes


def truth_videos(
    truth: Truth, videos: Sequence[InputVideo], moved: Moved, on_video: Callable[[str, int], None] = lambda *_: None
) -> Iterator[VideoTracks]:
    """The labelled videos in the order of their names.

    Args:
        truth: the labels.
        videos: their files; others may be among them.
        moved: counts what does not fit.
        on_video: called with the name of each video and the number of those before it.

    Raises:
        TruthError: a labelled video is not among the files.
        VideoError: a video that cannot be read.
    """
    paths = {video.name: video.path for video in videos}
    names = matched_names(truth.people, paths)
    if missing := sorted(set(truth.people) - names.keys()):
        raise TruthError(
            f"{listed(missing, MAX_NAMED)}: labelled, but not among the videos",
            fix="name all folders of the labelled videos, each with --videos",
        )
    for count, name in enumerate(sorted(truth.people)):
        on_video(name, count)
        path = paths[names[name]]
        frames = read_frames(path)
        yield _video(truth.on_frames({name: frames.displayed_px}), name, path, frames, moved)


def _video(truth: Truth, name: str, path: Path, frames: VideoFrames, moved: Moved) -> VideoTracks:
    tracks = tuple(
        _track(number, person, _labels(truth, name, person.person, frames, moved), frames, moved)
        for number, person in enumerate(truth.people[name])
    )
    moved.unlabelled += [f"{person.person} of {name}" for person in truth.people[name] if not person.is_labelled]
    until_s = truth.labelled_until_s.get(name)
    return VideoTracks(
        video=name,
        path=path,
        displayed_px=frames.displayed_px,
        stored_px=frames.stored_px,
        fps=frames.fps,
        clock_fps=frames.clock_fps(),
        frame_count=len(frames),
        duration_s=frames.end_s,
        attributes=TRUTH_ATTRIBUTES,
        tracks=tracks,
        facts={
            **({} if until_s is None else {"labelled_until_s": until_s}),
            **({"source": truth.sources[name]} if name in truth.sources else {}),
        },
    )


def _labels(truth: Truth, video: str, person: str, frames: VideoFrames, moved: Moved) -> dict[int, Box]:
    """The boxes of a person by frame."""
    if video not in truth.boxes:
        return {}
    labels = truth.boxes[video]
    found: dict[int, tuple[float, Box]] = {}
    for at in np.flatnonzero(labels.of_person(person)):
        time_s = float(labels.times_s[at])
        frame = min(frames.nearest(time_s), len(frames) - 1)
        off_s = abs(float(frames.times_s[frame]) - time_s)
        if time_s > frames.end_s + AFTER_END_S:
            moved.counts["after"] += 1
            continue
        _note_moved(off_s, moved)
        x1, y1, x2, y2 = labels.boxes[at].tolist()
        if frame in found:
            moved.counts["doubled"] += 1
        if frame not in found or off_s < found[frame][0]:
            found[frame] = off_s, (x1, y1, x2, y2)
    return {frame: found[frame][1] for frame in sorted(found)}


def _note_moved(off_s: float, moved: Moved) -> None:
    if off_s > ROUNDED_S:
        moved.counts["moved"] += 1
        moved.furthest_s = max(moved.furthest_s, off_s)


def _track(
    number: int, person: LabelledPerson, labels: dict[int, Box], frames: VideoFrames, moved: Moved
) -> ExportTrack:
    attributes = {name.name: str(getattr(person, name.name, "")) for name in TRUTH_ATTRIBUTES}
    if not person.is_labelled:
        attributes |= {"gender": "", "age_band": attributes["age_band"].replace("unsure", "")}
    stays = _united(_in_frames(person, frames, moved)) if person.intervals_s else []
    if stays:
        outside = [(f, f + 1) for f in labels if not any(start <= f < stop for start, stop in stays)]
        moved.counts["outside"] += len(outside)
        in_view = _united([*stays, *outside])
        attributes[IN_VIEW] = LABELLED_TIMES
    else:
        in_view = _estimated(list(labels), frames)
        attributes[IN_VIEW] = ESTIMATED
    spans = tuple(_span(start, stop, labels, frames) for start, stop in in_view) if labels else ()
    return ExportTrack(number, attributes, spans, tuple(in_view) if stays else ())


def _in_frames(person: LabelledPerson, frames: VideoFrames, moved: Moved) -> Iterator[tuple[int, int]]:
    for start_s, stop_s in person.intervals_s:
        if start_s >= frames.end_s:
            moved.counts["after"] += 1
            continue
        start = min(frames.nearest(start_s), len(frames) - 1)
        stop = max(frames.nearest(stop_s), start + 1)
        for time_s, frame in ((start_s, start), (min(stop_s, frames.end_s), stop)):
            is_end = frame == len(frames)
            _note_moved(abs((frames.end_s if is_end else float(frames.times_s[frame])) - time_s), moved)
        yield start, stop


def _united(stays: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    united: list[tuple[int, int]] = []
    for start, stop in sorted(stays):
        if united and start <= united[-1][1]:
            start, stop = united[-1][0], max(stop, united.pop()[1])
        united.append((start, stop))
    return united


def _estimated(labels: Sequence[int], frames: VideoFrames) -> list[tuple[int, int]]:
    """Times in view where none are labelled: from the first to the last of labels that are close to each other."""
    stays: list[tuple[int, int]] = []
    for frame in labels:
        is_near = stays and frames.times_s[frame] - frames.times_s[stays[-1][1] - 1] <= MAX_GAP_S
        start = stays.pop()[0] if is_near else frame
        stays.append((start, frame + 1))
    return _united(stays)


def _span(start: int, stop: int, labels: dict[int, Box], frames: VideoFrames) -> Span:
    """A time in view with its labels; where the first frame has none, with the box of the nearest label there."""
    boxes = [
        TrackBox(frame, float(frames.times_s[frame]), box) for frame, box in labels.items() if start <= frame < stop
    ]
    if not boxes or boxes[0].frame > start:
        earlier = [frame for frame in labels if frame < start]
        nearest = boxes[0].frame if boxes else earlier[-1] if earlier else next(iter(labels))
        boxes.insert(0, TrackBox(start, float(frames.times_s[start]), labels[nearest], is_label=False))
    return Span(start, stop, float(frames.times_s[stop - 1]), tuple(boxes))
