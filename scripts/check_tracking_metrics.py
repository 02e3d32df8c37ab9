"""Checks our measures of tracking against motmetrics and TrackEval, within 1e-6, on MOT files and on random worlds.

    python -m scripts.check_tracking_metrics [FOLDER]

The files are the two sequences that motmetrics contains, TUD-Campus and TUD-Stadtmitte, and those in FOLDER: a folder
for each sequence, with gt.txt and test.txt in the format of the MOT challenge 2015. Both libraries are installed in an
environment of their own, in a temporary folder, because TrackEval needs another OpenCV.

IDF1, IDP and IDR are compared with both libraries, HOTA, DetA and AssA with TrackEval, and switches and fragments with
motmetrics. TrackEval counts these two otherwise: it forgets the track of a person who is not found in the previous
frame, and whoever leaves the picture and comes back counts as interrupted.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import click
import numpy as np

from facetally.validation.identity_metrics import Floats, Frame, hota_counts, identity_counts, switch_counts

PACKAGES = ("motmetrics==1.4.0", "trackeval==1.3.0")
MIN_OVERLAP = 0.5
MAX_DIFFERENCE = 1e-6
WORLDS = 20
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
Row = tuple[int, int, float, float, float, float]
"""Frame, id, left, top, width, height."""
Figures = dict[str, float]

REFERENCE = """
import contextlib, json, pathlib, sys
import numpy
numpy.asfarray = lambda values: numpy.asarray(values, float)  # motmetrics 1.4.0 needs it; NumPy 2 has it no more
import motmetrics
with contextlib.redirect_stdout(sys.stderr):
    from trackeval.metrics import HOTA, Identity
    metrics = [Identity({"PRINT_CONFIG": False}), HOTA()]

def figures(folder):
    truth, tracks = (motmetrics.io.loadtxt(folder / name, fmt="mot15-2D") for name in ("gt.txt", "test.txt"))
    compared = motmetrics.utils.compare_to_groundtruth(truth, tracks, "iou", distth=0.5)
    names = {"idf1": "idf1", "idp": "idp", "idr": "idr", "num_switches": "switches", "num_fragmentations": "fragments"}
    of_mot = motmetrics.metrics.create().compute(compared, metrics=list(names)).rename(columns=names).iloc[0].to_dict()
    ids = [sorted(table.index.get_level_values("Id").unique()) for table in (truth, tracks)]
    data = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for frame in sorted({*truth.index.get_level_values(0), *tracks.index.get_level_values(0)}):
        here = [table[table.index.get_level_values(0) == frame] for table in (truth, tracks)]
        for key, known, table in zip(("gt_ids", "tracker_ids"), ids, here):
            data[key].append(numpy.array([known.index(i) for i in table.index.get_level_values("Id")], int))
        boxes = [table[["X", "Y", "Width", "Height"]].to_numpy(float) for table in here]
        shape = len(boxes[0]), len(boxes[1])
        distances = motmetrics.distances.iou_matrix(*boxes) if all(shape) else numpy.zeros(shape)
        data["similarity_scores"].append(1 - distances)
    data |= {"num_timesteps": len(data["gt_ids"]), "num_gt_ids": len(ids[0]), "num_tracker_ids": len(ids[1])}
    data |= {"num_gt_dets": len(truth), "num_tracker_dets": len(tracks)}
    identity, hota = (metric.eval_sequence(data) for metric in metrics)
    of_trackeval = {key.lower(): float(identity[key]) for key in ("IDF1", "IDP", "IDR")}
    of_trackeval |= {key.lower(): float(numpy.mean(hota[key])) for key in ("HOTA", "DetA", "AssA")}
    return {"motmetrics": {key: float(value) for key, value in of_mot.items()}, "TrackEval": of_trackeval}

with contextlib.redirect_stdout(sys.stderr):
    own = (pathlib.Path(motmetrics.__file__).parent / "data").glob("*/gt.txt")
    folders = [*map(pathlib.Path, sys.argv[1:]), *sorted(path.parent for path in own)]
    found = {str(folder): figures(folder) for folder in folders}
print(json.dumps(found))
"""
"""Run in the environment of the libraries: prints their figures for each folder."""


@click.command(help=__doc__)
@click.argument("folder", type=FOLDER, required=False)
def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        python = environment(work / "environment", PACKAGES)
        worlds = [write_world(work / f"world-{seed}", seed) for seed in range(WORLDS)]
        given = sorted(path.parent for path in folder.glob("*/gt.txt")) if folder else []
        command: list[str | Path] = [python, "-c", REFERENCE, *worlds, *given]
        expected = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        worst = 0.0
        for name, by_library in expected.items():
            ours = figures(Path(name))
            difference = max(abs(ours[key] - value) for theirs in by_library.values() for key, value in theirs.items())
            worst = max(worst, difference)
            click.echo(f"{Path(name).name}: " + ", ".join(f"{key} {value:.6g}" for key, value in ours.items()))
    click.echo(f"{len(expected)} sequences, largest difference from {' and '.join(PACKAGES)}: {worst:.2g}")
    sys.exit(worst > MAX_DIFFERENCE)


def environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """Makes a virtual environment with some packages, and returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def figures(folder: Path) -> Figures:
    """Our measures of the sequence in a folder."""
    frames = read_frames(folder)
    identity, hota, switching = (
        identity_counts(frames, MIN_OVERLAP),
        hota_counts(frames),
        switch_counts(frames, MIN_OVERLAP),
    )
    return {
        **{"idf1": identity.f1, "idp": identity.precision, "idr": identity.recall},
        **{"hota": hota.hota, "deta": hota.detection, "assa": hota.association},
        **{"switches": switching.switches, "fragments": switching.fragments},
    }


def read_frames(folder: Path) -> list[Frame]:
    """The frames of gt.txt and test.txt together, in order."""
    truth, tracks = (_by_frame(np.loadtxt(folder / name, delimiter=",", ndmin=2)) for name in ("gt.txt", "test.txt"))
    nothing = np.zeros((0, 6))
    return [_frame(truth.get(f, nothing), tracks.get(f, nothing)) for f in sorted({*truth, *tracks})]


def _by_frame(table: Floats) -> dict[int, Floats]:
    return {int(frame): table[table[:, 0] == frame] for frame in np.unique(table[:, 0])}


def _frame(truth: Floats, tracks: Floats) -> Frame:
    # in double precision, unlike `facetally.detection.boxes`: boxes in round numbers reach HOTA's thresholds exactly
    first, second = (np.hstack([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]]) for rows in (truth, tracks))
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.maximum(sides, 0).prod(axis=2)
    overlaps = shared / (truth[:, 4:6].prod(axis=1)[:, None] + tracks[:, 4:6].prod(axis=1)[None] - shared)
    return Frame(truth[:, 1].astype(int), tracks[:, 1].astype(int), overlaps)


def write_world(folder: Path, seed: int) -> Path:
    """Writes gt.txt and test.txt of a random world, and returns the folder."""
    folder.mkdir(parents=True)
    truth, tracks = world(seed)
    for name, rows in (("gt.txt", truth), ("test.txt", tracks)):
        lines = (",".join(map(str, (*row, 1, -1, -1, -1))) for row in rows)
        (folder / name).write_text("\n".join(lines) + "\n")
    return folder


def world(seed: int, frames: int = 60) -> tuple[list[Row], list[Row]]:
    """One to six people who cross, leave and come back, and tracks that lose them, mix them up and see others."""
    rng, people = random.Random(seed), 1 + seed % 6
    truth: list[Row] = []
    tracks: list[Row] = []
    track_of = list(range(people))
    at = [(400 * rng.random(), 8 * rng.random() - 4) for _ in range(people)]
    for frame in range(1, frames + 1):
        if people > 1 and rng.random() < 0.15:
            first, second = rng.sample(range(people), 2)
            track_of[first], track_of[second] = track_of[second], track_of[first]
        if rng.random() < 0.1:
            track_of[rng.randrange(people)] = people + frame
        for person, (start, speed) in enumerate(at):
            x = start + speed * frame
            if (frame + 7 * person) % 23 > 3:
                truth.append((frame, person, round(x, 1), 10.0 * person, 60.0, 80.0))
            if rng.random() < 0.85:
                shift = 40 * rng.random() ** 2
                tracks.append((frame, track_of[person], round(x + shift, 1), 10.0 * person + 5, 60.0, 80.0))
        if rng.random() < 0.2:
            tracks.append((frame, 1000 + frame // 10, round(400 * rng.random(), 1), 20.0, 60.0, 80.0))
    return truth, tracks


if __name__ == "__main__":
    main()
