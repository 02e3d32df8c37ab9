"""Reads and writes design.json, and checks that what it says can be."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facetally.errors import TruthError
from facetally.files import parsed_json, write_whole
from facetally.formatting import command
from facetally.labelling.design import SCHEMA_VERSION, Design, DrawnMoment, DrawnTrack, Phase, Stratum
from facetally.labelling.journal import JOURNAL_FILE
from facetally.results.ledger import Ledger


def write_design(design: Design, path: Path) -> None:
    """Writes a design completely or not at all.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    write_whole(path, json.dumps(asdict(design), indent=1) + "\n")


def read_design(path: Path, ledger: Ledger | None = None) -> Design:
    """Reads a design.

    Args:
        path: design.json.
        ledger: the run that it must belong to; None: not compared.

    Raises:
        TruthError: the file is missing, damaged, or written by a newer version; or the design is of another run.
        OutputError: the run is damaged.
    """
    if not path.exists() and not (path.parent / JOURNAL_FILE).exists():
        raise TruthError(
            f"{path.parent} holds no labelled sample",
            fix=f"label one: {command('facetally', 'label', ledger.out if ledger else 'OUT', '-o', path.parent)}",
        )
    try:
        stored = parsed_json(path.read_text(encoding="utf-8"))
        written_as = int(stored["schema_version"])
        if written_as > SCHEMA_VERSION:
            raise TruthError(
                f"{path} was written by a newer facetally: its schema version is {written_as}, and this one reads "
                f"up to {SCHEMA_VERSION}",
                fix="pip install --upgrade facetally",
            )
        design = _from_json(stored)
        _check(design)
    except (OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        raise TruthError(
            f"{path} is not a sample design: {error}",
            fix="restore it from a copy; the labels beside it are not lost, but without it no estimate for the "
            "whole run can be made from them",
        ) from error
    if ledger is not None:
        design.check_run(ledger, path.parent)
    return design


def _from_json(stored: dict[str, Any]) -> Design:
    """Raises ValueError, KeyError or TypeError where the content cannot be a design."""
    phases = stored.get("phases", [])
    return Design(
        mode=stored["mode"],
        seed=int(stored["seed"]),
        run_digest=str(stored["run_digest"]),
        strata=tuple(Stratum(**stratum) for stratum in stored["strata"]),
        tracks=tuple(DrawnTrack(**track) for track in stored["tracks"]),
        moments=tuple(DrawnMoment(**moment) for moment in stored["moments"]),
        phases=tuple(Phase(dict(phase["videos"]), float(phase["decoded_s"])) for phase in phases),
    )


def _check(design: Design) -> None:
    """Raises ValueError where numbers contradict each other, as in a file that was edited by hand."""
    if design.mode not in ("random", "uncertain"):
        raise ValueError(f"unknown mode {design.mode!r}")
    for items in (design.tracks, design.moments):
        if [item.order for item in items] != list(range(len(items))):
            raise ValueError("the order of what was drawn has gaps")
        if len({item.key for item in items}) < len(items):
            raise ValueError(f"{'an appearance' if items is design.tracks else 'a moment'} was drawn twice")
    of_strata = [stratum.phase for stratum in design.strata]
    known = range(max(len(design.phases), 1))
    if of_strata != sorted(of_strata) or not all(one in known for one in of_strata):
        raise ValueError("the strata do not fit the phases")
    for moment in design.moments:
        if not 0 < moment.inclusion_prob <= 1 or moment.phase not in known:
            raise ValueError(f"the probability or the phase of {moment.video} at {moment.time_s} s cannot be")
    _check_probabilities(design)
    _check_rounds(design)


def _check_probabilities(design: Design) -> None:
    """Each appearance has been drawn with the probability drawn / size of its stratum."""
    drawn = Counter(track.stratum for track in design.tracks)
    for stratum, count in drawn.items():
        if not 0 <= stratum < len(design.strata) or count > design.strata[stratum].size:
            raise ValueError(f"stratum {stratum} does not fit its size")
    for track in design.tracks:
        expected = 0.0 if design.is_biased else drawn[track.stratum] / design.strata[track.stratum].size
        if not math.isclose(track.inclusion_prob, expected, abs_tol=1e-9):
            raise ValueError(f"the probability of {track.video}: {track.track_id} does not fit its stratum")


def _check_rounds(design: Design) -> None:
    """A round has one appearance of each stratum at most, and the rounds of a phase follow each other."""
    newest: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    for track in design.tracks:
        phase = design.strata[track.stratum].phase
        if track.round < newest.get(phase, 0) or (not design.is_biased and (track.stratum, track.round) in seen):
            raise ValueError(f"the round of {track.video}: {track.track_id} does not fit the order")
        newest[phase] = track.round
        seen.add((track.stratum, track.round))
