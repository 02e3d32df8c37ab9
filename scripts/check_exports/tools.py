"""The tools, each with the packages and the program that read an export, run in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import venv
from dataclasses import dataclass
from pathlib import Path

import click

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


def read_by(tool: Tool, export: Path, sizes: Path, environments: Path) -> list[Row]:
    """What a tool reads from an export."""
    program = PREAMBLE + textwrap.dedent(tool.program) + EPILOGUE
    python = environment(tool.packages, environments)
    done = subprocess.run([python, "-c", program, export, sizes], capture_output=True, text=True, cwd=export)
    if done.returncode:
        raise click.ClickException(f"{tool.name} does not read {export}:\n{done.stderr[-3000:]}")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ROWS")]
    return [tuple(row) for row in json.loads(line.removeprefix("ROWS"))]


def environment(packages: tuple[str, ...], folder: Path) -> Path:
    """The Python of an environment with these packages, made if it is not there."""
    place = folder / "-".join(package.replace("==", "_") for package in packages)
    python = place / "bin" / "python"
    if not (place / "complete").exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
        (place / "complete").touch()
    return python
