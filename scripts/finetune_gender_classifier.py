"""Fine-tunes MobileNetV2 on UTKFace and writes our first gender weights, their ONNX twin and their report.

    python -m scripts.finetune_gender_classifier --data ../shared/data/UTKFace.zip \
        --trunk ../shared/models/mobilenet_v2_imagenet_trunk.pth --detector ../shared/models/scrfd/scrfd_2.5g_kps.onnx

Every epoch leaves a checkpoint under --work; the same command goes on from there. Nothing is chosen by the held-out
fifth: it is set apart by content before anything else happens, never augmented, and the last epoch is the result.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress

from detection.crops import CropRecipe
from detection.scrfd import ScrfdDetector
from gender.checkpoint import load_checkpoint, save_checkpoint
from gender.dataset import UTKFaceDataset
from gender.evaluation import GenderEvaluation
from gender.export import export_onnx
from gender.model_card import ModelCard
from gender.networks import IMAGENET_MEAN, IMAGENET_STD, MobileNetV2Gender, load_imagenet_trunk
from gender.training import CropSet, EpochResult, TrainingOptions, evaluate, train
from pipeline.portraits import PORTRAIT_DETECTION, portrait_crop
from pipeline.weights import record_in_manifest, sha256_of
from scripts.finetuning_report import FinetuningFacts, onnx_milliseconds_per_face, write_report

NAME = "mobilenetv2_gender_utkface"
CLASS_NAMES = ("male", "female")  # 0 = male in UTKFace
MARGIN_PX = 8
HELD_OUT_SHARE = 0.2


@click.command(help=__doc__)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="UTKFace: folder, .zip or .tar.",
)
@click.option(
    "--trunk",
    type=click.Path(path_type=Path, exists=True),
    help="ImageNet trunk; default: torchvision's, from the network.",
)
@click.option(
    "--detector",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="SCRFD that finds the five points.",
)
@click.option("--output", type=click.Path(path_type=Path), default=Path("models"), show_default=True)
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("work/gender_utkface"),
    show_default=True,
    help="Cached crops and checkpoints.",
)
@click.option("--epochs", default=10, show_default=True)
@click.option("--limit", type=int, help="Use only this many pictures (a smoke run).")
@click.option(
    "--ages", nargs=2, type=int, default=(18, 80), show_default=True, help="Youngest and oldest picture used."
)
@click.option("--seed", default=0, show_default=True)
def main(
    data: Path,
    trunk: Path | None,
    detector: Path,
    output: Path,
    reports: Path,
    work: Path,
    epochs: int,
    limit: int | None,
    ages: tuple[int, int],
    seed: int,
) -> None:
    for folder in (output, reports, work):
        folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    recipe = CropRecipe()
    options = TrainingOptions(epochs=epochs, seed=seed)

    dataset = UTKFaceDataset(data, *ages)
    reading = dataset.report
    click.echo(
        f"{len(dataset)} of {reading.pictures_read} pictures; left out: "
        f"{len(reading.malformed_names)} malformed names, {reading.duplicates_removed} duplicates, "
        f"{reading.contradictions_dropped} contradictory, "
        f"{reading.outside_ages} outside the ages",
        err=True,
    )
    crops, cutting_seconds = cached_crops(dataset, detector, recipe, work, limit)
    chosen = chosen_indices(len(dataset), limit)
    held_out_mask = dataset.held_out(HELD_OUT_SHARE, seed)[chosen]
    ages_years = np.array([dataset.pictures[index].age_years for index in chosen])
    train_set, held_out = crops[~held_out_mask], crops[held_out_mask]

    network = MobileNetV2Gender(len(CLASS_NAMES))
    trunk_source = load_imagenet_trunk(network, trunk)
    baseline, _ = evaluate(network, held_out)
    network.freeze_first(options.frozen_blocks)
    identity = f"{crops_key(dataset, detector, recipe, limit)} trunk {sha256_of(trunk) if trunk else trunk_source}"
    history = train_with_progress(network, train_set, held_out, options, work / "state.pth", identity)
    result, _ = evaluate(network, held_out)

    card = ModelCard(
        name=NAME,
        architecture="mobilenet_v2",
        class_names=CLASS_NAMES,
        crop=recipe.as_dict(),
        pixel_mean=IMAGENET_MEAN,
        pixel_std=IMAGENET_STD,
        metrics={"held_out": result.as_dict()},
        data={
            "sets": "UTKFace (non-commercial research)",
            "ages": list(ages),
            "train_count": len(train_set),
            "held_out_count": len(held_out),
            "fingerprint": dataset.fingerprint(),
            "trunk": trunk_source,
        },
        training=asdict(options)
        | {"command": f"python -m scripts.finetune_gender_classifier {shlex.join(sys.argv[1:])}"},
    )
    save_checkpoint(output / f"{NAME}.pth", network, card)
    export_onnx(output / f"{NAME}.onnx", *load_checkpoint(output / f"{NAME}.pth"))
    if (output / "manifest.csv").exists():
        record_in_manifest(output / "manifest.csv", NAME, output / f"{NAME}.onnx")
    facts = FinetuningFacts(
        card=card,
        reading=reading,
        baseline=baseline,
        result=result,
        by_age=accuracy_by_age(network, held_out, ages_years[held_out_mask]),
        history=history,
        cutting_seconds=cutting_seconds,
        pth_path=output / f"{NAME}.pth",
        onnx_path=output / f"{NAME}.onnx",
        onnx_ms_per_face=onnx_milliseconds_per_face(output / f"{NAME}.onnx", recipe.size_px),
    )
    write_report(facts, reports)
    click.echo(json.dumps(result.as_dict()))


def cached_crops(
    dataset: UTKFaceDataset, detector_path: Path, recipe: CropRecipe, work: Path, limit: int | None
) -> tuple[CropSet, float]:
    """The pictures' aligned crops, from the cache of an earlier run where data and recipe are the same.

    A picture without a found face is used whole: it stays in both splits, so that the held-out accuracy does not
    profit from the detector's misses.

    Returns:
        The crops and the seconds it took to cut them, then or now.
    """
    pictures = [dataset.pictures[index] for index in chosen_indices(len(dataset), limit)]
    key = crops_key(dataset, detector_path, recipe, limit)
    is_female = np.array([p.is_female for p in pictures])
    cache = work / "crops.npz"
    if cache.exists():
        stored = np.load(cache)
        if str(stored["key"]) == key:
            return CropSet(stored["crops"], is_female, MARGIN_PX), float(stored["seconds"])

    started = time.perf_counter()
    detector = ScrfdDetector(detector_path, PORTRAIT_DETECTION)
    side = recipe.size_px + 2 * MARGIN_PX
    crops = np.zeros((len(pictures), side, side, 3), np.uint8)
    missed = 0
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        for index in progress.track(range(len(pictures)), description="cutting crops"):
            image = pictures[index].image_bgr()
            crop = portrait_crop(detector, image, recipe, MARGIN_PX)
            if crop is None:
                missed += 1
                crop = unaligned_crop(image, side)
            crops[index] = crop
    seconds = time.perf_counter() - started
    click.echo(f"no face found in {missed} of {len(pictures)} pictures", err=True)
    temporary = work / "part.crops.npz"
    np.savez(temporary, crops=crops, key=key, seconds=seconds)
    temporary.replace(cache)
    return CropSet(crops, is_female, MARGIN_PX), seconds


def crops_key(dataset: UTKFaceDataset, detector_path: Path, recipe: CropRecipe, limit: int | None) -> str:
    """What the cached crops depend on."""
    parts = (dataset.fingerprint(), recipe, MARGIN_PX, sha256_of(detector_path), PORTRAIT_DETECTION, limit)
    return " ".join(str(part) for part in parts)


def chosen_indices(count: int, limit: int | None) -> np.ndarray:
    """All pictures, or `limit` of them evenly from the sorted names, so that all ages are among them."""
    return np.linspace(0, count, min(limit or count, count), endpoint=False).astype(int)


def unaligned_crop(image_bgr: np.ndarray, side: int) -> np.ndarray:
    """The whole picture, (side, side, 3) uint8 RGB: UTKFace's pictures are aligned already."""
    return np.asarray(cv2.cvtColor(cv2.resize(image_bgr, (side, side)), cv2.COLOR_BGR2RGB), np.uint8)


def train_with_progress(
    network: MobileNetV2Gender,
    train_set: CropSet,
    held_out: CropSet,
    options: TrainingOptions,
    state_path: Path,
    identity: str,
) -> list[EpochResult]:
    """Trains what is left to train; the epochs' results of all runs so far."""
    results = []
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("training", total=None)

        def on_step(step: int, steps: int, loss: float) -> None:
            progress.update(task, completed=step, total=steps, description=f"training, loss {loss:.3f}")

        for result in train(network, train_set, held_out, options, state_path, identity, on_step):
            results.append(result)
            progress.console.print(
                f"epoch {result.epoch}: loss {result.train_loss:.3f}, held-out accuracy "
                f"{result.held_out_accuracy:.2%}, {result.seconds:.0f} s"
            )
    return results


def accuracy_by_age(
    network: MobileNetV2Gender, held_out: CropSet, ages_years: np.ndarray
) -> dict[str, GenderEvaluation]:
    """The held-out result by decade."""
    groups = {}
    for start in range(0, 120, 10):
        mask = (ages_years >= start) & (ages_years < start + 10)
        if mask.any():
            groups[f"{start}-{start + 9}"] = evaluate(network, held_out[mask])[0]
    return groups


if __name__ == "__main__":
    main()
