"""Draws appearances of a run at random, to label these instead of whole videos.

Every appearance has the same probability to be drawn, and the order is random: whoever stops after n of them has
labelled a random sample of n. sample.json in the truth folder holds the draw.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from facetally.errors import OptionError, TruthError
from facetally.files import read_json, write_whole
from facetally.formatting import command
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, read_table
from facetally.results.tables_of_run import TablesOfRun
from facetally.truth.labels import (
    BoxRow,
    DrawnAppearance,
    LabelledBoxes,
    LabelledPerson,
    Sample,
    Truth,
    folder_sources,
)

SAMPLE_FILE = "sample.json"
SCHEMA_VERSION = 1
BOX_STEP_S = 1.0
"""Between two boxes of a drawn appearance: enough to find its track again in any run."""
KEPT_VIDEOS = 64
"""Videos of which the faces are kept in memory while a sample is drawn."""
READ_ERRORS = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError)
"""What a file with another layout leads to."""


def draw_appearances(ledger: Ledger, count: int, seed: int) -> Truth:
    """A truth folder to fill in: `count` appearances of a run, drawn at random, each with its times and boxes.

    Args:
        ledger: the run.
        count: how many, at least 1; all where the run has fewer.
        seed: of the draw; the same seed and run give the same draw.

    Returns:
        People named 1, 2, ... in the order of the draw, without a gender.

    Raises:
        OptionError: a number below 1.
        OutputError: no run, or a damaged one.
        TruthError: the run has no appearances.
    """
    if count < 1:
        raise OptionError(f"--appearances {count} is no number of appearances", fix="give 1 or more, for example 40")
    rows = {row.video_id: row for row in ledger.rows() if row.status != "failed"}
    tables = TablesOfRun(ledger, is_corrected=False).tracks(list(rows.values()))
    keys = [key for tracks in tables for key in zip(tracks["video_id"], map(int, tracks["track_id"]), strict=True)]
    if not keys:
        raise TruthError(
            f"{ledger.out} has no appearances to label",
            fix=f"run more videos: {command('facetally', 'run', 'VIDEOS', '-o', ledger.out)}",
        )
    order = np.random.default_rng(seed).permutation(len(keys))[:count]
    return _drawn_truth(ledger, rows, [keys[place] for place in order], seed, len(keys))


def _drawn_truth(
    ledger: Ledger, rows: dict[str, VideoRow], keys: list[tuple[str, int]], seed: int, appearance_count: int
) -> Truth:
    people: dict[str, list[LabelledPerson]] = {}
    boxes: dict[str, list[BoxRow]] = {}
    drawn = []
    faces_of = lru_cache(KEPT_VIDEOS)(partial(_faces, ledger))  # the draw visits a video once for each appearance
    for number, (video_id, track_id) in enumerate(keys, 1):
        video, person = rows[video_id].video, str(number)
        faces = faces_of(video_id)
        faces = faces[faces["track_id"] == track_id].sort_values("time_s", kind="stable")
        start_s, end_s = float(faces["time_s"].iloc[0]), float((faces["time_s"] + faces["duration_s"]).iloc[-1])
        interval_s = (round(start_s, 4), round(end_s, 4))
        label = LabelledPerson(video, person, "unsure", intervals_s=(interval_s,), is_labelled=False)
        people.setdefault(video, []).append(label)
        boxes.setdefault(video, []).extend(_box_rows(person, faces))
        drawn.append(DrawnAppearance(video, person, track_id))
    sources = folder_sources(row.video for row in rows.values())  # of the whole run: a draw may miss all other folders
    return Truth(
        {video: tuple(members) for video, members in people.items()},
        {video: LabelledBoxes.of(found) for video, found in boxes.items()},
        sources={video: sources[video] for video in people},
        sample=Sample(seed, appearance_count, tuple(drawn)),
    )


def _faces(ledger: Ledger, video_id: str) -> pd.DataFrame:
    return read_table(ledger.path("faces", video_id), FACES).to_pandas()


def _box_rows(person: str, faces: pd.DataFrame) -> Iterable[BoxRow]:
    """A box at most every `BOX_STEP_S`, the first and the last included."""
    last_s = -BOX_STEP_S
    final_s = float(faces["time_s"].iloc[-1])
    for time_s, *edges in faces[["time_s", "x1", "y1", "x2", "y2"]].itertuples(index=False):
        if time_s - last_s >= BOX_STEP_S - 1e-6 or time_s == final_s:
            last_s = time_s
            yield person, float(time_s), tuple(map(float, edges)), 0


def sample_flaw(truth: Truth) -> str:
    """Why the labels of a draw are no random sample; empty if they are, or if nothing was drawn.

    They are one where everything up to some place of the draw is labelled, and nothing else.
    """
    if truth.sample is None:
        return ""
    drawn = {appearance.key for appearance in truth.sample.drawn}
    labelled = {(person.video, person.person) for person in truth.everybody if person.is_labelled}
    if truth.sample.unequal:
        return truth.sample.unequal
    if others := sorted(labelled - drawn):
        return (
            f"{others[0][1]} of {others[0][0]} is labelled, but was not drawn; keep such labels in another truth folder"
        )
    order = [appearance.key in labelled for appearance in truth.sample.drawn]
    gaps = [truth.sample.drawn[place].person for place in range(len(order)) if not order[place] and any(order[place:])]
    if gaps:
        shown = ", ".join(gaps[:5]) + (", ..." if len(gaps) > 5 else "")
        return f"later appearances are labelled, but not {shown}: write unsure where you cannot tell"
    return ""


def write_sample(sample: Sample, path: Path) -> None:
    """Writes sample.json.

    Raises:
        OutputError: the folder cannot be written.
    """
    content = {"schema_version": SCHEMA_VERSION, **asdict(sample)}
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_sample(path: Path) -> Sample:
    """Reads sample.json.

    Raises:
        TruthError: damaged, or written by a newer version.
    """
    fix = "restore the file from a copy; if you delete it, the labels no longer count as a random sample"
    stored: dict[str, Any] = read_json(path, TruthError, fix=fix)
    try:
        written_as = int(stored["schema_version"])
        drawn = tuple(
            DrawnAppearance(str(item["video"]), str(item["person"]), int(item["track_id"])) for item in stored["drawn"]
        )
        unequal = str(stored.get("unequal", ""))
        sample = Sample(int(stored["seed"]), int(stored["appearance_count"]), drawn, unequal)
    except READ_ERRORS as error:
        raise TruthError(f"{path} is not the draw of a sample: {type(error).__name__}", fix=fix) from error
    if written_as > SCHEMA_VERSION:
        raise TruthError(f"{path} was written by a newer facetally", fix="pip install --upgrade facetally")
    return sample
