"""Draws the results of a run onto its videos, covers faces, or writes subtitles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, get_args

from facetally import __version__
from facetally.drawing.cover_list import FILE_NAME as COVER_LIST
from facetally.drawing.cover_list import CoverList
from facetally.drawing.film import FilmOptions
from facetally.drawing.finished import Finished, locked
from facetally.drawing.subtitles import SubtitleFormat
from facetally.drawing.videos import DrawnVideo, DrawOptions, VideoDrawing, load_searchers
from facetally.errors import OptionError, OutputError, PipelineError
from facetally.formatting import command, counted, listed
from facetally.inspection.videos import CHANGED, VideoFinder
from facetally.jobs.arguments import Inputs, PathLike, texts
from facetally.options import Device
from facetally.results.corrections import read_corrections
from facetally.results.corrections_file import FILE_NAME as CORRECTIONS
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.video_lookup import VideoLookup

MAX_NAMED = 3
"""Videos that a sentence names."""
CONTAINERS = ("", "mp4", "mkv")


@dataclass(frozen=True)
class Drawn:
    """What was written."""

    videos: tuple[DrawnVideo, ...]
    """In order of their names; those that were finished before have `was_done`."""
    notes: tuple[str, ...]
    """What else to know: corrections by hand, videos that were not found or failed, streams that were left out."""
    failed: tuple[PipelineError, ...] = ()
    """Of each video that could not be drawn: why, and what to do."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The written files."""
        return tuple(video.path for video in self.videos)


class DrawProgress(Protocol):
    """Is told how far the work is."""

    def planned(self, seconds: float, count: int, done_count: int) -> None:
        """Called once, with the length of what is to do, the number of videos, and of those done before."""

    def advanced(self, name: str, seconds: float) -> None:
        """Called with the seconds of a video that were done since the last call."""

    def finished(self, video: DrawnVideo) -> None:
        """Called after each video."""


class NoProgress:
    """Shows nothing."""

    def planned(self, seconds: float, count: int, done_count: int) -> None:
        pass

    def advanced(self, name: str, seconds: float) -> None:
        pass

    def finished(self, video: DrawnVideo) -> None:
        pass


def draw_run(
    out: PathLike,
    path: PathLike = "drawn",
    video: str | Sequence[str] = (),
    *,
    videos: Inputs = (),
    blur: bool = False,
    uncovered: Iterable[str] = (),
    only_sampled: bool = False,
    subtitles: SubtitleFormat | None = None,
    crf: int = 20,
    height: int = 0,
    container: str = "",
    audio: bool = True,
    search: bool = True,
    device: Device = "auto",
    models_dir: PathLike | None = None,
    force: bool = False,
    threads: int = 0,
    progress: DrawProgress | None = None,
) -> Drawn:
    """Writes copies of a run's videos with boxes and captions, or with covered faces; or writes subtitles.

    Every frame of a copy has the time it has in the video, and sound is copied as it is. Corrections by hand are
    applied.

    Args:
        out: a run's output folder.
        path: the folder for the copies.
        video: only this video, or these: names, parts of them, ids, or globs.
        videos: folders in which the videos are now, if they were moved.
        blur: cover faces instead of drawing boxes. Faces are searched for once more, in more frames.
        uncovered: with `blur`, tracks that stay visible: "VIDEO:TRACK".
        only_sampled: draw boxes only on the frames that the run sampled.
        subtitles: write these instead of films: "ass" (with boxes), "srt" or "vtt".
        crf: 0-51: quality of H.264; 0 is lossless, more is smaller and worse.
        height: of the copies in pixels; 0: as the video.
        container: "mp4", "mkv", or "", which chooses.
        audio: copy the sound.
        search: with `blur`, search for faces that the run did not find; what is covered then is listed in covered.csv.
        device: where the detector runs: auto, cpu or cuda.
        models_dir: searched before all other folders for weights.
        force: replace files that are there.
        threads: of decoder and encoder; 0: as many as there are cores.
        progress: is told how far the work is.

    Raises:
        PipelineError: no results, a wrong option, no video found, a file that is there already, or a full disk.
    """
    film = FilmOptions(crf=crf, height_px=height, container=container, with_sound=audio, threads=threads)
    _check(film, blur, tuple(uncovered), only_sampled, subtitles)
    ledger, target, progress = Ledger(Path(out)), Path(path), progress or NoProgress()
    lookup = VideoLookup(ledger)
    options = DrawOptions(film, blur, _uncovered(ledger, lookup, uncovered), only_sampled, subtitles, search)
    rows = _rows(ledger, lookup, video)
    finder = VideoFinder(ledger, [Path(folder) for folder in texts(videos)])
    drawings, notes = _found(ledger, rows, finder, options)
    with locked(target):
        finished = Finished(target)
        keys = [_key(ledger, one, options) for one in drawings]
        names = _names([one.name for one in drawings])
        todo = [not finished.has(name, key) or force for name, key in zip(names, keys, strict=True)]
        _check_targets(target, drawings, names, todo, force)
        left_s = sum(one.row.decoded_s * one.passes for one, is_todo in zip(drawings, todo, strict=True) if is_todo)
        progress.planned(left_s, len(drawings), len(todo) - sum(todo))
        searchers = load_searchers(ledger, device, models_dir, threads) if blur and search and any(todo) else ()
        made, failed = list[DrawnVideo](), list[PipelineError]()
        for one, name, key, is_todo in zip(drawings, names, keys, todo, strict=True):
            if not is_todo:
                made.append(DrawnVideo(one.row.video, target / name, one.row.frame_count, (), True))
                continue
            try:
                made.append(one.write(target / name, searchers, progress.advanced))
            except OutputError:
                raise
            except PipelineError as error:
                failed.append(error)
                continue
            if blur:
                CoverList(target).put(one.row.video, made[-1].added)
            finished.add(name, key, one.row.video)
            progress.finished(made[-1])
    return Drawn(tuple(made), (*notes, *_left_out(made), *_added(made, target)), tuple(failed))


def _check(
    film: FilmOptions, blur: bool, uncovered: tuple[str, ...], only_sampled: bool, subtitles: str | None
) -> None:
    if not 0 <= film.crf <= 51:
        raise OptionError(f"--crf {film.crf} is not from 0 to 51", fix="give 0 (lossless) to 51 (worst); 20 is good")
    if film.height_px and not 16 <= film.height_px <= 8192:
        raise OptionError(f"--height {film.height_px} is not from 16 to 8192", fix="give the height in pixels")
    if film.container not in CONTAINERS:
        raise OptionError(f"--container {film.container} is not known", fix="give mp4 or mkv")
    if subtitles is not None and subtitles not in get_args(SubtitleFormat):
        raise OptionError(f"--subtitles {subtitles} is not known", fix="give ass, srt or vtt")
    if uncovered and not blur:
        raise OptionError("--except is only for --blur", fix="add --blur, or leave --except out")
    if blur and (only_sampled or subtitles):
        other = "--only-sampled" if only_sampled else "--subtitles"
        raise OptionError(f"--blur and {other} exclude each other", fix="give one of them")


def _uncovered(ledger: Ledger, lookup: VideoLookup, written: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """The tracks that stay visible, as video ids and track ids."""
    found = []
    for text in written:
        name, _, number = text.rpartition(":")
        if not name or not number.isdecimal():
            fix = "write VIDEO:TRACK, for example --except film.mp4:3; facetally show lists the tracks"
            raise OptionError(f"--except {text} is no video and track", fix=fix)
        video_id, track_id = lookup.get_part(name), int(number)
        if track_id not in VideoDrawing.track_ids(ledger, video_id):
            fix = f"list its tracks: {command('facetally', 'show', ledger.out, lookup.names[video_id])}"
            raise OptionError(f"--except {text}: there is no track {track_id} in this video", fix=fix)
        found.append((video_id, track_id))
    return tuple(sorted(set(found)))


def _rows(ledger: Ledger, lookup: VideoLookup, video: str | Sequence[str]) -> list[VideoRow]:
    wanted = (video,) if isinstance(video, str) else tuple(video)
    if not wanted:
        return list(ledger.rows())
    ids = dict.fromkeys(video_id for written in wanted for video_id in lookup.get_all(written))
    return sorted((ledger.read_row(video_id) for video_id in ids), key=lambda row: row.video)


def _found(
    ledger: Ledger, rows: Sequence[VideoRow], finder: VideoFinder, options: DrawOptions
) -> tuple[list[VideoDrawing], list[str]]:
    """The videos to draw, and sentences about those that are not there or failed."""
    corrections = read_corrections(ledger.out)
    drawings, missing = list[VideoDrawing](), dict[str, list[str]]()
    for row in rows:
        if row.status == "failed":
            missing.setdefault("could not be processed by the run", []).append(row.video)
            continue
        path, why = finder.find(row)
        if path is None:
            missing.setdefault(why, []).append(row.video)
        else:
            drawings.append(VideoDrawing(ledger, row, path, corrections, options))
    notes = [f"not drawn, {why}: {listed(names, MAX_NAMED)}" for why, names in missing.items()]
    if not drawings:
        moved = command("facetally", "draw", ledger.out, "--videos", "FOLDER")
        fix = f"if the videos were moved: {moved}" if CHANGED not in missing else "run facetally run on them again"
        raise OutputError(f"no video of {ledger.out} can be drawn: {'; '.join(notes)}", fix=fix)
    return drawings, [note for note in (corrections.disclosure({row.video_id for row in rows}), *notes) if note]


def _names(wanted: Sequence[str]) -> list[str]:
    """The names of the files, different ones also where case does not count: film.mp4, film_2.mp4."""
    taken, names = set[str](), []
    for name in wanted:
        path, number, chosen = Path(name), 1, name
        while chosen.casefold() in taken:
            number += 1
            chosen = str(path.with_name(f"{path.stem}_{number}{path.suffix}"))
        taken.add(chosen.casefold())
        names.append(chosen)
    return names


def _key(ledger: Ledger, one: VideoDrawing, options: DrawOptions) -> str:
    """Stands for all that a file is made from."""
    corrections = ledger.out / CORRECTIONS
    stored = corrections.read_bytes() if corrections.exists() else b""
    row = one.row
    parts = [__version__, asdict(options), row.content_sha256, row.faces_sha256, row.tracks_sha256]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode() + stored).hexdigest()


def _check_targets(
    target: Path, drawings: Sequence[VideoDrawing], names: Sequence[str], todo: Sequence[bool], force: bool
) -> None:
    """Refuses to replace a video of the run, always, and any other file without `force`."""
    sources = {one.path.resolve() for one in drawings}
    if inside := [name for name in names if (target / name).resolve() in sources]:
        raise OutputError(
            f"{target / inside[0]} is a video of the run, and would be replaced", fix="give another folder with -o"
        )
    there = [name for name, is_todo in zip(names, todo, strict=True) if is_todo and (target / name).exists()]
    if there and not force:
        raise OutputError(
            f"{target} holds other files of these names already: {listed(there, MAX_NAMED)}",
            fix="give --force to replace them, or another folder with -o",
        )


def _added(made: Sequence[DrawnVideo], target: Path) -> list[str]:
    """A sentence about places that were covered though the run has no track there."""
    counts = [len(video.added) for video in made if video.added]
    if not counts:
        return []
    places = f"{counted(sum(counts), 'place')} in {counted(len(counts), 'video')}"
    return [f"also covered, though the run has no track there: {places}; listed in {target / COVER_LIST}"]


def _left_out(made: Sequence[DrawnVideo]) -> list[str]:
    """Sentences about streams that were not copied, and pictures that were converted."""
    by_note: dict[str, list[str]] = {}
    for video in made:
        for note in video.notes:
            by_note.setdefault(note, []).append(video.video)
    return [f"{note}: {listed(names, MAX_NAMED)}" for note, names in by_note.items()]
