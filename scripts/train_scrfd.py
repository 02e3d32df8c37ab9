"""Trains our face detector, SCRFD-500M, on prepared squares, and exports it.

    python -m scripts.train_scrfd --squares SQUARES --start models/facetally_scrfd_500m.onnx --work WORK -o models

The squares come from `scripts.prepare_squares`, which may still be adding some. A training that is stopped (Ctrl-C or
SIGTERM) saves its state and resumes with the same command; a finished one is only exported again. With --selection,
WORK keeps in NAME.best.onnx the averaged weights that were best on held-out training images so far.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import rich_click as click
import torch

from facetally.detection.training.batches import EpochSquares
from facetally.detection.training.export import export_scrfd
from facetally.detection.training.network import ScrfdNetwork
from facetally.detection.training.prepared import SquareStore
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.selection import average_precision, is_held_out
from facetally.detection.training.training import (
    EpochResult,
    ScrfdTrainer,
    TrainingOptions,
    as_input,
    bfloat16_pays,
)
from facetally.detection.training.warm_start import start_from
from facetally.files import sha256_of, whole_file, write_whole
from facetally.models.weights import record_in_manifest
from scripts.prepare_squares import ABOUT, labelled_scenes

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
PLACE = click.Path(path_type=Path, exists=True, file_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
START_SQUARES = 128
"""Squares for estimating activation statistics when training starts from exported weights."""


@click.command(help=__doc__)
@click.option("--squares", type=PLACE, required=True, help="Folder of scripts.prepare_squares.")
@click.option("--selection", help="IMAGES+TABLE of the labelled images, to select by those that are held out.")
@click.option("--select-every", type=click.IntRange(1), default=4, show_default=True, help="In epochs.")
@click.option("--select-from", default="wider_train", show_default=True, help="Prefix of the held-out images.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the weights.")
@click.option("--work", type=FOLDER, help="Folder for the training's state.  [default: OUTPUT]")
@click.option("--start", type=FILE, help="Weights exported by this script, to continue from.")
@click.option("--epochs", type=click.IntRange(1), default=ScrfdRecipe.epochs, show_default=True)
@click.option("--epoch-squares", type=click.IntRange(1), default=ScrfdRecipe.epoch_scenes, show_default=True)
@click.option("--learning-rate", type=float, default=ScrfdRecipe.learning_rate, show_default=True)
@click.option("--score-shift", type=float, default=0.0, show_default=True, help="See scripts.choose_score_shift.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Of the network.  [default: all cores]")
def main(
    squares: Path,
    selection: str | None,
    select_every: int,
    select_from: str,
    output: Path,
    work: Path | None,
    start: Path | None,
    epochs: int,
    epoch_squares: int,
    learning_rate: float,
    score_shift: float,
    seed: int,
    workers: int,
    threads: int | None,
) -> None:
    if threads:
        torch.set_num_threads(threads)
    recipe = replace(ScrfdRecipe(), epochs=epochs, epoch_scenes=epoch_squares, learning_rate=learning_rate)
    store, about = SquareStore(squares), (squares / ABOUT).read_text()
    data = hashlib.sha256(about.encode()).hexdigest()
    for folder in (output, work or output):
        folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    network = ScrfdNetwork(recipe.network)
    state = (work or output) / f"{recipe.name}.state"
    if start and not state.exists():
        start_from(network, start, start_input(store, recipe, seed))
    options = TrainingOptions(workers, bfloat16_pays(), stop_on_signals())
    identity = data + (sha256_of(start) if start else "")
    trainer = ScrfdTrainer(network, store, recipe, seed, state, identity, options)
    selector = Selector(selection, select_from, (work or output) / f"{recipe.name}.best.onnx") if selection else None
    for result in trainer.run():
        is_new = len(trainer.results) == result.epoch  # otherwise the epoch was done before
        log(result, recipe)
        if selector and is_new and result.epoch % select_every == 0:
            say(selector.select(trainer.averaged()))
    if not trainer.is_finished:
        say("stopped; the same command resumes")
        return
    card = {
        "name": recipe.name,
        "command": shlex.join(["python", "-m", "scripts.train_scrfd", *sys.argv[1:]]),
        "seed": seed,
        "squares": json.loads(about),
        "data": data,
        "precision": "bfloat16" if options.bfloat16 else "float32",
        "start": sha256_of(start) if start else "none",
        "recipe": asdict(recipe),
        "score_shift": score_shift,
        "losses": [round(result.loss, 3) for result in trainer.results],
    }
    weights = output / f"{recipe.name}.onnx"
    export_scrfd(network, weights, {"card": json.dumps(card)}, score_shift)
    if (output / "manifest.csv").exists():
        record_in_manifest(output / "manifest.csv", recipe.name, weights)


class Selector:
    """Keeps the averaged weights that are best on held-out training images.

    Args:
        source: IMAGES+TABLE.
        prefix: of the names of the images from which some are held out.
        best: where to keep the weights; their average precision is kept beside them.
    """

    def __init__(self, source: str, prefix: str, best: Path) -> None:
        scenes = labelled_scenes(*map(Path, source.split("+")))
        self._scenes = [scene for scene in scenes if scene.name.startswith(prefix) and is_held_out(scene.name)]
        self._best, self._record = best, best.with_suffix(".json")

    def select(self, network: ScrfdNetwork) -> str:
        """Evaluates a network, keeps it if it is the best so far, and says what came out."""
        latest = self._best.with_name(f"latest_{self._best.name}")
        export_scrfd(network, latest, {})
        precision = average_precision(latest, self._scenes, torch.get_num_threads())
        before = json.loads(self._record.read_text())["average_precision"] if self._record.exists() else -1.0
        if precision > before:
            with whole_file(self._best) as temporary:
                shutil.copyfile(latest, temporary)
            write_whole(self._record, json.dumps({"average_precision": precision}) + "\n")
        best = max(precision, before)
        return f"average precision {precision:.4f} on {len(self._scenes)} held-out images, best {best:.4f}"


def start_input(store: SquareStore, recipe: ScrfdRecipe, seed: int) -> torch.Tensor:
    """Network input of some training squares."""
    first = EpochSquares(store.shards(1), recipe, seed, epoch=0)
    images = [first[position].sample.image for position in range(min(START_SQUARES, len(first)))]
    return as_input(torch.from_numpy(np.stack(images)))


def stop_on_signals() -> Callable[[], bool]:
    """Whether Ctrl-C or SIGTERM came; a second one ends the process at once."""
    came: list[int] = []

    def note(number: int, _: Any) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return lambda: bool(came)


def log(result: EpochResult, recipe: ScrfdRecipe) -> None:
    """Says how an epoch went."""
    count = recipe.epoch_scenes // recipe.batch_size * recipe.batch_size
    say(
        f"epoch {result.epoch}: {result.epoch * count} squares, loss {result.loss:.3f}, {result.seconds:.0f} s "
        f"({3600 * count / result.seconds:.0f} squares/h), {result.shards} shards"
    )


def say(text: str) -> None:
    click.echo(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", err=True)


if __name__ == "__main__":
    main()
