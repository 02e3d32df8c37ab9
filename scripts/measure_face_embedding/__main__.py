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
from pathlib import Path
from typing import Any

import rich_click as click

from facetally.detection.crops import cut_crops
from facetally.detection.embedding import FaceEmbedder
from facetally.detection.scrfd import ScrfdDetector
from facetally.detection.training.embedding_faces import FaceFolder
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth
from facetally.validation.metrics import halves
from scripts.measure_face_embedding.faces import seen_faces
from scripts.measure_face_embedding.figures import held_out_figures, video_figures
from scripts.measure_face_embedding.markdown import as_markdown
from scripts.measure_face_embedding.vectors import Describe, grey_vectors, speed_ms
from scripts.provenance import made

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PLACE = click.Path(path_type=Path, exists=True, file_okay=False)
NEW_FILE = click.Path(path_type=Path, dir_okay=False)


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
        **made("measure_face_embedding"),
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


if __name__ == "__main__":
    main()
