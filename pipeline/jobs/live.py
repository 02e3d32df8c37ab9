"""Looks at a camera, a stream or a file as it comes, shows the faces, and stores the tables of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facetally import __version__
from facetally.batch.plan import check_output
from facetally.errors import OptionError, OutputError
from facetally.formatting import command
from facetally.jobs.arguments import PathLike, optional_path
from facetally.live.captures import opened
from facetally.live.engines import live_engines
from facetally.live.frames import LiveFrames
from facetally.live.reader import Gap, Reader
from facetally.live.recording import Recording, is_left_over, join
from facetally.live.session import Session
from facetally.live.sources import Source, parse_source
from facetally.live.views import NoView, View, show_until_over
from facetally.log import LOG_NAME, LOGGER, logged_to
from facetally.models.engines import Engines
from facetally.options import Device, RunOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.run_tables import Run
from facetally.tallies.aggregator import DEFAULT_BIN, parse_bin, tally_videos, write_tallies

OWN_FILES = {".lock", LOG_NAME, "videos"}
"""What a folder may hold before anything is stored in it."""


@dataclass(frozen=True)
class Watched:
    """What was seen of a live source."""

    source: str
    """Without its password."""
    genders: Mapping[str, int]
    """Appearances by predicted gender."""
    watched_s: float
    frame_count: int
    """Pictures that came, and were decoded."""
    sampled_count: int
    dropped_count: int
    """Samples that were due while the machine was busy."""
    gaps: tuple[Gap, ...]
    latency_s: tuple[float, float]
    """From the arrival of a sampled frame to its results: median and 95th percentile of the last ones."""
    run: Run | None
    """The tables; None if none were stored."""


def watch(
    source: str,
    out: PathLike | None = None,
    *,
    options: RunOptions | None = None,
    every_s: float | None = None,
    seconds: float = 0.0,
    device: Device = "auto",
    threads: int = 0,
    models_dir: PathLike | None = None,
    view: Callable[[], View] = NoView,
) -> Watched:
    """Looks at a source until it ends, `view` ends it, or the process is interrupted.

    Args:
        source: the number of a camera, a file, or an address of rtsp or http.
        out: a new folder, for the tables of a run; None: nothing is stored.
        options: as for a run; frames go through the networks one by one, and people are not counted.
        every_s: seconds between two sampled frames; replaces that of `options`.
        seconds: ends after so many; 0: with the source.
        device: where the networks run.
        threads: of each network; 0 lets the library choose.
        models_dir: searched for weights before all other folders.
        view: makes what shows the pictures, once the source is open; by default they are not shown.

    Raises:
        PipelineError: a source that cannot be opened, missing weights, an invalid option, or a folder that is not
            empty or cannot be written; `fix` states what to do. No text has the password of an address in it.
    """
    if not 0 <= seconds < float("inf"):
        raise OptionError(f"--seconds {seconds:g} is not a length of time", fix="give seconds: --seconds 60")
    parsed, options = parse_source(source), live_options(options or RunOptions(), every_s)
    ledger = None if out is None else Ledger(Path(out))
    if ledger:
        check_new(ledger.out)
    engines = live_engines(options, device, threads=threads, models_dir=optional_path(models_dir))
    reader = Reader(lambda: opened(parsed), seconds)
    frames = LiveFrames(reader, options.sampling, seconds)
    if ledger is None:
        session = Session(frames, engines, options)
        _run(reader, session, view())
        return _watched(parsed, reader, session, None)
    check_output(ledger.out)
    with _kept_on_errors(ledger.out), ledger.locked(), logged_to(ledger.out), _logged(parsed, options, engines):
        session = Session(frames, engines, options, _recording(ledger, parsed, reader, options, engines))
        _run(reader, session, view(), lambda: _saved(ledger))
        row = _tables(ledger)
    return _watched(parsed, reader, session, Run(ledger.out, [row]))


def join_recording(out: PathLike) -> Run:
    """Makes the tables of a recording that was ended by force.

    Raises:
        OutputError: there is none, it goes on, or the folder cannot be written.
    """
    ledger = Ledger(Path(out))
    if not is_left_over(ledger.out):
        join(ledger)  # raises the error
    with ledger.locked():
        return Run(ledger.out, [_tables(ledger, is_cut_off=True)])


def live_options(options: RunOptions, every_s: float | None = None) -> RunOptions:
    """The options of a run, changed so that each frame has its results at once."""
    sampling = options.sampling if every_s is None else replace(options.sampling, every_s=every_s)
    return replace(
        options,
        sampling=sampling,
        following=replace(options.following, batch_frames=1),
        people=replace(options.people, count=False),
    )


def check_new(out: Path) -> None:
    """Refuses a folder with something in it.

    Raises:
        OutputError: it holds a recording that is not complete, or anything else.
    """
    if Ledger(out).is_locked:
        raise OutputError(f"another run is writing to {out}", fix="choose a new folder with -o")
    if is_left_over(out):
        raise OutputError(
            f"{out} holds a recording that was ended by force",
            fix=f"make its tables: {command('facetally', 'live', '--join', '-o', out)}; and choose another folder here",
        )
    try:
        found = {path.name for path in out.iterdir()} if out.exists() else set()
        found -= {"videos"} if not any((out / "videos").glob("*")) else set()
    except OSError as error:
        raise OutputError(f"cannot read {out}: {error.strerror}", fix="choose another folder with -o") from error
    if found - OWN_FILES or ("videos" in found):
        raise OutputError(
            f"{out} is not empty: a recording is never mixed with other results",
            fix="choose a new folder with -o",
        )


def _recording(ledger: Ledger, source: Source, reader: Reader, options: RunOptions, engines: Engines) -> Recording:
    video = source.video
    row = VideoRow(video.video_id, video.name, source.path, options_digest=options.digest(engines.model_hashes))
    started_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Recording(ledger, row, reader, engines.run_provenance(options), started_at)


def _run(reader: Reader, session: Session, view: View, save: Any = None) -> None:
    """Shows the source until it ends; Ctrl+C ends it like the key `q`."""
    reader.start()
    session.start()
    try:
        show_until_over(reader, session, view, save)
    except KeyboardInterrupt:
        LOGGER.info("ended by the user")
    finally:
        reader.stop()
        try:
            session.finish()
        finally:
            view.close()


def _tables(ledger: Ledger, *, is_cut_off: bool = False, keep: bool = False) -> VideoRow:
    """Makes the tables from what is stored so far, and tallies."""
    row = join(ledger, is_cut_off=is_cut_off, keep=keep)
    bin_s = parse_bin(DEFAULT_BIN)
    write_tallies(ledger, tally_videos(ledger, ledger.rows(), bin_s), bin_s)
    return row


def _saved(ledger: Ledger) -> bool:
    """Makes the tables of what is stored so far, if anything is: the first results come after some seconds."""
    is_there = is_left_over(ledger.out)
    if is_there:
        _tables(ledger, keep=True)
    return is_there


@contextmanager
def _kept_on_errors(out: Path) -> Iterator[None]:
    """Says how to get at what was stored before the folder could not be written any more."""
    try:
        yield
    except (OutputError, OSError) as error:  # closing the log may fail as well
        if not is_left_over(out):
            raise
        what = error.what if isinstance(error, OutputError) else f"cannot write to {out}: {error.strerror or error}"
        fix = (
            f"free space, then make the tables of what was stored: {command('facetally', 'live', '--join', '-o', out)}"
        )
        raise OutputError(what, fix=fix) from error


@contextmanager
def _logged(source: Source, options: RunOptions, engines: Engines) -> Iterator[None]:
    """Logs what is looked at, and how it ended."""
    models = json.dumps(engines.provenance())
    LOGGER.info("facetally %s, live from %s, on %s", __version__, source.shown, engines.device)
    LOGGER.info("options %s, models %s", json.dumps(options.as_dict()), models)
    try:
        yield
    except Exception as error:
        LOGGER.error("stopped: %s", source.redacted(str(error)))
        raise
    LOGGER.info("finished")


def _watched(source: Source, reader: Reader, session: Session, run: Run | None) -> Watched:
    frames, latency = session.frames, session.speed.latency
    return Watched(
        source.shown,
        session.scene.genders,
        frames.watched_s,
        reader.frame_count,
        frames.sampled_count,
        frames.dropped_count,
        tuple(reader.gaps),
        (latency.quantile(0.5), latency.quantile(0.95)),
        run,
    )
