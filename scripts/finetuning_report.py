"""Writes reports/GENDER_FINETUNING_RESULTS.md and its curves. Called by finetune_gender_classifier.py."""

from __future__ import annotations

import os
import platform
import shutil
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from facetally.datasets.utkface import ReadingReport
from facetally.gender.classifier import FaceGenderClassifier
from facetally.training.train import TrainedModel


@dataclass(frozen=True)
class FinetuningFacts:
    """The content of the report."""

    trained: TrainedModel
    reading: ReadingReport
    onnx_path: Path
    seconds: float
    """Duration of the whole command."""


def onnx_milliseconds_per_face(onnx_path: Path, repeats: int = 200) -> float:
    """Median time to classify one crop, with onnxruntime on one CPU thread."""
    classifier = FaceGenderClassifier(onnx_path, threads=1)
    side = classifier.card.crop["size_px"]
    crop = np.zeros((1, side, side, 3), np.uint8)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        classifier.predict(crop)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000


def write_report(facts: FinetuningFacts, reports: Path) -> None:
    """Writes the Markdown page and `gender_finetuning_curves.png` beside it."""
    trained, reading = facts.trained, facts.reading
    card, gender = trained.card, trained.metrics["gender"]
    shutil.copyfile(trained.folder / "evaluation" / "curves.png", reports / "gender_finetuning_curves.png")
    milliseconds = onnx_milliseconds_per_face(facts.onnx_path)
    predicted_male = gender["male_as_male"] + gender["female_as_male"]
    ages = "\n".join(
        f"| {band} | {part['count']} | {part['accuracy']:.1%} | {part.get('male', {}).get('accuracy', 0):.1%} "
        f"| {part.get('female', {}).get('accuracy', 0):.1%} |"
        for band, part in gender["by_age"].items()
        if part["count"]
    )
    epochs = "\n".join(
        f"| {e.epoch} | {e.train_loss:.3f} | {e.selection_loss:.3f} | {e.selection_accuracy:.2%} | {e.seconds:.0f} |"
        for e in trained.history
    )
    counts = card.data["sets"]["utkface"]
    text = f"""# Gender fine-tuning: results

{date.today()}, {platform.machine()} {platform.system()}, {os.cpu_count()} CPU cores, no GPU. Written by the command itself:

```
{card.training["command"]}
```

MobileNetV2 started from {card.data["backbone"]}, the first {card.training["stages"][0]["frozen_blocks"]} of 19 blocks
frozen, fine-tuned on UTKFace, ages {card.data["ages"][0]}-{card.data["ages"][1]}. The test faces are split off by content first,
are never augmented, and are not used for model selection: the last epoch is the result.

| | target | result |
|---|---|---|
| test accuracy, ages {card.data["ages"][0]}-{card.data["ages"][1]} | >= 94 % | **{gender["accuracy"]:.2%}** ({gender["count"]} images) |
| recall of men / of women | | {gender["male_recall"]:.2%} / {gender["female_recall"]:.2%} |
| M:F predicted over M:F labelled | 0.8 - 1.25 | {gender["balance"]:.3f} ({predicted_male}:{gender["count"] - predicted_male} predicted) |
| one face, ONNX, one CPU thread | < 10 ms | {milliseconds:.1f} ms |
| file, .onnx | < 20 MB | {facts.onnx_path.stat().st_size / 1e6:.1f} MB |
| the whole command, crops included | < 30 min | {facts.seconds / 60:.1f} min |
| before fine-tuning (the same backbone, random head) | | {trained.baseline_accuracy:.2%} |

## Confusion

| labelled | predicted male | predicted female |
|---|---|---|
| male | {gender["male_as_male"]} | {gender["male_as_female"]} |
| female | {gender["female_as_male"]} | {gender["female_as_female"]} |

## By age

| years | images | accuracy | men | women |
|---|---|---|---|---|
{ages}

## Curves

![loss and accuracy by epoch](gender_finetuning_curves.png)

| epoch | train loss (augmented) | selection loss | selection accuracy | s |
|---|---|---|---|---|
{epochs}

## Data

{reading.images_read} images read; {len(reading.malformed_names)} with malformed names, {reading.duplicates_removed} further copies of
an image and {reading.contradictions_dropped} copies with contradictory labels left out; {reading.outside_ages} outside the age range.
{counts["train"]} for training, {counts["selection"]} evaluated after each epoch, {counts["test"]} for the test. Fingerprint
`{card.data["fingerprint"]}`. UTKFace is for non-commercial research. Its images are photographs: expect a lower accuracy on video
frames (see `LOG.md`).
"""
    (reports / "GENDER_FINETUNING_RESULTS.md").write_text(text)
