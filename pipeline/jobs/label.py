"""Labels a sample of a run in a browser."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from facetally.errors import OptionError, OutputError, TruthError
from facetally.formatting import command, percent
from facetally.jobs.arguments import PathLike
from facetally.labelling.agreement import Agreement, agreement_of
from facetally.labelling.design import DESIGN_FILE, Mode
from facetally.labelling.design_file import read_design, write_design
from facetally.labelling.draw import draw_design
from facetally.labelling.extension import Extension, extend_design
from facetally.labelling.journal import JOURNAL_FILE, Journal
from facetally.labelling.open_items import LabelOptions
from facetally.labelling.record import Record
from facetally.labelling.sample import Sample
from facetally.labelling.session import Session, check_entries
from facetally.labelling.truth_folder import TruthFolder
from facetally.labelling.upkeep import Upkeep
from facetally.local_page import Tickets, bound_socket, check_packages, new_token, server_config
from facetally.results.ledger import Ledger
from facetally.truth.files import BOXES_FILE, CLIPS_FILE, PEOPLE_FILE

DEFAULT_MOMENTS = 30
GRACE_S = 10
"""For requests that are under way when the server ends."""


@dataclass(frozen=True)
class SampleRequest:
    """Which sample is labelled; None: as drawn before, else the default."""

    seed: int | None = None
    appearances: int | None = None
    moments: int | None = None
    mode: Mode = "random"


@dataclass(frozen=True)
class Ready:
    """A page that can be opened, and what its annotator has labelled before."""

    address: str
    address_once: str
    """Leads to the page the first time it is opened; it may be given to a browser."""
    tracks: int
    """Labelled appearances."""
    tracks_drawn: int
    moments: int
    """Searched moments."""
    moments_drawn: int
    extension: Extension | None = None
    """What was added to the sample, where videos were added to the run since."""


@dataclass(frozen=True)
class Labelled:
    """What there is when the page is closed."""

    tracks: int
    """Labelled appearances."""
    moments: int
    """Searched moments."""
    verdict: str
    """Where the verdict stands, as a sentence; empty for a sample that is not random."""
    problem: str
    """Why the tables could not be written; empty if they were."""
    fix: str


def label_run(
    out: PathLike,
    truth: PathLike,
    *,
    videos: Sequence[str] = (),
    request: SampleRequest | None = None,
    options: LabelOptions | None = None,
    target: float = 0.85,
    port: int = 0,
    is_ready: Callable[[Ready], None],
) -> Labelled:
    """Serves the labelling page until the process is interrupted.

    Args:
        out: a run's output folder.
        truth: the truth folder; the sample is drawn when it is new.
        videos: where the run's videos are now; by default, where they were when they were run.
        request: the sample.
        options: how it is labelled.
        target: the accuracy that the verdict is about, in (0, 1).
        port: to listen on; 0: any free one.
        is_ready: is called when the page can be opened.

    Raises:
        PipelineError: no run, videos that are not found, a truth folder of something else, a port that is taken, or
            missing packages; `fix` states what to do.
    """
    check_packages("the labelling page", "label")
    options = options or LabelOptions()
    if not 0 < target < 1:
        raise OptionError(f"--target {target:g} is not between 0 and 1", fix="give a ratio: --target 0.85")
    if not options.annotator.strip() or not options.annotator.isprintable():
        raise OptionError(f"--annotator {options.annotator!r} is no name", fix="give one: --annotator anna")
    from facetally.labelling.server import make_app

    folder = TruthFolder(Path(truth))
    sample, extension = open_sample(Ledger(Path(out)), folder, request or SampleRequest(), videos)
    session = Session(sample, Journal(folder.folder), options)
    listener, token, tickets = bound_socket(port), new_token(), Tickets()
    port = listener.getsockname()[1]
    upkeep = Upkeep(session, folder, target, [extension.notice] if extension else [])
    upkeep.start()
    try:
        app = make_app(session, upkeep, token=token, port=port, tickets=tickets)
        base = f"http://127.0.0.1:{port}"
        is_ready(_ready(f"{base}/{token}/", f"{base}/start/{tickets.new()}", session, extension))
        _serve(app, listener, session.views.stop)
    finally:
        listener.close()
        session.views.close()
        upkeep.close()
    labels, problem = session.labels(), upkeep.problem or {"what": "", "fix": ""}
    verdict = _verdict(upkeep.state()["standing"])
    return Labelled(len(labels.tracks), len(labels.moments), verdict, problem["what"], problem["fix"])


def label_agreement(out: PathLike, truth: PathLike) -> Agreement:
    """How far the annotators of a truth folder agree, and what they have to settle.

    Raises:
        PipelineError: no run, or no labels.
    """
    folder, ledger = Path(truth), Ledger(Path(out))
    design = read_design(folder / DESIGN_FILE, ledger)
    sample, record = Sample(ledger, design, find=False), Record()
    entries = Journal(folder).read_new()
    check_entries(sample, entries)
    record.add(entries)
    return agreement_of(sample, record)


def open_sample(
    ledger: Ledger, folder: TruthFolder, request: SampleRequest, videos: Sequence[str]
) -> tuple[Sample, Extension | None]:
    """The sample of a truth folder; it is drawn if the folder is new, and extended if videos were added to the run.

    Raises:
        PipelineError: as `label_run`.
    """
    path = folder.folder / DESIGN_FILE
    if path.exists():
        _check_request(folder, request)
        design = read_design(path)
        if not (added := design.added(ledger)):
            return Sample(ledger, design, videos), None
        _check_finished(ledger)
        labelled = {entry.item[1:] for entry in Journal(folder.folder).read_new() if entry.kind != "undo"}
        design, extension = extend_design(ledger, design, added, labelled)
        sample = Sample(ledger, design, videos)  # before anything is written: the videos may not be found
        write_design(design, path)
        return sample, extension
    check_new(folder.folder)
    _check_finished(ledger)
    return _new_sample(ledger, folder, request, videos), None


def _new_sample(ledger: Ledger, folder: TruthFolder, request: SampleRequest, videos: Sequence[str]) -> Sample:
    seed = request.seed or 0
    moments = DEFAULT_MOMENTS if request.moments is None else request.moments
    moments = moments if request.mode == "random" else request.moments or 0
    design = draw_design(ledger, seed=seed, appearances=request.appearances, moments=moments, mode=request.mode)
    sample = Sample(ledger, design, videos)  # before anything is written: the videos may not be found
    try:
        folder.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {folder.folder}: {error.strerror}", fix="choose another with -o") from error
    folder.store_request({"seed": seed, "appearances": request.appearances, "moments": moments, "mode": request.mode})
    write_design(design, folder.folder / DESIGN_FILE)
    return sample


def _check_finished(ledger: Ledger) -> None:
    """Refuses a run that is not finished."""
    if ledger.is_locked:
        raise OutputError(
            f"a run is writing to {ledger.out}: a sample drawn now would miss the videos to come",
            fix=f"wait until it is done: {command('facetally', 'status', ledger.out)}",
        )


def check_new(folder: Path) -> None:
    """Refuses a folder that holds labels of which no design is known.

    Raises:
        TruthError: it does.
    """
    if (folder / JOURNAL_FILE).exists():
        raise TruthError(
            f"{folder} holds a journal of labels, but not the {DESIGN_FILE} that says what was drawn",
            fix=f"restore {DESIGN_FILE}, or choose a new folder with -o; the journal is left as it is",
        )
    if existing := [name for name in (PEOPLE_FILE, BOXES_FILE, CLIPS_FILE) if (folder / name).exists()]:
        raise TruthError(
            f"{folder} holds {', '.join(existing)} from elsewhere, which labels of a sample cannot be mixed with",
            fix="choose a new folder with -o",
        )


def _ready(address: str, address_once: str, session: Session, extension: Extension | None) -> Ready:
    counts = session.counts("")
    labelled, total = counts["labelled"], counts["total"]
    of_tracks, of_moments = ((labelled[kind], total[kind]) for kind in ("track", "moment"))
    return Ready(address, address_once, *of_tracks, *of_moments, extension)


def _verdict(at: dict[str, Any]) -> str:
    if at.get("accuracy") is None:
        return ""
    further = f"; label about {at['further']} more" if at["further"] else ""
    return (
        f"Accuracy {percent(at['accuracy'])}, 95 % interval {percent(at['low'])} - {percent(at['high'])}, "
        f"target {percent(at['target'])}: {at['word']}{further}"
    )


def _check_request(folder: TruthFolder, request: SampleRequest) -> None:
    """Refuses to go on with another sample than was asked for."""
    stored: dict[str, Any] = folder.request or {}
    if stored and stored["mode"] != request.mode:
        kinds = {"random": "a random sample", "uncertain": "the most uncertain predictions"}
        raise OptionError(
            f"{folder.folder} holds labels of {kinds[stored['mode']]}, which are never mixed with others",
            fix=f"choose a new folder with -o for {kinds[request.mode]}",
        )
    for name in ("seed", "appearances", "moments"):
        wanted = getattr(request, name)
        if stored and wanted is not None and wanted != stored[name]:
            raise OptionError(
                f"the sample in {folder.folder} was drawn with another --{name} ({stored[name]}); it stays as it is",
                fix=f"leave out --{name}, or choose a new folder with -o",
            )


def _serve(app: Any, listener: Any, ending: Callable[[], None]) -> None:
    """Runs the server until the process is interrupted or terminated; `ending` is called first then."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            ending()
            super().handle_exit(sig, frame)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)  # uvicorn raises the signal again when it has ended
    try:
        Server(server_config(app, GRACE_S)).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
