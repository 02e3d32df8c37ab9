"""Opens exports for labelling tools with the tools' own readers, and compares boxes, ids and frames.

    python -m scripts.check_exports CLIP CLIP ... [--truth TRUTH] [--environments FOLDER] [-o REPORT]

The clips are processed anew, and their tracks are exported in every format. Each tool reads them in an environment of
its own (pip downloads the pinned packages), since some bring another OpenCV: nothing of facetally is installed there.
What a tool has read is compared with what the run has stored: every box within a hundredth of a pixel, the number of
its track, its frame, and the perceived gender. Hand labels, if given, are exported too, read by `facetally truth
import`, and compared with the labels.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
import textwrap
import venv
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import click
import numpy as np

import facetally
from facetally.exports.annotations.frames import read_frames
from facetally.exports.annotations.from_run import run_videos
from facetally.exports.formats import ANNOTATION_FORMATS, formats_of
from facetally.inputs import find_videos
from facetally.jobs.export import export_truth
from facetally.results.corrections import Corrections
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth, write_truth
from facetally.truth.formats.importer import import_truth
from facetally.truth.labels import Truth
from facetally.truth.video_names import matched_names
from scripts.provenance import machine

TOLERANCE_PX = 0.0101
"""Of labels that come back; their boxes have two decimals."""
ROUNDED_S = 0.0051
"""Labels have times with two decimals."""

Row = tuple[str, int, int, float, float, float, float, str]
"""Video, track number, 0-based frame, x1, y1, x2, y2 in pixels as stored, gender (empty: the format has none)."""


@dataclass(frozen=True)
class Tool:
    """A reader, run in its own environment.

    Its program gets the export's folder and a JSON file with the sizes of the videos in pixels as stored, and prints a
    JSON list of rows.
    """

    name: str
    packages: tuple[str, ...]
    format: str
    program: str
    reads_all_frames: bool = False
    """It also has the boxes between those of the run, which are not compared."""
    counts_ticks: bool = False
    """Its frames are ticks of a clock, from 0."""
    tolerance_px: float = 0.0101
    """By which its boxes may differ: Datumaro rounds to hundredths."""


DATUMARO = ("datumaro==1.13.12",)
TOOLS = (
    Tool(
        "Datumaro: cvat",
        DATUMARO,
        "cvat",
        """
        from datumaro import Dataset
        for path in sorted(folder.rglob("*.xml")):
            video = str(path.relative_to(folder)).removesuffix(".xml")
            for item in Dataset.import_from(str(path), "cvat"):
                for box in item.annotations:
                    if box.attributes["keyframe"] and not box.attributes["outside"]:
                        at = box.attributes
                        rows.append([video, at["track_id"], item.attributes["frame"], *box.points, at["gender"]])
        """,
    ),
    Tool(
        "FiftyOne: CVATVideoDataset",
        ("fiftyone==1.22.1",),
        "cvat",
        """
        from fiftyone.utils.cvat import load_cvat_video_annotations
        for path in sorted(folder.rglob("*.xml")):
            video = str(path.relative_to(folder)).removesuffix(".xml")
            width, height = sizes[video]
            _, _, tracks = load_cvat_video_annotations(str(path))
            for track in tracks:
                for frame, box in track.to_labels().items():
                    x, y, w, h = box.bounding_box
                    place = [x * width, y * height, (x + w) * width, (y + h) * height]
                    if track.boxes[frame - 1].keyframe:
                        rows.append([video, int(box.index), frame - 1, *place, box["gender"]])
        """,
        tolerance_px=0.5001,  # it rounds to whole pixels: findings/fiftyone-cvat-rounds-to-pixels.sh
    ),
    Tool(
        "Datumaro: mot_seq",
        DATUMARO,
        "mot",
        """
        from datumaro import Dataset
        from datumaro.components.annotation import AnnotationType
        for path in sorted(folder.rglob("seqinfo.ini")):
            video = str(path.parent.relative_to(folder))
            dataset = Dataset.import_from(str(path.parent), "mot_seq")
            names = [label.name for label in dataset.categories()[AnnotationType.label]]
            for item in dataset:
                for box in item.annotations:
                    number = box.attributes["track_id"] - 1
                    rows.append([video, number, int(item.id) - 1, *box.points, names[box.label]])
        """,
        reads_all_frames=True,
    ),
    Tool(
        "motmetrics",
        ("motmetrics==1.4.0", "numpy==1.26.4"),
        "mot",
        """
        import motmetrics
        for path in sorted(folder.rglob("gt.txt")):
            video = str(path.parent.parent.relative_to(folder))
            for (frame, number), row in motmetrics.io.loadtxt(path, fmt="mot16", min_confidence=1).iterrows():
                x, y = row.X + 1, row.Y + 1  # it subtracts 1 from both
                rows.append([video, number - 1, frame - 1, x, y, x + row.Width, y + row.Height, ""])
        """,
        reads_all_frames=True,
    ),
    Tool(
        "label-studio-sdk: LabelInterface",
        ("label-studio-sdk==2.1.2",),
        "label-studio",
        """
        from label_studio_sdk.label_interface import LabelInterface
        from urllib.parse import parse_qs, urlsplit
        interface = LabelInterface((folder / "config.xml").read_text())
        interface.validate()
        for task in json.loads((folder / "tasks.json").read_text()):
            (prediction,) = task["predictions"]
            # not validate_task: findings/label-studio-sdk-validate-task.sh
            problems = interface.validate_prediction(prediction, return_errors=True)
            if problems:
                sys.exit(str(problems))
            (video,) = parse_qs(urlsplit(task["data"]["video"]).query)["d"]
            width, height = sizes[video]
            genders = {r["id"]: r["value"]["choices"][0] for r in prediction["result"] if r["from_name"] == "gender"}
            for region in prediction["result"]:
                for key in region["value"].get("sequence", ()):
                    if key.get("labelled", True):
                        x, y = key["x"] * width / 100, key["y"] * height / 100
                        x2, y2 = x + key["width"] * width / 100, y + key["height"] * height / 100
                        number = int(region["id"].removeprefix("track"))
                        rows.append([video, number, key["frame"] - 1, x, y, x2, y2, genders[region["id"]]])
        """,
        counts_ticks=True,
    ),
    Tool(
        "Datumaro: coco_instances",
        DATUMARO,
        "coco",
        """
        from datumaro import Dataset
        for item in Dataset.import_from(str(folder), "coco_instances"):
            video, _, name = item.id.rpartition("/")
            for box in item.annotations:
                at = box.attributes
                rows.append([video, int(at["run_track"]), int(name.removeprefix("frame_")), *box.points, at["gender"]])
        """,
    ),
    Tool(
        "pycocotools",
        ("pycocotools==2.0.11",),
        "coco",
        """
        import contextlib
        from pycocotools.coco import COCO
        with contextlib.redirect_stdout(sys.stderr):
            coco = COCO(folder / "annotations" / "instances_default.json")
        videos = {video["id"]: video["name"] for video in coco.dataset["videos"]}
        for box in coco.loadAnns(coco.getAnnIds()):
            image, (x, y, width, height) = coco.imgs[box["image_id"]], box["bbox"]
            at = box["attributes"]
            place = [videos[image["video_id"]], int(at["run_track"]), image["frame_index"]]
            rows.append([*place, x, y, x + width, y + height, at["gender"]])
        """,
    ),
    Tool(
        "FiftyOne: FiftyOneVideoLabelsDataset",
        ("fiftyone==1.22.1",),
        "fiftyone",
        """
        from fiftyone.utils.data.importers import FiftyOneVideoLabelsDatasetImporter
        importer = FiftyOneVideoLabelsDatasetImporter(dataset_dir=str(folder))
        importer.setup()
        names = [entry["labels"] for entry in json.loads((folder / "manifest.json").read_text())["index"]]
        for name, (path, _, _, frames) in zip(names, importer):
            video = name.removeprefix("labels/").removesuffix(".json")
            width, height = sizes[video]
            for frame, labels in frames.items():
                for box in labels["detections"].detections:
                    x, y, w, h = box.bounding_box
                    place = [x * width, y * height, (x + w) * width, (y + h) * height]
                    rows.append([video, box.index, frame - 1, *place, box["gender"]])
        """,
    ),
)
PREAMBLE = """
import json, os, pathlib, sys
os.environ["FIFTYONE_DATABASE_URI"] = "mongodb://127.0.0.1:9"  # FiftyOne starts no database of its own then
folder, sizes, rows = pathlib.Path(sys.argv[1]), json.loads(pathlib.Path(sys.argv[2]).read_text()), []
"""
EPILOGUE = "\nprint('ROWS' + json.dumps(rows, default=float))\n"


def environment(packages: tuple[str, ...], folder: Path) -> Path:
    """The Python of an environment with these packages, made if it is not there."""
    place = folder / "-".join(package.replace("==", "_") for package in packages)
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
        (place / "complete").touch()
    return python


def read_by(tool: Tool, export: Path, sizes: Path, environments: Path) -> list[Row]:
    """What a tool reads from an export."""
    program = PREAMBLE + textwrap.dedent(tool.program) + EPILOGUE
    python = environment(tool.packages, environments)
    done = subprocess.run([python, "-c", program, export, sizes], capture_output=True, text=True, cwd=export)
    if done.returncode:
        raise click.ClickException(f"{tool.name} does not read {export}:\n{done.stderr[-3000:]}")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ROWS")]
    return [tuple(row) for row in json.loads(line.removeprefix("ROWS"))]


@dataclass(frozen=True)
class Outcome:
    """How what a tool has read differs from what the run has stored."""

    tool: Tool
    count: int
    """Boxes of the run."""
    missing: int
    added: int
    furthest_px: float
    other_gender: int

    @property
    def is_same(self) -> bool:
        return not (self.missing or self.added or self.other_gender) and self.furthest_px <= self.tool.tolerance_px


def compared(tool: Tool, expected: list[Row], found: list[Row]) -> Outcome:
    """Compares by video, track and frame."""
    wanted, seen = ({row[:3]: row for row in rows} for rows in (expected, found))
    both = wanted.keys() & seen.keys()
    off = [np.abs(np.subtract(wanted[key][3:7], seen[key][3:7])).max() for key in both]
    genders = sum(bool(seen[key][7]) and wanted[key][7] != seen[key][7] for key in both)
    doubled = len(found) - len(seen)
    return Outcome(
        tool,
        count=len(wanted),
        missing=len(wanted.keys() - both),
        added=doubled + (0 if tool.reads_all_frames else len(seen.keys() - both)),
        furthest_px=float(max(off, default=np.inf)),
        other_gender=genders,
    )


def rows_of(out: Path) -> tuple[list[Row], list[Row], dict[str, tuple[int, int]]]:
    """The boxes of a run with frames, and with ticks of Label Studio's clock instead; and the videos' sizes."""
    ledger = Ledger(out)
    frames: list[Row] = []
    ticks: list[Row] = []
    sizes = {}
    for video in run_videos(ledger, list(ledger.rows()), Corrections(), lambda _: None):
        sizes[video.video] = video.stored_px
        for track in video.tracks:
            for box in track.boxes:
                place = (*video.stored(box.box), track.attributes["gender"])
                frames.append((video.video, track.number, box.frame, *place))
                tick = int(np.ceil(box.time_s * video.clock_fps - 0.25))  # the first at which a player shows the frame
                ticks.append((video.video, track.number, tick, *place))
    return frames, ticks, sizes


@dataclass(frozen=True)
class RoundTrip:
    """How labels differ after they were exported and imported again."""

    format: str
    people: int
    boxes: int
    other_people: int
    furthest_s: float
    furthest_px: float

    @property
    def is_same(self) -> bool:
        return not self.other_people and self.furthest_s <= ROUNDED_S and self.furthest_px <= TOLERANCE_PX


FILES = {"cvat": "*.xml", "mot": "gt.txt", "label-studio": "tasks.json", "coco": "instances_default.json"}


def round_trip(name: str, truth: Path, labels: Truth, videos: list[str], folder: Path) -> RoundTrip:
    """Exports labels, imports them, and compares."""
    export_truth(truth, name, folder, videos=videos)
    files = sorted(folder.rglob(FILES[name]))
    people = folder / "people.csv"
    found = import_truth(files, name, find_videos(videos), attributes=people if name == "mot" else None).truth
    return difference(name, labels, found)


def difference(name: str, labels: Truth, found: Truth) -> RoundTrip:
    """Compares labels with what has become of them."""
    names = matched_names(labels.people, found.people)
    other, off_s, off_px = 0, 0.0, 0.0
    for video, members in labels.people.items():
        again = {p.person: replace(p, video=video) for p in found.people[names[video]]}
        other += sum(again.get(p.person) != replace(p, line=0) for p in members)
        if video in labels.boxes:
            own, new = labels.boxes[video], found.boxes[names[video]]
            same = own.people == new.people
            off_s = max(off_s, float(np.abs(own.times_s - new.times_s).max()) if same else np.inf)
            off_px = max(off_px, float(np.abs(own.boxes - new.boxes).max()) if same else np.inf)
    count = sum(len(boxes.people) for boxes in labels.boxes.values())
    return RoundTrip(name, len(labels.everybody), count, other, off_s, off_px)


THROUGH_DATUMARO = """
import sys
from datumaro import Dataset
Dataset.import_from(sys.argv[1], "coco_instances").export(sys.argv[2], "datumaro")
"""


def round_trips(truth: Path, clips: list[str], work: Path, environments: Path) -> list[RoundTrip]:
    """Each format, and COCO that Datumaro has opened and saved in its own format."""
    labels = read_truth(truth)
    write_truth(labels.of_videos(matched_names(labels.people, [v.name for v in find_videos(clips)])), work / "truth")
    labels = displayed(work / "truth", clips)
    trips = [round_trip(name, work / "truth", labels, clips, work / f"labels-{name}") for name in formats_of("labels")]
    python = environment(DATUMARO, environments)
    saved = work / "labels-datumaro"
    command = [str(python), "-c", THROUGH_DATUMARO, str(work / "labels-coco"), str(saved)]
    subprocess.run(command, check=True, capture_output=True)
    found = import_truth(sorted(saved.rglob("*.json")), "datumaro", find_videos(clips)).truth
    return [*trips, difference("coco, opened by Datumaro and saved as datumaro", labels, found)]


def displayed(truth: Path, videos: list[str]) -> Truth:
    """The labels with all boxes in pixels of the frames as displayed, as an import gives them."""
    labels = read_truth(truth)
    paths = {video.name: video.path for video in find_videos(videos)}
    names = matched_names(labels.people, paths)
    shown = labels.of_videos(names)
    return shown.on_frames({name: read_frames(paths[names[name]]).displayed_px for name in names})


@click.command(help=__doc__)
@click.argument("clips", nargs=-1, required=True)
@click.option(
    "--truth", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Hand labels of the clips."
)
@click.option("--environments", type=click.Path(path_type=Path), help="Where environments are made, and kept.")
@click.option("-o", "--out", "report", type=click.Path(path_type=Path), help="The report to write (Markdown).")
def main(clips: tuple[str, ...], truth: Path | None, environments: Path | None, report: Path | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        environments = (environments or work / "environments").absolute()
        facetally.run(list(clips), out=work / "out")
        frames, ticks, sizes = rows_of(work / "out")
        (work / "sizes.json").write_text(json.dumps(sizes))
        for one in ANNOTATION_FORMATS:
            facetally.export(work / "out", one.name, work / one.name)
        outcomes = []
        for tool in TOOLS:
            found = read_by(tool, work / tool.format, work / "sizes.json", environments)
            outcomes.append(compared(tool, ticks if tool.counts_ticks else frames, found))
            click.echo(_line(outcomes[-1]), err=True)
        trips = round_trips(truth, list(clips), work, environments) if truth else []
        text = _report(outcomes, trips, sorted(sizes), [*clips, *(["--truth", str(truth)] if truth else [])])
    click.echo(text)
    if report:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(text, encoding="utf-8")
    sys.exit(not (all(one.is_same for one in outcomes) and all(trip.is_same for trip in trips)))


def _line(one: Outcome) -> str:
    verdict = "same" if one.is_same else "DIFFERS"
    cells = (one.tool.name, ", ".join(one.tool.packages), one.tool.format, one.count, one.missing, one.added)
    return "| " + " | ".join(map(str, (*cells, f"{one.furthest_px:.4f}", one.other_gender, verdict))) + " |"


def _report(outcomes: list[Outcome], trips: list[RoundTrip], videos: list[str], words: list[str]) -> str:
    lines = [
        "# Exports for labelling tools, opened by their own readers",
        "",
        f"{date.today().isoformat()}, facetally {facetally.__version__}, Python {sys.version.split()[0]}, {machine()}. "
        f"Clips: {', '.join(videos)}.",
        "",
        f"    {shlex.join(['python', '-m', 'scripts.check_exports', *words])}",
        "",
        "Tracks of a run, exported and read by each tool in an environment of its own. Boxes are compared by video, "
        "track and frame; *missing* were not read, *added* are not in the run. Datumaro rounds to hundredths of a "
        "pixel, FiftyOne's reader of CVAT to whole pixels. MOT files also have the boxes of the frames in between, "
        "which are not compared. FiftyOne's readers need no database, and none was started. Label Studio's package "
        "checks its interface and each prediction against that; the boxes were compared as they stand in the file, "
        "with the ticks of its player. The servers of CVAT and Label Studio were not run; CVAT's "
        "importer is a part of its server.",
        "",
        "| reader | packages | format | boxes | missing | added | furthest, px | other gender | result |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(_line, outcomes),
    ]
    if trips:
        lines += [
            "",
            "Hand labels of the same clips, exported and read again by `facetally truth import`. *Other people* differ "
            "in a name, gender, age band, quality, note or time in view.",
            "",
            "| format | people | boxes | other people | furthest, s | furthest, px | result |",
            "|---|---|---|---|---|---|---|",
        ]
        for trip in trips:
            cells = (trip.format, trip.people, trip.boxes, trip.other_people, f"{trip.furthest_s:.4f}")
            verdict = "same" if trip.is_same else "DIFFERS"
            lines.append("| " + " | ".join(map(str, (*cells, f"{trip.furthest_px:.4f}", verdict))) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
