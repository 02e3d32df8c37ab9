"""What goes on beside the labelling: the verdict is brought up to date, and the truth folder is written again."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from threading import Event, Lock, Thread
from typing import Any

from facetally.errors import PipelineError
from facetally.labelling.estimates import sample_estimates
from facetally.labelling.progress import standing, track_outcome
from facetally.labelling.session import Session
from facetally.labelling.truth_folder import TruthFolder
from facetally.quantification.sampling_estimates import Estimate

LOGGER = logging.getLogger("facetally")
WRITE_EVERY = 5
"""Entries after which the truth folder is written again."""
QUIET_S = 2.0
"""It is also written when nothing was labelled for so long."""


class Upkeep:
    """Keeps verdict and truth folder up to date in a thread of its own, so that no key press waits for them.

    Args:
        session: the labelling.
        folder: its truth folder.
        target: accuracy that the verdict is about.
        notices: for the annotator: what and fix of each.
    """

    def __init__(
        self, session: Session, folder: TruthFolder, target: float, notices: Sequence[Mapping[str, str]] = ()
    ) -> None:
        self._session, self._folder, self._target = session, folder, target
        self._notices, self._lock = tuple(notices), Lock()
        self._standing: dict[str, Any] = {}
        self._of_moments: dict[str, Any] = {}
        self._problem: dict[str, str] | None = None
        self._changed, self._closing = Event(), Event()
        self._seen = self._written = -1
        self._thread = Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Computes the verdict for the first time, then goes on in the background."""
        self._refresh()
        self._thread.start()

    def changed(self) -> None:
        """Something was labelled."""
        self._changed.set()

    def close(self) -> None:
        """Ends the thread, and writes the truth folder for the last time."""
        self._closing.set()
        self._changed.set()
        self._thread.join()
        self._session.sync()
        self._write()

    def state(self) -> dict[str, Any]:
        """The verdict, the time left, and what the annotator should know, for the page."""
        with self._lock:
            standing, problem = dict(self._standing), self._problem
        each_s = self._session.seconds_each()
        notices = [*([problem] if problem else []), *self._notices]
        if lines := self._session.journal.unreadable:
            numbers = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
            notices.append(
                {
                    "what": f"Line {numbers} of journal.jsonl is incomplete: writing it was interrupted.",
                    "fix": "It is not counted, and its item is shown again; nothing needs to be done.",
                }
            )
        return {"standing": standing, "seconds_each": each_s, "notices": notices}

    @property
    def problem(self) -> dict[str, str] | None:
        """Why the truth folder could not be written; None if it was."""
        with self._lock:
            return self._problem

    def _run(self) -> None:
        while not self._closing.is_set():
            is_new = self._changed.wait(QUIET_S)
            self._changed.clear()
            count = self._session.entry_count
            if count != self._seen:
                self._refresh()
            if count != self._written and (not is_new or count - self._written >= WRITE_EVERY):
                self._write()

    def _refresh(self) -> None:
        self._seen = self._session.entry_count
        try:
            standing = self._figures()
        except PipelineError as error:
            LOGGER.warning("no verdict: %s", error)
            standing = {"problem": error.what}
        except Exception:  # labels are saved whatever happens here
            LOGGER.exception("no verdict")
            standing = {"problem": "the verdict could not be computed; see the log"}
        with self._lock:
            self._standing = standing

    def _figures(self) -> dict[str, Any]:
        """The verdict; of a biased sample only that it has none."""
        sample, labels = self._session.sample, self._session.labels()
        disputed = self._session.disputed
        if sample.design.is_biased:
            return {"biased": True, "disputed": disputed}
        outcomes = {
            key: track_outcome(label, sample.predictions[key].female_prob)
            for key, label in labels.tracks.items()
            if key in sample.predictions
        }
        figures = {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(standing(sample.design, outcomes, self._target)).items()
        }
        return {**figures, **self._of_moments, "disputed": disputed}

    def _refresh_moments(self) -> None:
        """Recall takes longer to compute, as it needs the whole run; it is brought up to date with the truth folder."""
        sample, labels = self._session.sample, self._session.labels()
        if labels.moments and not sample.design.is_biased:
            found = sample_estimates(sample.ledger, sample.design, labels, self._target)
            self._of_moments = {"recall": _estimate(found.recall), "end_to_end": _estimate(found.end_to_end)}

    def _write(self) -> None:
        count = self._session.entry_count
        try:
            self._refresh_moments()
            self._folder.write(self._session.sample, self._session.labels())
            problem = None
        except PipelineError as error:
            problem = {"what": error.what, "fix": error.fix}
        except Exception:  # labels are saved whatever happens here
            LOGGER.exception("the truth folder was not written")
            problem = {"what": "the truth folder could not be written; see the log", "fix": "labels are in the journal"}
        self._written = count
        with self._lock:
            self._problem = problem
        self._refresh()


def _estimate(estimate: Estimate) -> dict[str, Any] | None:
    if math.isnan(estimate.share):
        return None
    return {"share": estimate.share, "low": estimate.interval.low, "high": estimate.interval.high}
