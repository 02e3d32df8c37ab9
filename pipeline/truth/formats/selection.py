"""Which tracks of other tools are faces of people: by the labels that the user chooses, and by their shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from facetally.errors import OptionError, TruthError
from facetally.formatting import listed
from facetally.truth.formats.annotations import BOX, LabelledTrack, LabelledVideo
from facetally.truth.label_rows import GENDER_WORDS

PERSON_GENDERS = ("female", "male", "unsure")
GENDER_KIND = "a gender"
MAX_SHOWN = 10
"""Labels that a message lists."""
UNLABELLED = "(no label)"


def choose_tracks(videos: Sequence[LabelledVideo], wanted: Sequence[str]) -> tuple[list[LabelledVideo], list[str]]:
    """The videos with the tracks that are people, those without any left out, and notes on what was passed over.

    Args:
        videos: as read.
        wanted: the labels that mean a face; empty: all, if the boxes have a single one.

    Raises:
        OptionError: a label that does not occur.
        TruthError: boxes with several labels of which none was chosen; no box at all.
    """
    tracks = [track for video in videos for track in video.tracks]
    if wanted:
        chosen = _chosen(tracks, wanted)
    else:
        chosen = [track for track in tracks if track.shape == BOX]
        _check_one_kind(chosen)
    if tracks and not chosen:
        raise TruthError(
            f"{videos[0].path}: no track is drawn as a rectangle; there are {_listed(tracks)}",
            fix=f"choose those around whose shape a face's box lies: {_flag(tracks[0])}",
        )
    for track in chosen:
        _check_shape(track)
    kept = {id(track) for track in chosen}
    notes = [note for video in videos for note in video.notes]
    if left := [track for track in tracks if id(track) not in kept]:
        choice = (
            "" if wanted else f"; to take the boxes around them too, name all labels that mean a face: {_flag(left[0])}"
        )
        notes.append(f"{len(left)} of {len(tracks)} tracks were passed over: {_listed(left)}{choice}")
    faces = [replace(video, tracks=tuple(track for track in video.tracks if id(track) in kept)) for video in videos]
    notes += [note for video in faces for note in _notes_on_names(video)]
    return [video for video in faces if video.tracks], notes


def _chosen(tracks: Sequence[LabelledTrack], wanted: Sequence[str]) -> list[LabelledTrack]:
    names = {name.strip().casefold() for name in wanted}
    present = {label.strip().casefold() for track in tracks for label in track.labels}
    if missing := [name for name in wanted if name.strip().casefold() not in present]:
        raise OptionError(
            f"no track is labelled {missing[0]!r}; there are {_listed(tracks)}", fix="choose one of these"
        )
    chosen = [track for track in tracks if names & {label.strip().casefold() for label in track.labels}]
    people, boxed = ({track.row.values["person"] for track in part if track.has_boxes} for part in (chosen, tracks))
    stays = (track for track in tracks if not track.has_boxes)
    return chosen + [t for t in stays if t.row.values["person"] in people or t.row.values["person"] not in boxed]


def _check_one_kind(tracks: Sequence[LabelledTrack]) -> None:
    """Raises an error where boxes have several labels: a person's body and face would be two people."""
    kinds = {kind for track in tracks for kind in _kinds(track)}
    if len(kinds) > 1:
        raise TruthError(
            f"{tracks[0].row.path}: the boxes have several labels: {_listed(tracks)}",
            fix="choose those that mean a face, with --label once for each: " + _flag(tracks[0]),
        )


def _kinds(track: LabelledTrack) -> Iterable[str]:
    """What a track's labels say that it is; nothing where they only say to ignore it."""
    words = [GENDER_WORDS.get(label.strip().lower()) for label in track.labels]
    others = [label for label, word in zip(track.labels, words, strict=True) if not word]
    if others:
        yield " and ".join(sorted(other.strip().casefold() for other in others))
    elif any(word in PERSON_GENDERS for word in words):
        yield GENDER_KIND


def _check_shape(track: LabelledTrack) -> None:
    """Raises an error for a shape without area, or of nobody's track."""
    if not track.row.values["person"]:
        raise TruthError(f"{track.row.path}, {track.row.where}: it belongs to nobody's track", fix="label in tracks")
    for keyframe in track.keyframes:
        x1, y1, x2, y2 = keyframe.box
        if track.has_boxes and keyframe.is_visible and (x2 <= x1 or y2 <= y1):
            raise TruthError(
                f"{track.row.path}, {track.row.where}: it is drawn as {track.shape}, around which there is no box",
                fix="choose labels of other shapes with --label, or delete it",
            )


def _notes_on_names(video: LabelledVideo) -> Iterable[str]:
    """Tracks that an attribute makes one person.

    Raises:
        TruthError: a track that names nobody, and has as its number the name that another one states.
    """
    for track in video.tracks:
        if not any(keyframe.is_visible for keyframe in track.keyframes):
            yield f"{video.path}, {track.row.where}: it is never in view; passed over"
    boxed = [track for track in video.tracks if track.has_boxes]  # others only add times to them
    named = [track for track in boxed if track.person_attribute]
    counts = Counter(track.row.values["person"] for track in named)
    for track in boxed:
        if not track.person_attribute and track.row.values["person"] in counts:
            name = track.row.values["person"]
            raise TruthError(
                f"{track.row.path}, {track.row.where}: it does not say who it is, and another track says {name}",
                fix=f"give every track the attribute {named[0].person_attribute}, or none",
            )
    if joined := sum(count for count in counts.values() if count > 1):
        people = sum(count > 1 for count in counts.values())
        names = ", ".join(dict.fromkeys(track.person_attribute for track in named))
        yield f"{video.path}: {joined} tracks of {video.name or 'the video'} were joined to {people} by {names}"


def _listed(tracks: Iterable[LabelledTrack]) -> str:
    """Labels with their number of tracks, and their shapes where these are no rectangles."""
    counts = Counter((" and ".join(track.labels) or UNLABELLED, track.shape) for track in tracks)
    parts = []
    for (label, shape), count in sorted(counts.items()):
        drawn = "" if shape == BOX else f" drawn as {shape}"
        parts.append(f"{label} ({count} track{'s' if count > 1 else ''}{drawn})")
    return listed(parts, MAX_SHOWN)


def _flag(track: LabelledTrack) -> str:
    label = next(iter(track.labels), "LABEL")
    return f'--label "{label}"' if " " in label else f"--label {label}"
