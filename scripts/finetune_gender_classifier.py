"""Fine-tunes MobileNetV2 on UTKFace and writes our first gender weights, their exported ONNX copy and their report.

    python -m scripts.finetune_gender_classifier --data ../shared/data/UTKFace.zip \
        --backbone ../shared/models/mobilenet_v2_imagenet_trunk.pth \
        --detector ../shared/models/scrfd/scrfd_2.5g_kps.onnx

This is `facetally train gender-utkface` with its own report. Every epoch writes a checkpoint under --work, from which
the same command resumes. The test faces are split off by content first and are not used for model selection.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import rich_click as click

from facetally.cli.training_progress import shown_training
from facetally.datasets.labelled_images import ImageSource
from facetally.datasets.utkface import UTKFaceDataset
from facetally.gender.training.recipes import RECIPES
from facetally.models.weights import record_in_manifest
from facetally.training.train import TrainingJob, train_model
from scripts.finetuning_report import FinetuningFacts, write_report

NAME = "mobilenetv2_gender_utkface"
FILE = click.Path(path_type=Path, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(help=__doc__)
@click.option("--data", type=FILE, required=True, help="UTKFace: folder, .zip or .tar.")
@click.option("--backbone", type=FILE, help="ImageNet backbone.  [default: from scratch]")
@click.option("--detector", type=FILE, required=True, help="SCRFD that finds the five points.")
@click.option("--output", type=FOLDER, default=Path("models"), show_default=True)
@click.option("--reports", type=FOLDER, default=Path("reports"), show_default=True)
@click.option("--work", type=FOLDER, default=Path("work/gender_utkface"), show_default=True, help="Crops, checkpoints.")
@click.option("--epochs", default=10, show_default=True)
@click.option("--limit", type=int, help="Use at most this many images (a smoke run).")
@click.option("--seed", default=0, show_default=True)
def main(
    data: Path,
    backbone: Path | None,
    detector: Path,
    output: Path,
    reports: Path,
    work: Path,
    epochs: int,
    limit: int | None,
    seed: int,
) -> None:
    for folder in (output, reports):
        folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    command = f"python -m scripts.finetune_gender_classifier {shlex.join(sys.argv[1:])}"
    recipe = replace(RECIPES["gender-utkface"].shortened(epochs), name=NAME)
    source = ImageSource("utkface", (data,))
    job = TrainingJob(recipe, (source,), work, detector, backbone, limit=limit, seed=seed, workers=1, command=command)
    with shown_training() as watcher:
        trained = train_model(job, watcher)
    for suffix in (".pth", ".onnx"):
        shutil.copyfile(work / f"{NAME}{suffix}", output / f"{NAME}{suffix}")
    if (output / "manifest.csv").exists():
        record_in_manifest(output / "manifest.csv", NAME, output / f"{NAME}.onnx")
    reading = UTKFaceDataset(data, *recipe.ages).report
    facts = FinetuningFacts(trained, reading, output / f"{NAME}.onnx", time.perf_counter() - started)
    write_report(facts, reports)
    click.echo(
        json.dumps({key: trained.metrics["gender"][key] for key in ("accuracy", "male_recall", "female_recall")})
    )


if __name__ == "__main__":
    main()
