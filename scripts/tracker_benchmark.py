"""Compares our tracker with ByteTrack and OC-SORT of the package `trackers`, on the same faces and hand labels.

    facetally run ../shared/videos -o out
    python -m scripts.tracker_benchmark out --truth ../shared/truth

Several OUT folders are compared too, for example of two versions of our tracker; the faces are those of the first.
The package gets an environment of its own, in a temporary folder or the one given, since it brings another OpenCV.
The others have their default parameters, and parameters for 5 samples a second: the best of a grid by IDF1 on one half
of the sources. The rows "perfect" are the most that a tracker can reach with these faces, since missed faces count.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from facetally.detection.tracker import NO_TRACK
from facetally.formatting import percent
from facetally.options import Sampling
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, read_table
from facetally.truth.files import read_truth
from facetally.truth.labels import Ints, Truth
from facetally.truth.video_names import matched_names
from facetally.validation.identity_metrics import identity_counts
from facetally.validation.matching import MIN_IOU, compared_frames, paired, sampling_step_s
from facetally.validation.metrics import Figures, halves
from facetally.validation.tracking import TrackingOutcome, appearance_numbers, evaluate_tracking
from facetally.validation.tracking_figures import total, tracking_figures
from facetally.validation.validate import on_frames_of
from scripts.check_tracking_metrics import environment

PACKAGE = "trackers==2.6.1"
FRAME_RATE = 5
"""Samples a second."""
GRIDS: dict[str, dict[str, tuple[Any, ...]]] = {
    "ByteTrack": {
        "frame_rate": (FRAME_RATE,),
        "lost_track_buffer": (15, 30),
        "minimum_consecutive_frames": (1, 2),
        "minimum_iou_threshold": (0.01, 0.1, 0.3),
        "track_activation_threshold": (0.5, 0.7),
        "high_conf_det_threshold": (0.4, 0.6),
    },
    "OC-SORT": {
        "frame_rate": (FRAME_RATE,),
        "lost_track_buffer": (15, 30),
        "minimum_consecutive_frames": (1, 3),
        "minimum_iou_threshold": (0.01, 0.1, 0.3),
        "high_conf_det_threshold": (0.4, 0.6),
        "delta_t": (1, 3),
    },
}
"""Parameters for 5 samples a second. The buffer of lost tracks is in thirtieths of a second; 30 is the default."""
FOLDER = click.Path(path_type=Path, file_okay=False)
Options = dict[str, Any]

RIVALS = """
import json, sys
import numpy, supervision
from trackers import ByteTrackTracker, OCSORTTracker

faces = numpy.load(sys.argv[1])
classes = {"ByteTrack": ByteTrackTracker, "OC-SORT": OCSORTTracker}
results = []
for name, options in json.loads(sys.argv[2]):
    ids = numpy.full(len(faces["video"]), -1)
    for video in numpy.unique(faces["video"]):
        rows = numpy.flatnonzero(faces["video"] == video)
        tracker = classes[name](**options)
        for sample in range(faces["sample"][rows].max() + 1):
            here = rows[faces["sample"][rows] == sample]
            found = supervision.Detections(faces["boxes"][here], confidence=faces["scores"][here], data={"row": here})
            found = tracker.update(found if len(here) else supervision.Detections.empty())
            if len(found):
                ids[found.data["row"]] = found.tracker_id
    results.append(ids)
numpy.save(sys.argv[3], numpy.array(results))
"""
"""Run in the environment of the package: track ids of all faces for each tracker and its options."""


@dataclass(frozen=True)
class Clip:
    """A labelled video and its faces until the labels stop."""

    name: str
    faces: pd.DataFrame
    sampling: Sampling

    @property
    def samples(self) -> Ints:
        """(N,) for each face the number of its frame among all samples, those without a face included."""
        numbers: dict[float, int] = {}
        for time_s in np.unique(self.faces["time_s"]):
            at = int(time_s / sampling_step_s(self.faces, self.sampling) + 0.01)
            numbers[time_s] = max(at, max(numbers.values(), default=-1) + 1)
        return np.array([numbers[time_s] for time_s in self.faces["time_s"]], np.int64)


@click.command(help=__doc__)
@click.argument("outs", type=FOLDER, nargs=-1, required=True)
@click.option("--truth", "truth_folder", type=FOLDER, required=True)
@click.option("--environment", "environment_folder", type=FOLDER, help="To keep and use again.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where to write all figures.")
def main(outs: tuple[Path, ...], truth_folder: Path, environment_folder: Path | None, json_file: Path | None) -> None:
    labels = read_truth(truth_folder)
    truths = {out: on_frames_of(labels, labelled_rows(out, labels)) for out in outs}
    truth = truths[outs[0]]
    clips = read_clips(outs[0], truth)
    first, second = halves(truth.source(clip.name) for clip in clips)
    outcomes = {f"ours: {out}": evaluated(truths[out], read_clips(out, truths[out])) for out in outs}
    with tempfile.TemporaryDirectory() as temporary:
        python = _python(environment_folder or Path(temporary) / "environment")
        for name, options, result in rivals(truth, clips, first, python=python, work=Path(temporary)):
            click.echo(f"{name}: {options or 'defaults'}")
            outcomes[name] = result
    outcomes |= {"perfect, by appearance": perfect(truth, clips), "perfect, by person": perfect(truth, clips, False)}
    groups = {"all": first | second, "half 1": first, "half 2": second}
    figures = {
        name: {
            group: tracking_figures(part for part in parts if part.source in sources)
            for group, sources in groups.items()
        }
        for name, parts in outcomes.items()
    }
    Console(width=150).print(table(figures))
    if json_file:
        json_file.write_text(json.dumps(figures, indent=1) + "\n")


def labelled_rows(out: Path, truth: Truth) -> dict[str, VideoRow]:
    """The rows of the videos of a run that have labelled boxes, by their names in the labels."""
    rows = {row.video: row for row in Ledger(out).rows() if row.status != "failed"}
    return {name: rows[run_name] for name, run_name in matched_names(truth.boxes, rows).items()}


def read_clips(out: Path, truth: Truth) -> list[Clip]:
    """The labelled videos of a run that have boxes."""
    ledger = Ledger(out)
    clips = []
    for name, row in sorted(labelled_rows(out, truth).items()):
        faces = read_table(ledger.path("faces", row.video_id), FACES).to_pandas()
        stored = ledger.provenance(row.video_id)["options"]
        kept = faces[faces["time_s"] <= truth.until_s(name) + 1].reset_index(drop=True)
        clips.append(Clip(name, kept, Sampling(**stored["sampling"])))
    return clips


def evaluated(truth: Truth, clips: Sequence[Clip], track_ids: Ints | None = None) -> list[TrackingOutcome]:
    """The tracks of all clips compared with the labels; `track_ids` of all faces replace those of the run."""
    ends = np.cumsum([len(clip.faces) for clip in clips])
    outcomes = []
    for number, clip in enumerate(clips):
        faces = clip.faces
        if track_ids is not None:
            faces = faces.assign(track_id=track_ids[ends[number] - len(faces) : ends[number]])
        none = pd.DataFrame({"track_id": []})
        outcomes.append(evaluate_tracking(truth, clip.name, faces=faces, tracks=none, sampling=clip.sampling))
    return outcomes


def rivals(
    truth: Truth, clips: Sequence[Clip], chosen_on: frozenset[str], *, python: Path, work: Path
) -> Iterable[tuple[str, Options, list[TrackingOutcome]]]:
    """Each tracker of the package with its defaults, and with the options that are best on some sources."""
    half = [clip for clip in clips if truth.source(clip.name) in chosen_on]
    for name, grid in GRIDS.items():
        tried = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        all_ids = run_rivals(half, [(name, options) for options in tried], python=python, work=work)
        nothing = identity_counts([], MIN_IOU)
        scores = [total([part.identity for part in evaluated(truth, half, ids)], nothing).f1 for ids in all_ids]
        best = tried[int(np.argmax(scores))]
        of_defaults, of_best = run_rivals(clips, [(name, {}), (name, best)], python=python, work=work)
        yield f"{name}, defaults", {}, evaluated(truth, clips, of_defaults)
        yield f"{name}, chosen on half 1", best, evaluated(truth, clips, of_best)


def run_rivals(clips: Sequence[Clip], trials: Sequence[tuple[str, Options]], *, python: Path, work: Path) -> Ints:
    """(trials, N) the track ids of all faces of all clips."""
    faces = pd.concat([clip.faces for clip in clips])
    np.savez(
        work / "faces.npz",
        video=np.repeat(np.arange(len(clips)), [len(clip.faces) for clip in clips]),
        sample=np.concatenate([clip.samples for clip in clips]),
        boxes=faces[["x1", "y1", "x2", "y2"]].to_numpy(np.float64),
        scores=faces["score"].to_numpy(np.float64),
    )
    command: list[str | Path] = [
        python,
        "-W",
        "ignore",
        "-c",
        RIVALS,
        work / "faces.npz",
        json.dumps(trials),
        work / "ids.npy",
    ]
    subprocess.run(command, check=True)
    return np.asarray(np.load(work / "ids.npy"), np.int64)


def perfect(truth: Truth, clips: Sequence[Clip], by_appearance: bool = True) -> list[TrackingOutcome]:
    """Every face on a labelled box gets the number of its person, or of this appearance of the person."""
    ids = []
    for clip in clips:
        labels, of_face = truth.boxes[clip.name], np.full(len(clip.faces), NO_TRACK)
        numbers = appearance_numbers(labels) if by_appearance else np.unique(labels.people, return_inverse=True)[1]
        step_s = sampling_step_s(clip.faces, clip.sampling)
        for frame in compared_frames(labels, clip.faces, step_s, clip.sampling.keyframes):
            for label, face in paired(frame.overlaps):
                of_face[frame.rows[face]] = numbers[frame.labels[label]]
        ids.append(of_face)
    return evaluated(truth, clips, np.concatenate(ids))


def table(figures: dict[str, dict[str, Figures]]) -> Table:
    """One row for each tracker."""
    columns = ("IDF1", "half 1", "half 2", "by person", "half 1", "half 2", "AssA", "switches", "fragments", "mixed")
    shown = Table("", *columns, "tracks per appearance", "per person")
    for name, by_group in figures.items():
        own = by_group["all"]
        scores = [group["idf1"]["score"] for group in by_group.values()]
        scores += [group["people"]["idf1"]["score"] for group in by_group.values()]
        cells = [percent(score) for score in [*scores, own["assa"]["score"]]]
        mixed = own["mixed"]
        cells += [str(own["switches"]), str(own["fragments"]), f"{mixed['right']} of {mixed['count']}"]
        shown.add_row(name, *cells, f"{own['tracks_per_appearance']:.2f}", f"{own['tracks_per_person']:.2f}")
    return shown


def _python(folder: Path) -> Path:
    """The Python of the environment in a folder, which is made if it is not there."""
    existing = folder / "bin" / "python"
    return existing if existing.exists() else environment(folder, (PACKAGE,))


if __name__ == "__main__":
    main()
