"""Recalibrates a classifier for single crops on the selection split of its training, as `facetally train` does.

    python -m scripts.calibrate_crops models/facetally.pth --data utk=UTKFace.zip --data fairface=... --cache work/crops

The line is stored in the card of the checkpoint and of its exported ONNX copy. Whether a crop is classified together
with its mirror image is taken from the recipe. The calibration for tracks does not change.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import rich_click as click

from facetally.cli.options import DETECTOR, MODELS_DIR
from facetally.cli.train import ALIGNED, CACHE, DATA, detector_path, parsed_sources
from facetally.cli.training_progress import shown_training
from facetally.detection.crops import CropRecipe
from facetally.gender.model.checkpoint import load_checkpoint
from facetally.gender.training.recipes import RECIPES
from facetally.training.evaluate import held_out_faces
from facetally.training.face_crops import cut_sources
from facetally.training.train import calibrations
from scripts.calibrate_tracks import save_both


@click.command(help=__doc__)
@click.argument("checkpoint", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@DATA
@DETECTOR
@ALIGNED
@MODELS_DIR
@CACHE
def main(
    checkpoint: Path,
    sources: tuple[str, ...],
    detector: str,
    aligned: bool,
    models_dir: Path | None,
    cache: Path | None,
) -> None:
    network, card = load_checkpoint(checkpoint)
    crops = CropRecipe(**card.crop)
    with TemporaryDirectory() as folder, shown_training() as watcher:
        found_by = None if aligned else detector_path(detector, models_dir)
        sets, _ = cut_sources(parsed_sources(sources), found_by, crops, cache or Path(folder), None, watcher.cutting)
        selection = held_out_faces(sets, card, "selection")
        recipe = replace(RECIPES[card.name], size_px=crops.size_px)
        line = calibrations(network, selection, recipe, "cpu")["crop"]
    click.echo(f"before: {card.calibration.get('crop')}\nnow: {line}, fitted on {len(selection)} faces")
    lines = card.calibration | {"crop": line}
    save_both(checkpoint, network, replace(card, mirrored=recipe.mirrored, calibration=lines))


if __name__ == "__main__":
    main()
