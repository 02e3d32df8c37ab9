"""Trains the network that says whether two face crops of one video show the same person, and exports it.

    python -m scripts.train_face_embedding prepare imfdb.zip+imfdb.csv.gz -o FACES/imfdb --teacher DLIB.dat
    python -m scripts.train_face_embedding prepare photographs/ -o FACES/photographs --scenes --teacher DLIB.dat
    python -m scripts.train_face_embedding train FACES/imfdb FACES/photographs --work WORK -o models

DLIB.dat is dlib_face_recognition_resnet_model_v1.dat, for example from the package face_recognition_models. FACES
holds crops and the teacher's vectors, which are biometric data: keep it outside the project, and delete it after the
training. A training that is stopped (Ctrl-C or SIGTERM) resumes with the same command. A fifth of the persons is held
out from training, by their names; WORK keeps in NAME.best.onnx the weights that were best on them so far.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import rich_click as click
import torch

from facetally.datasets.archives import read_images
from facetally.detection.boxes import heights
from facetally.detection.crops import cut_crops
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.detection.training.embedding_augment import augmented
from facetally.detection.training.embedding_export import export_embedding
from facetally.detection.training.embedding_faces import (
    STORED_CROP,
    STORED_MARGIN_PX,
    FaceFolder,
    FaceStore,
    write_faces,
)
from facetally.detection.training.embedding_metrics import PairFigures, person_pairs
from facetally.detection.training.embedding_teacher import DlibTeacher
from facetally.detection.training.embedding_training import EmbeddingRecipe, EmbeddingTrainer
from facetally.detection.training.training import bfloat16_pays
from facetally.files import write_whole
from facetally.models.weights import record_in_manifest
from scripts.train_scrfd import say, stop_on_signals

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PLACE = click.Path(path_type=Path, exists=True, file_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
PORTRAITS = ScrfdOptions(input_px=192, min_score=0.3, wide_px=64, wide_min_height=0.3)
"""For images of one face."""
SCENES = ScrfdOptions(input_px=640, min_score=0.6, wide_px=0)
"""For photographs with any number of faces."""
MIN_HEIGHT_PX = 36
"""Lower faces in photographs are left out: the teacher needs pixels."""
MAX_FACES = 8
"""Per photograph, the surest."""
PERSON_COLUMNS = ("person", "actor")
SELECTION_FACES = 3000
"""At most, of the persons that are held out."""


@click.group(help=__doc__)
def main() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


@main.command(help="Cuts the faces of one data set and stores them with the vectors of the teacher.")
@click.argument("source")
@click.option("-o", "--output", type=FOLDER, required=True)
@click.option("--detector", type=FILE, required=True, help="An SCRFD with five points.")
@click.option("--teacher", type=FILE, help="dlib's face recognition network; without it, only persons are learnt.")
@click.option("--scenes", is_flag=True, help="Photographs: all faces, of nobody known.")
@click.option("--folders", is_flag=True, help="The images of each person lie in one folder.")
@click.option("--unknown", multiple=True, help="A person whose images show others too: their faces count as nobody's.")
@click.option("--every", type=click.IntRange(1), default=1, help="Only every so many-th image.")
def prepare(
    source: str,
    output: Path,
    detector: Path,
    teacher: Path | None,
    scenes: bool,
    folders: bool,
    unknown: tuple[str, ...],
    every: int,
) -> None:
    """SOURCE is a folder or .zip of images; with +TABLE, a .csv with the columns file and person or actor."""
    images, _, table = source.partition("+")
    persons = persons_of(Path(table)) if table else {}
    finder = ScrfdDetector(detector, SCENES if scenes else PORTRAITS, threads=1)
    taught = DlibTeacher(teacher) if teacher else None
    names, people, crops, vectors = [], [], [], []
    for number, (name, content) in enumerate(read_images(Path(images))):
        if number % every or (table and name not in persons) or (image := decoded(content)) is None:
            continue
        faces = faces_in_scene(image, finder) if scenes else face_of_portrait(image, finder)
        person = persons.get(name, Path(name).parent.name if folders else "")
        names += [name] * len(faces)
        people += ["" if person in unknown else person] * len(faces)
        crops.append(cut_crops(image, faces, STORED_CROP, STORED_MARGIN_PX))
        if taught and len(faces):
            vectors.append(taught.of_faces(image, faces))
    all_vectors = np.concatenate(vectors) if vectors else np.zeros((len(names), 0), np.float32)
    write_faces(output, names, people, np.concatenate(crops), all_vectors)
    say(f"{source}: {len(names)} faces, {len(set(people) - {''})} persons")


def decoded(content: bytes) -> ImageArray | None:
    """(H, W, 3) uint8 BGR; None if it is no image."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)


def persons_of(table: Path) -> dict[str, str]:
    """The person in each image, by the image's name."""
    with gzip.open(table, "rt", newline="") if table.suffix == ".gz" else table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    column = next(name for name in PERSON_COLUMNS if name in rows[0])
    return {row["file"]: row[column] for row in rows}


def face_of_portrait(image: ImageArray, detector: ScrfdDetector) -> Faces:
    """The face nearest to the middle, or none; the image is framed, because its face may reach its edges."""
    frame = max(image.shape[:2]) // 4
    framed = cv2.copyMakeBorder(image, frame, frame, frame, frame, cv2.BORDER_REPLICATE)
    found = detector.detect([np.asarray(framed, np.uint8)])[0]
    faces = Faces(found.boxes - np.float32(frame), found.scores, found.landmarks - np.float32(frame))
    if not len(faces):
        return faces
    middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    offsets = np.linalg.norm(middles - np.array(image.shape[1::-1]) / 2, axis=1)
    return faces[offsets.argmin(keepdims=True)]


def faces_in_scene(image: ImageArray, detector: ScrfdDetector) -> Faces:
    """The surest faces that are large enough."""
    faces = detector.detect([image])[0]
    return faces[heights(faces.boxes) >= MIN_HEIGHT_PX][:MAX_FACES]


@main.command(help="Trains on prepared faces, and exports the network.")
@click.argument("folders", type=PLACE, nargs=-1, required=True)
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the weights.")
@click.option("--work", type=FOLDER, required=True, help="Folder for the training's state.")
@click.option("--steps", type=click.IntRange(1), default=6000, show_default=True, help="Batches.")
@click.option("--select-every", type=click.IntRange(1), default=250, show_default=True, help="In steps.")
@click.option("--start", type=FILE, help="State of another training, whose weights this one continues from.")
@click.option("--seed", type=int, default=0, show_default=True)
def train(
    folders: tuple[Path, ...], output: Path, work: Path, steps: int, select_every: int, start: Path | None, seed: int
) -> None:
    recipe, store = EmbeddingRecipe(), FaceStore([FaceFolder.load(folder) for folder in folders])
    state = work / f"{recipe.name}.state"
    for folder in (work, output):
        folder.mkdir(parents=True, exist_ok=True)
    trainer = EmbeddingTrainer(store, recipe, steps, seed, state, bfloat16=bfloat16_pays())
    if start and not trainer.step:
        trainer.start_from(start)
    card = {
        "name": recipe.name,
        "command": shlex.join(["python", "-m", "scripts.train_face_embedding", *sys.argv[1:]]),
        "seed": seed,
        "faces": {folder.name: len(folder.persons) for folder in store.folders},
        "data": hashlib.sha256("".join((folder / "faces.csv").read_text() for folder in folders).encode()).hexdigest(),
        "recipe": asdict(recipe),
    }
    selector = Selector(store, recipe, work / f"{recipe.name}.best.onnx", card)
    for progress in trainer.run(select_every, stop_on_signals()):
        losses = ", ".join(f"{name} {value:.4f}" for name, value in progress.parts.items())
        say(f"step {progress.step}: {losses}; {progress.seconds:.0f} s; {selector.select(trainer)}")
    if trainer.step < steps:
        say("stopped; the same command resumes")
        return
    weights = output / f"{recipe.name}.onnx"
    export_embedding(trainer.average, weights, recipe.crop, card)
    if (output / "manifest.csv").exists():
        record_in_manifest(output / "manifest.csv", recipe.name, weights)


class Selector:
    """Keeps the averaged weights that are best on persons that are held out.

    Args:
        store: the faces.
        recipe: of the training.
        best: where to keep the weights; their figures are kept beside them.
        card: stored in the weights.
    """

    def __init__(self, store: FaceStore, recipe: EmbeddingRecipe, best: Path, card: Mapping[str, object]) -> None:
        rng = np.random.default_rng(0)
        self._faces = rng.permutation(store.held_out())[:SELECTION_FACES]
        side, zoom, options = recipe.network.size_px, recipe.zoom, recipe.augment
        crops = [augmented(store.crop(face), side, zoom, options=options, rng=rng) for face in self._faces]
        self._crops = np.stack(crops) if crops else np.zeros((0, side, side, 3), np.uint8)
        self._persons = store.persons[self._faces]
        self._crop, self._best, self._card = recipe.crop, best, card

    def select(self, trainer: EmbeddingTrainer) -> str:
        """Evaluates the averaged weights, keeps them if they are the best so far, and says what came out."""
        if len(set(self._persons)) < 2:
            return "nobody is held out"
        figures = person_pairs(self._persons, trainer.embed(self._crops))
        record = self._best.with_suffix(".json")
        before = PairFigures(**json.loads(record.read_text())) if record.exists() else None
        if not before or figures.area > before.area:
            export_embedding(trainer.average, self._best, self._crop, self._card)
            write_whole(record, json.dumps(asdict(figures)) + "\n")
        return f"held-out persons, degraded: area {figures.area:.4f}, accepted {figures.accepted:.3f} at 1 % false"


if __name__ == "__main__":
    main()
