"""Trains our face detector, SCRFD-500M, and exports it.

    python -m scripts.train_scrfd --labelled ../shared/data/faces.zip+../shared/data/faces.csv.gz \\
        --unlabelled IMAGES --teacher ../shared/models/scrfd/scrfd_2.5g_kps.onnx -o models

Boxes come from the labels. Landmarks, and boxes in images without labels, come from the teacher. A stopped training
resumes with the same command; a finished one is only exported again.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import rich_click as click
import torch

from facetally.datasets.archives import read_images
from facetally.detection.training.batches import EpochScenes
from facetally.detection.training.export import export_scrfd
from facetally.detection.training.network import ScrfdNetwork
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import Scene, boxes_of, read_face_rows
from facetally.detection.training.teacher import Teacher
from facetally.detection.training.training import ScrfdTrainer, as_input
from facetally.detection.training.warm_start import start_from
from facetally.models.weights import record_in_manifest, sha256_of

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PLACE = click.Path(path_type=Path, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False)
START_SCENES = 128
"""Scenes for estimating activation statistics when training starts from exported weights."""


@click.command(help=__doc__)
@click.option(
    "--labelled",
    type=str,
    multiple=True,
    help="IMAGES+TABLE, the table in the form of faces.csv.gz; only its train rows are used.",
)
@click.option(
    "--unlabelled", type=PLACE, multiple=True, help="A folder, .zip or .tar of images for the teacher to label."
)
@click.option("--faceless", type=PLACE, multiple=True, help="A folder, .zip or .tar of images without people.")
@click.option("--teacher", type=FILE, help="SCRFD weights with five landmarks, for distillation.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the weights.")
@click.option("--work", type=FOLDER, help="Folder for the training's state.  [default: OUTPUT]")
@click.option("--start", type=FILE, help="Weights exported by this script, to continue from.")
@click.option("--epochs", type=click.IntRange(1), default=ScrfdRecipe.epochs, show_default=True)
@click.option("--score-shift", type=float, default=0.0, show_default=True, help="See scripts.choose_score_shift.")
@click.option("--limit", type=click.IntRange(1), help="Use at most this many images per source, for a trial.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True)
def main(
    labelled: tuple[str, ...],
    unlabelled: tuple[Path, ...],
    faceless: tuple[Path, ...],
    teacher: Path | None,
    output: Path,
    work: Path | None,
    start: Path | None,
    epochs: int,
    score_shift: float,
    limit: int | None,
    seed: int,
    workers: int,
) -> None:
    scenes = [scene for source in labelled for scene in some(labelled_scenes(*map(Path, source.split("+"))), limit)]
    scenes += [scene for place in unlabelled for scene in some(whole_scenes(place, is_labelled=False), limit)]
    scenes += [scene for place in faceless for scene in some(whole_scenes(place, is_labelled=True), limit)]
    recipe = replace(ScrfdRecipe(), epochs=epochs, epoch_scenes=min(ScrfdRecipe.epoch_scenes, len(scenes)))
    data = fingerprint(scenes)
    identity = data + "".join(sha256_of(weights) for weights in (teacher, start) if weights)
    click.echo(f"{len(scenes)} images, {sum(scene.is_labelled for scene in scenes)} of them labelled", err=True)
    for folder in (output, work or output):
        folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    network = ScrfdNetwork(recipe.network)
    if start:
        first = EpochScenes(scenes, recipe, seed, epoch=0)
        images = np.stack([first[position][0].image for position in range(min(START_SCENES, len(first)))])
        start_from(network, start, as_input(torch.from_numpy(images)))
    state = (work or output) / f"{recipe.name}.state"
    distilled_from = Teacher(teacher) if teacher else None
    trainer = ScrfdTrainer(network, scenes, recipe, seed, state, distilled_from, identity, workers)
    for result in trainer.run():
        click.echo(f"epoch {result.epoch}: loss {result.loss:.3f}, {result.seconds:.0f} s", err=True)
    card = {
        "name": recipe.name,
        "command": shlex.join(["python", "-m", "scripts.train_scrfd", *sys.argv[1:]]),
        "seed": seed,
        "pictures": len(scenes),
        "data": data,
        "teacher": teacher.name if teacher else "none",
        "start": sha256_of(start) if start else "none",
        "recipe": asdict(recipe),
        "score_shift": score_shift,
        "losses": [round(result.loss, 3) for result in trainer.results],
    }
    weights = output / f"{recipe.name}.onnx"
    export_scrfd(network, weights, {"card": json.dumps(card)}, score_shift)
    if (output / "manifest.csv").exists():
        record_in_manifest(output / "manifest.csv", recipe.name, weights)


def some(scenes: Iterator[Scene], limit: int | None) -> list[Scene]:
    """At most `limit` scenes, evenly spaced over all."""
    every = list(scenes)
    return every if limit is None else every[:: max(1, -(-len(every) // limit))]


def labelled_scenes(images: Path, table: Path) -> Iterator[Scene]:
    """The images of a table's rows with split "train"; images without a row are left out."""
    rows = read_face_rows(table, lambda row: row["split"] == "train")
    for name, content in read_images(images):
        if name in rows:
            yield Scene(name, content, boxes_of(rows[name]), np.array([row["ignore"] == "1" for row in rows[name]]))


def whole_scenes(place: Path, is_labelled: bool) -> Iterator[Scene]:
    """Every image of a folder or archive, without boxes: of nobody if labelled, otherwise for the teacher to label."""
    for name, content in read_images(place):
        yield Scene(name, content, is_labelled=is_labelled)


def fingerprint(scenes: list[Scene]) -> str:
    """SHA-256 over all images and boxes."""
    digest = hashlib.sha256()
    for scene in scenes:
        digest.update(scene.content + scene.boxes.tobytes() + scene.is_ignored.tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
