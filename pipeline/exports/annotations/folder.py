"""Writes an annotation export: the tool's files, and README.txt, which says how to open them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from facetally.errors import OutputError
from facetally.exports.annotations.model import VideoTracks
from facetally.exports.annotations.written import Written
from facetally.exports.formats import README_FILE, AnnotationFormat
from facetally.files import write_whole
from facetally.formatting import counted, listed

LINE_LENGTH = 100
MAX_NAMED = 3


def write_folder(
    chosen: AnnotationFormat,
    folder: Path,
    videos: Iterable[VideoTracks],
    about: Mapping[str, str],
    notes: Callable[[], Sequence[str]] = tuple,
) -> tuple[Written, list[str]]:
    """Writes the tool's files and README.txt.

    Args:
        notes: sentences that belong to the labels; called when these are written.

    Returns:
        What was written, and all notes: the given ones, and on what the format cannot hold.

    Raises:
        PipelineError: a video or table that cannot be read, or a folder that cannot be written.
    """
    try:
        written = chosen.write(folder, videos, about)
    except OSError as error:
        raise OutputError(
            f"cannot write {folder}: {error.strerror or error}", fix="free space, or choose another place with -o"
        ) from error
    facts = [f"{key}: {value}" for key, value in about.items()]
    sentences = [*notes(), *format_notes(chosen, written)]
    paragraphs = [*facts, "", chosen.opened_by, "", *(f"{note}." for note in sentences)]
    text = "\n".join(_filled(paragraph) for paragraph in paragraphs)
    write_whole(folder / README_FILE, text + "\n")
    written.files.append(folder / README_FILE)
    return written, sentences


def _filled(paragraph: str) -> str:
    return textwrap.fill(paragraph, LINE_LENGTH, break_long_words=False, break_on_hyphens=False)


def format_notes(chosen: AnnotationFormat, written: Written) -> list[str]:
    """What the format cannot hold of what was written, as sentences."""
    notes = [chosen.not_held] if chosen.not_held and written.track_count else []
    if written.boxless and not chosen.holds_boxless:
        people = counted(len(written.boxless), "person")
        names = listed(written.boxless, MAX_NAMED)
        notes.append(f"{people} left out, who have times in view but no boxes, which this format needs: {names}")
    if written.stored_count and chosen.is_in_stored_pixels:
        videos = counted(written.stored_count, "video")
        notes.append(f"{videos} with pixels that are not square: boxes are in pixels as stored, which the tool shows")
    if written.has_facts:
        notes.append("Where labels stop and the sources of the videos are not read back: keep clips.csv")
    return notes
