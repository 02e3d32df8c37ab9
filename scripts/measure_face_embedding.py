"""Measures how well face vectors tell people apart, on persons held out from training and on labelled video.

    facetally run ../shared/videos -o OUT
    python -m scripts.measure_face_embedding --embedder models/facetally_face_embedding.onnx --out OUT \\
        --videos ../shared/videos --truth ../shared/truth --held-out FACES/imfdb --held-out FACES/ytf \\
        --teacher dlib_face_recognition_resnet_model_v1.dat --report embedding.json --markdown embedding.md

FACES comes from scripts.train_face_embedding. Beside the network stand blurred grey crops, compared by correlation, and
the teacher, if it is given. Vectors are biometric data: they stay in memory, only figures are written.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import rich_click as click

from facetally.detection.boxes import heights, iou_matrix
from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.embedding import FaceEmbedder
from facetally.detection.faces import Faces, FloatArray, ImageArray
from facetally.detection.scrfd import ScrfdDetector
from facetally.detection.tracker import NO_TRACK
from facetally.detection.training.embedding_augment import FaceAugmentOptions, augmented, plain
from facetally.detection.training.embedding_faces import STORED_CROP, FaceFolder, FaceStore
from facetally.detection.training.embedding_metrics import PairFigures, pair_figures, person_pairs
from facetally.results.ledger import Ledger
from facetally.tracks.people import clusters_of
from facetally.truth.files import read_truth
from facetally.truth.labels import LabelledBoxes, Truth
from facetally.validation import identity_metrics
from facetally.validation.matching import MAX_OFFSET_S, paired
from facetally.validation.metrics import halves
from facetally.video.reader import Frame, VideoReader
from scripts.provenance import machine

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PLACE = click.Path(path_type=Path, exists=True, file_okay=False)
NEW_FILE = click.Path(path_type=Path, dir_okay=False)
GAPS_S = {"0.2-0.6 s": (0.2, 0.6), "1-5 s": (1.0, 5.0), "over 5 s": (5.0, np.inf)}
HEIGHTS_PX = {"under 24 px": (0, 24), "24-40 px": (24, 40), "40-80 px": (40, 80), "80 px and more": (80, np.inf)}
"""By the lower of the two faces."""
THRESHOLDS = np.round(np.arange(-0.2, 1.0, 0.005), 3)
"""Similarities from which on tracks are joined, to choose from."""
GREY_PX, GREY_SIGMA = 32, 2.0
"""Side and blur of the grey crops."""
HELD_OUT_FACES = 4000
"""At most, since all pairs of them are compared."""
SKIPPED = ("not_a_face", "ignore")

Describe = Callable[[ImageArray, Faces], FloatArray]
"""From an image, BGR, and N faces in it to (N, D) unit vectors."""


@dataclass(frozen=True)
class SeenFace:
    """A labelled box, and the detected face on it."""

    video: str
    source: str
    person: str
    time_s: float
    height_px: float
    track_id: int
    """`NO_TRACK`: in none."""
    vectors: Mapping[str, FloatArray]
    """(D,) of length 1, by the kind of vector."""


@click.command(help=__doc__)
@click.option("--embedder", type=FILE, required=True)
@click.option("--out", type=PLACE, required=True, help="Output folder of a run over the videos.")
@click.option("--videos", type=PLACE, required=True)
@click.option("--truth", type=PLACE, required=True)
@click.option("--detector", type=FILE, default=Path("models/facetally_scrfd_500m.onnx"), show_default=True)
@click.option("--held-out", type=PLACE, multiple=True, help="Folder of faces whose held-out persons are compared.")
@click.option("--teacher", type=FILE, help="dlib's face recognition network.")
@click.option("--report", type=NEW_FILE, help="Write the figures here, as JSON.")
@click.option("--markdown", type=NEW_FILE, help="Write the figures here, as Markdown.")
def main(
    embedder: Path,
    out: Path,
    videos: Path,
    truth: Path,
    detector: Path,
    held_out: tuple[Path, ...],
    teacher: Path | None,
    report: Path | None,
    markdown: Path | None,
) -> None:
    ours = FaceEmbedder(embedder)
    kinds: dict[str, Describe] = {
        "network": lambda image, faces: ours.embed(cut_crops(image, faces, ours.recipe)),
        "grey crops": grey_vectors,
    }
    if teacher:
        from facetally.detection.training.embedding_teacher import DlibTeacher

        kinds["teacher"] = DlibTeacher(teacher).of_faces
    labels = read_truth(truth)
    seen = seen_faces(labels, Ledger(out), videos, ScrfdDetector(detector, threads=1), kinds)
    figures: dict[str, Any] = {
        "date": str(date.today()),
        "machine": machine(),
        "command": shlex.join(["python", "-m", "scripts.measure_face_embedding", *sys.argv[1:]]),
        "embedder": {"file": embedder.name, "bytes": embedder.stat().st_size, "ms_per_face": speed_ms(ours)},
        "held_out": {folder.name: held_out_figures(ours, FaceFolder.load(folder)) for folder in held_out},
        **video_figures(seen, halves(map(labels.source, labels.boxes)), tuple(kinds)),
    }
    if report:
        report.write_text(json.dumps(figures, indent=1) + "\n")
    text = as_markdown(figures)
    if markdown:
        markdown.write_text(text)
    click.echo(text)


def grey_vectors(image: ImageArray, faces: Faces) -> FloatArray:
    """Blurred grey crops without their mean, of length 1: their scalar product is the correlation."""
    crops = cut_crops(image, faces, CropRecipe(GREY_PX, STORED_CROP.template_scale))
    return grey_vectors_of(crops)


def grey_vectors_of(crops: ImageArray) -> FloatArray:
    """The same of crops, (N, S, S, 3) uint8 RGB."""
    blurred = [cv2.GaussianBlur(crop.mean(axis=2, dtype=np.float32), (0, 0), GREY_SIGMA).ravel() for crop in crops]
    flat = np.array(blurred, np.float32).reshape(len(crops), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6), np.float32)


def speed_ms(embedder: FaceEmbedder, repeats: int = 30) -> dict[str, float]:
    """The shortest time per face, by the number of faces at once."""
    side, rng = embedder.recipe.size_px, np.random.default_rng(0)
    result = {}
    for count in (1, 4, 8, 16):
        crops = rng.integers(0, 256, (count, side, side, 3), np.uint8)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            embedder.embed(crops)
            times.append(time.perf_counter() - start)
        result[str(count)] = round(1000 * min(times) / count, 3)
    return result


# Held-out persons


def held_out_figures(embedder: FaceEmbedder, folder: FaceFolder) -> dict[str, Any]:
    """Figures over all pairs of faces of the persons that are held out, as stored and degraded as in video."""
    store, rng = FaceStore([folder]), np.random.default_rng(0)
    faces = rng.permutation(store.held_out())[:HELD_OUT_FACES]
    side = embedder.recipe.size_px
    zoom, options = side / STORED_CROP.size_px, FaceAugmentOptions()
    clean = np.stack([plain(store.crop(face), side, zoom) for face in faces])
    degraded = np.stack([augmented(store.crop(face), side, zoom, options=options, rng=rng) for face in faces])
    persons = store.persons[faces]
    vectors = {"network": embedder.embed(clean), "grey crops": grey_vectors_of(clean)}
    if store.vectors.shape[1]:
        vectors["teacher"] = store.vectors[faces]
    vectors["network, degraded"] = embedder.embed(degraded)
    counts = {"persons": len(set(persons.tolist())), "faces": len(faces)}
    return counts | {name: rounded(person_pairs(persons, own)) for name, own in vectors.items()}


# Labelled video


def seen_faces(
    truth: Truth, ledger: Ledger, videos: Path, detector: ScrfdDetector, kinds: Mapping[str, Describe]
) -> list[SeenFace]:
    """The detected faces on labelled boxes at the sampled frames nearest to the labels, of all labelled videos."""
    names = {name: video_id for video_id, name in ledger.names().items()}
    seen: list[SeenFace] = []
    for video in sorted(truth.boxes.keys() & names.keys()):
        tracks = track_boxes(ledger, names[video])
        skipped = {person.person for person in truth.people[video] if person.gender in SKIPPED}
        with VideoReader(videos / video) as reader:  # twice over the video, to keep no more than a frame in memory
            frames = [(frame.index, frame.time_s, frame.image.hw) for frame in reader]
        boxes = truth.on_frames({video: frames[0][2][::-1]}).boxes[video]
        wanted = labelled_frames([(index, time_s) for index, time_s, _ in frames], boxes)
        with VideoReader(videos / video) as reader:
            for frame in reader:
                rows = [row for row in wanted.get(frame.index, []) if boxes.people[row] not in skipped]
                if rows:
                    seen += in_frame(frame, boxes, rows, video, truth.source(video), tracks, detector, kinds)
    return seen


def labelled_frames(frames: Sequence[tuple[int, float]], boxes: LabelledBoxes) -> dict[int, list[int]]:
    """The positions of the labels for which a frame is the nearest in time, by the frame's index.

    Args:
        frames: index and time_s of each sampled frame.
        boxes: the labels.
    """
    indices, times_s = zip(*frames, strict=True)
    wanted: dict[int, list[int]] = {}
    for row, time_s in enumerate(boxes.times_s):
        offsets = np.abs(np.array(times_s) - time_s)
        if offsets.min() <= MAX_OFFSET_S:
            wanted.setdefault(indices[int(offsets.argmin())], []).append(row)
    return wanted


def track_boxes(ledger: Ledger, video_id: str) -> dict[int, tuple[FloatArray, list[int]]]:
    """The boxes, (N, 4), and tracks of the faces of a run, by frame."""
    table = pq.read_table(ledger.path("faces", video_id)).to_pandas()
    return {
        int(index): (own[["x1", "y1", "x2", "y2"]].to_numpy(np.float32), own["track_id"].tolist())
        for index, own in table.groupby("frame_index")
    }


def in_frame(
    frame: Frame,
    boxes: LabelledBoxes,
    rows: Sequence[int],
    video: str,
    source: str,
    tracks: Mapping[int, tuple[FloatArray, list[int]]],
    detector: ScrfdDetector,
    kinds: Mapping[str, Describe],
) -> list[SeenFace]:
    """The faces on the labelled boxes of one frame."""
    image = frame.image.bgr()
    faces = detector.detect([image])[0]
    pairs = matched_boxes(boxes.boxes[list(rows)].astype(np.float32), faces.boxes)
    if not pairs:
        return []
    chosen = faces[np.array([face for _, face in pairs])]
    vectors = {name: describe(image, chosen) for name, describe in kinds.items()}
    known, ids = tracks.get(frame.index, (np.zeros((0, 4), np.float32), []))
    of_track = dict(matched_boxes(chosen.boxes, known))
    return [
        SeenFace(
            video=video,
            source=source,
            person=boxes.people[rows[label]],
            time_s=frame.time_s,
            height_px=float(heights(chosen.boxes)[at]),
            track_id=ids[of_track[at]] if at in of_track else NO_TRACK,
            vectors={name: own[at] for name, own in vectors.items()},
        )
        for at, (label, _) in enumerate(pairs)
    ]


def matched_boxes(first: FloatArray, second: FloatArray) -> list[tuple[int, int]]:
    """The pairs of boxes that overlap most, each box once."""
    return paired(iou_matrix(first, second))


def video_figures(
    seen: Sequence[SeenFace], sources: tuple[frozenset[str], frozenset[str]], kinds: Sequence[str]
) -> dict[str, Any]:
    """Pairs within videos on each half of the sources, and the joining of tracks, chosen on one half."""
    chosen_on, reported_on = sources
    parts = {
        "chosen_on": [face for face in seen if face.source in chosen_on],
        "reported_on": [face for face in seen if face.source in reported_on],
    }
    return {
        "pairs": {half: {kind: pair_table(own, kind) for kind in kinds} for half, own in parts.items()},
        "mean_of_videos": {half: {kind: mean_area(own, kind) for kind in kinds} for half, own in parts.items()},
        "people": {kind: people_figures(parts, kind) for kind in kinds},
    }


def mean_area(seen: Sequence[SeenFace], kind: str) -> dict[str, Any]:
    """The mean over videos with several people of the area under each one's own curve, so that all weigh the same."""
    tables = [pair_table(own, kind) for own in by_video(seen).values()]
    areas = [table["all"]["area"] for table in tables if table]
    return {"videos": len(areas), "area": round(float(np.mean(areas)), 4) if areas else None}


def pair_table(seen: Sequence[SeenFace], kind: str) -> dict[str, Any]:
    """Figures of all pairs of faces of one video, split by the time between them and by the lower face's height."""
    gaps, lows, similar, is_same = [], [], [], []
    for own in by_video(seen).values():
        for a, b in combinations(own, 2):
            if a.time_s != b.time_s or a.person != b.person:
                gaps.append(abs(a.time_s - b.time_s))
                lows.append(min(a.height_px, b.height_px))
                similar.append(float(a.vectors[kind] @ b.vectors[kind]))
                is_same.append(a.person == b.person)
    gap, low, cosine, same = np.array(gaps), np.array(lows), np.array(similar), np.array(is_same, bool)
    within = {"all": np.ones(len(gap), bool)}
    within |= {name: (gap >= start) & (gap < stop) for name, (start, stop) in GAPS_S.items()}
    within |= {name: (low >= start) & (low < stop) for name, (start, stop) in HEIGHTS_PX.items()}
    return {
        name: rounded(pair_figures(cosine[part & same], cosine[part & ~same]))
        for name, part in within.items()
        if (part & same).any() and (part & ~same).any()
    }


def people_figures(parts: Mapping[str, Sequence[SeenFace]], kind: str) -> dict[str, Any]:
    """B-cubed of joined tracks on both halves, also without joining.

    The threshold is the one with the highest F on the first half; of equal ones, that with the best count of people.
    """
    curve = [b_cubed(parts["chosen_on"], kind, float(threshold)) for threshold in THRESHOLDS]
    worth = [(own["f"], -abs(own["people_counted"] - own["people_labelled"])) for own in curve]
    best = float(THRESHOLDS[max(range(len(worth)), key=worth.__getitem__)])
    result: dict[str, Any] = {"threshold": best}
    for half, own in parts.items():
        result[half] = b_cubed(own, kind, best) | {"not_joined": b_cubed(own, kind, np.inf)}
    return result


def b_cubed(seen: Sequence[SeenFace], kind: str, threshold: float) -> dict[str, Any]:
    """B-cubed precision, recall and F over faces in tracks, and the numbers of people.

    Args:
        seen: labelled faces; those in no track are left out.
        kind: of vectors.
        threshold: mean similarity from which on tracks of a video are joined; infinite: none are.
    """
    labelled: list[tuple[str, str]] = []
    counted: list[tuple[str, int]] = []
    for video, own in by_video(face for face in seen if face.track_id != NO_TRACK).items():
        people = joined_tracks(own, kind, threshold)
        labelled += [(video, face.person) for face in own]
        counted += [(video, people[face.track_id]) for face in own]
    result = identity_metrics.b_cubed(labelled, counted)
    return {
        "f": round(result.f1, 4),
        "precision": round(result.precision, 4),
        "recall": round(result.recall, 4),
        "faces": len(labelled),
        "people_labelled": len(set(labelled)),
        "people_counted": len(set(counted)),
    }


def joined_tracks(seen: Sequence[SeenFace], kind: str, threshold: float) -> dict[int, int]:
    """The number of the person for each track of one video: average linkage of the tracks' mean vectors.

    Tracks that are in view at the same time are never one person.
    """
    tracks = sorted({face.track_id for face in seen})
    if len(tracks) < 2 or np.isinf(threshold):
        return {track: number for number, track in enumerate(tracks)}
    means = np.stack([np.mean([face.vectors[kind] for face in seen if face.track_id == t], axis=0) for t in tracks])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    times = [{face.time_s for face in seen if face.track_id == track} for track in tracks]
    is_together = np.array([[bool(one & other) for other in times] for one in times])
    return dict(zip(tracks, clusters_of(means, is_together, threshold).tolist(), strict=True))


def by_video(seen: Iterable[SeenFace]) -> dict[str, list[SeenFace]]:
    """The faces of each video."""
    videos: dict[str, list[SeenFace]] = {}
    for face in seen:
        videos.setdefault(face.video, []).append(face)
    return videos


def rounded(figures: PairFigures) -> dict[str, Any]:
    """The figures for a report."""
    return {name: round(value, 4) for name, value in asdict(figures).items()}


# Markdown


def as_markdown(figures: Mapping[str, Any]) -> str:
    """The figures as tables."""
    embedder = figures["embedder"]
    speed = ", ".join(f"{ms:.2f} ms at {count}" for count, ms in embedder["ms_per_face"].items())
    lines = [
        "# Is it the same face?",
        "",
        f"{embedder['file']}: {embedder['bytes'] / 1e6:.2f} MB; per face on one thread {speed} at once "
        f"({figures['machine']}, {figures['date']}).",
        "",
        f"```\n{figures['command']}\n```",
        "",
        "*Area* is that under the ROC curve, *accuracy* is at the best threshold with both kinds of pairs weighted "
        "alike, *accepted* is the share of pairs of one person above the threshold that 1 % of pairs of two exceed.",
    ]
    for name, own in figures["held_out"].items():
        lines += ["", f"## Held-out persons: {name} ({own['persons']} persons, {own['faces']} faces)", ""]
        lines += pair_rows({kind: part for kind, part in own.items() if isinstance(part, dict)})
    for half, kinds in figures["pairs"].items():
        lines += ["", f"## Pairs within one video, sources {half.replace('_', ' ')}", ""]
        names = dict.fromkeys(name for parts in kinds.values() for name in parts)
        rows = {f"{name}, {kind}": parts[name] for name in names for kind, parts in kinds.items() if name in parts}
        lines += pair_rows(rows)
        means = figures["mean_of_videos"][half]
        areas = ", ".join(f"{kind} {100 * own['area']:.1f} %" for kind, own in means.items() if own["area"])
        count = next(iter(means.values()))["videos"]
        lines += ["", f"Area as the mean of {count} videos, all weighted alike: {areas}."]
    lines += ["", "## Tracks joined to people", "", *people_rows(figures["people"])]
    return "\n".join(lines) + "\n"


def pair_rows(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of pair figures."""
    lines = ["| pairs | of one person | of two | area | accuracy | accepted |", "|---|---|---|---|---|---|"]
    for name, own in parts.items():
        shares = " | ".join(f"{100 * own[key]:.1f} %" for key in ("area", "accuracy", "accepted"))
        lines.append(f"| {name} | {own['same_count']} | {own['different_count']} | {shares} |")
    return lines


def people_rows(people: Mapping[str, Any]) -> list[str]:
    """A table of B-cubed figures."""
    lines = [
        "| vectors | sources | threshold | B-cubed F | precision | recall | people counted / labelled |",
        "|---|---|---|---|---|---|---|",
    ]
    halves_of = ("chosen_on", "reported_on")
    rows = [(half, "not joined", "", next(iter(people.values()))[half]["not_joined"]) for half in halves_of]
    rows += [(half, kind, f"{own['threshold']:.3f}", own[half]) for kind, own in people.items() for half in halves_of]
    for half, kind, threshold, own in rows:
        shares = " | ".join(f"{100 * own[key]:.1f} %" for key in ("f", "precision", "recall"))
        counts = f"{own['people_counted']} / {own['people_labelled']}"
        lines.append(f"| {kind} | {half.replace('_', ' ')} | {threshold} | {shares} | {counts} |")
    return lines


if __name__ == "__main__":
    main()
