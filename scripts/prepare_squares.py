"""Prepares squares for `scripts.train_scrfd`: cuts them from images and lets a teacher predict each of them once.

    python -m scripts.prepare_squares --labelled ../shared/data/faces.zip+../shared/data/faces.csv.gz \\
        --unlabelled IMAGES --teacher ../shared/models/scrfd/scrfd_2.5g_kps.onnx --passes 8 -o SQUARES

A training may begin when the first shard is there; it goes on to use those that are added. The same command resumes.
Of labelled images, only the train rows are used, without those that are held out to select the best weights.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import rich_click as click

from facetally.datasets.archives import image_paths, read_images
from facetally.detection.faces import ImageArray
from facetally.detection.training.preparing import TestPictures, prepare
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.scenes import Scene, SceneKind, boxes_of, read_face_rows
from facetally.detection.training.selection import is_held_out
from facetally.detection.training.teacher import Teacher
from facetally.files import sha256_of, write_whole

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
ABOUT = "about.json"
"""What the squares were made from; another preparation does not go into the same folder."""
Source = tuple[SceneKind, Callable[[], Scene]]


@click.command(help=__doc__)
@click.option("--labelled", multiple=True, help="IMAGES+TABLE, the table in the form of faces.csv.gz.")
@click.option("--unlabelled", multiple=True, help="PLACE, or PLACE*N for every Nth image: a folder, .zip or .tar.")
@click.option("--faceless", multiple=True, help="The same, of images without people.")
@click.option("--skip", default="", help="A regular expression: unlabelled images to leave out, by name.")
@click.option("--held-out-from", default="wider_train", show_default=True, help="Prefix of images to hold out from.")
@click.option("--test", multiple=True, help="PLACE[+TABLE] of test images (all, or those not train): left out.")
@click.option("--teacher", type=FILE, required=True, help="SCRFD weights with five landmarks.")
@click.option("--passes", type=click.IntRange(1), default=1, show_default=True, help="How often each image is cut.")
@click.option("--limit", type=click.IntRange(1), help="At most this many images of each source, for a trial.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the squares.")
def main(
    labelled: tuple[str, ...],
    unlabelled: tuple[str, ...],
    faceless: tuple[str, ...],
    skip: str,
    held_out_from: str,
    test: tuple[str, ...],
    teacher: Path,
    passes: int,
    limit: int | None,
    seed: int,
    output: Path,
) -> None:
    cv2.setNumThreads(1)
    sources = [part for text in labelled for part in some(labelled_sources(text, held_out_from), limit)]
    sources += [part for text in unlabelled for part in some(whole_sources(text, "taught", skip), limit)]
    sources += [part for text in faceless for part in some(whole_sources(text, "faceless", skip), limit)]
    counts = Counter(kind for kind, _ in sources)
    about = {
        "command": shlex.join(["python", "-m", "scripts.prepare_squares", *without_passes(sys.argv[1:])]),
        "pictures": counts,
        "teacher": sha256_of(teacher),
        "recipe": repr(ScrfdRecipe().augment) + f" {ScrfdRecipe().size_px}",
        "seed": seed,
    }
    text = json.dumps(about, indent=1) + "\n"
    if (output / ABOUT).exists() and (output / ABOUT).read_text() != text:
        raise click.UsageError(f"{output} holds the squares of another preparation: see its {ABOUT}")
    write_whole(output / ABOUT, text)
    excluded = TestPictures(image for place in test for image in images_of_test(place))
    started = time.perf_counter()
    for done, total in prepare(
        sources,
        output,
        ScrfdRecipe(),
        seed=seed,
        passes=passes,
        teacher=Teacher(teacher, threads=1),
        excluded=excluded,
    ):
        click.echo(f"{time.perf_counter() - started:.0f} s: shard {done} of {total}", err=True)


def without_passes(arguments: list[str]) -> list[str]:
    """The arguments without --passes N, which may grow: the shards of more passes come after the others."""
    at = next((index for index, text in enumerate(arguments) if text == "--passes"), len(arguments))
    return arguments[:at] + arguments[at + 2 :]


def some(sources: Iterator[Source], limit: int | None) -> list[Source]:
    """At most `limit` sources, evenly spaced over all."""
    every = list(sources)
    return every if limit is None else every[:: max(1, -(-len(every) // limit))]


def labelled_sources(text: str, held_out_from: str) -> Iterator[Source]:
    """The images of IMAGES+TABLE with split "train" that are not held out; images without a row are left out."""
    images, table = text.split("+")
    for scene in labelled_scenes(Path(images), Path(table)):
        if not (scene.name.startswith(held_out_from) and is_held_out(scene.name)):
            yield scene.kind, partial(lambda own: own, scene)


def labelled_scenes(images: Path, table: Path) -> Iterator[Scene]:
    """The images of a table's rows with split "train"; images without a row are left out."""
    rows = read_face_rows(table, lambda row: row["split"] == "train")
    for name, content in read_images(images):
        if name in rows:
            yield Scene(name, content, boxes_of(rows[name]), np.array([row["ignore"] == "1" for row in rows[name]]))


def whole_sources(text: str, kind: SceneKind, skip: str) -> Iterator[Source]:
    """Every image of PLACE, or every Nth of PLACE*N, without boxes, unless its name matches `skip`."""
    place, _, every = text.partition("*")
    chosen = [read for name, read in readers(Path(place)) if not (skip and re.search(skip, name))]
    for read in chosen[:: int(every or 1)]:
        yield kind, partial(_whole_scene, read, kind)


def readers(place: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The name of each image, and a function that reads it; archives are held in memory."""
    if place.is_dir():
        yield from ((path.relative_to(place).as_posix(), path.read_bytes) for path in image_paths(place))
    else:
        yield from ((name, partial(bytes, content)) for name, content in read_images(place))


def _whole_scene(read: Callable[[], bytes], kind: SceneKind) -> Scene:
    return Scene("", read(), is_labelled=kind == "faceless")


def images_of_test(text: str) -> Iterator[ImageArray]:
    """The images of PLACE, or those of PLACE+TABLE whose split is not "train", small."""
    place, _, table = text.partition("+")
    rows = read_face_rows(Path(table), lambda row: row["split"] != "train") if table else None
    for name, content in read_images(Path(place)):
        if rows is None or name in rows:
            flags = cv2.IMREAD_REDUCED_COLOR_4 if name.lower().endswith(("jpg", "jpeg")) else cv2.IMREAD_COLOR
            image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
            if image is not None:
                yield np.asarray(image, np.uint8)


if __name__ == "__main__":
    main()
