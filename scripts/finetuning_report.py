"""Writes reports/GENDER_FINETUNING_RESULTS.md and its curves. Called by finetune_gender_classifier.py."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from gender.dataset import ReadingReport
from gender.evaluation import GenderEvaluation
from gender.model_card import ModelCard
from gender.training import EpochResult


@dataclass(frozen=True)
class FinetuningFacts:
    """All that the report says."""

    card: ModelCard
    reading: ReadingReport
    baseline: GenderEvaluation
    result: GenderEvaluation
    by_age: dict[str, GenderEvaluation]
    history: list[EpochResult]
    cutting_seconds: float
    pth_path: Path
    onnx_path: Path
    onnx_ms_per_face: float


def onnx_milliseconds_per_face(onnx_path: Path, side_px: int, repeats: int = 200) -> float:
    """Median time of one crop through onnxruntime on one CPU thread."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(onnx_path), settings, providers=["CPUExecutionProvider"])
    crop = {session.get_inputs()[0].name: np.zeros((1, 3, side_px, side_px), np.float32)}
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        session.run(None, crop)
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000


def write_report(facts: FinetuningFacts, reports: Path) -> None:
    """Writes the Markdown page and `gender_finetuning_curves.png` beside it."""
    draw_curves(facts.history, reports / "gender_finetuning_curves.png")
    minutes = (sum(e.seconds for e in facts.history) + facts.cutting_seconds) / 60
    result, baseline, reading, data = facts.result, facts.baseline, facts.reading, facts.card.data
    mb = {path.suffix: path.stat().st_size / 1e6 for path in (facts.pth_path, facts.onnx_path)}
    said_male = result.male_as_male + result.female_as_male
    said_female = result.count - said_male
    ages = "\n".join(
        f"| {group} | {e.count} | {e.accuracy:.1%} | {e.male_recall:.1%} | {e.female_recall:.1%} |"
        for group, e in facts.by_age.items()
    )
    epochs = "\n".join(
        f"| {e.epoch} | {e.train_loss:.3f} | {e.train_accuracy:.1%} | {e.held_out_loss:.3f} "
        f"| {e.held_out_accuracy:.2%} | {e.seconds:.0f} |"
        for e in facts.history
    )
    text = f"""# Gender fine-tuning: results

{date.today()}, {platform.machine()} {platform.system()}, {os.cpu_count()} CPU cores, no GPU. Written by the command itself:

```
{facts.card.training["command"]}
```

MobileNetV2 from an ImageNet trunk ({data["trunk"]}), the first {facts.card.training["frozen_blocks"]} of 19 blocks
frozen, tuned on UTKFace, ages {data["ages"][0]}-{data["ages"][1]}. The held-out fifth is set apart by content hash before
anything else, never augmented, and chooses nothing: the last epoch is the result.

| | target | result |
|---|---|---|
| held-out accuracy, ages {data["ages"][0]}-{data["ages"][1]} | >= 94 % | **{result.accuracy:.2%}** ({result.count} pictures) |
| men told right / women told right | | {result.male_recall:.2%} / {result.female_recall:.2%} |
| M:F of the answers / M:F of the truth | 0.8 - 1.25 | {result.balance:.3f} ({said_male}:{said_female} / {result.male_count}:{result.female_count}) |
| one face, ONNX, one CPU thread | < 10 ms | {facts.onnx_ms_per_face:.1f} ms |
| file, .pth / .onnx | < 20 MB | {mb[".pth"]:.1f} MB / {mb[".onnx"]:.1f} MB |
| training, crops included | < 30 min | {minutes:.1f} min ({facts.cutting_seconds / 60:.1f} min of it cutting crops) |
| before tuning (ImageNet trunk, random head) | | {baseline.accuracy:.2%}, men {baseline.male_recall:.1%}, women {baseline.female_recall:.1%} |

## Confusion

| truth | told male | told female |
|---|---|---|
| male | {result.male_as_male} | {result.male_as_female} |
| female | {result.female_as_male} | {result.female_as_female} |

## By age

| years | pictures | accuracy | men | women |
|---|---|---|---|---|
{ages}

## Curves

![loss and accuracy by epoch](gender_finetuning_curves.png)

| epoch | train loss | train accuracy (augmented) | held-out loss | held-out accuracy | s |
|---|---|---|---|---|---|
{epochs}

## Data

{reading.pictures_read} pictures read; {len(reading.malformed_names)} with malformed names, {reading.duplicates_removed} further copies of
a picture and {reading.contradictions_dropped} copies with contradictory labels left out; {reading.outside_ages} outside the ages.
{data["train_count"]} to train, {data["held_out_count"]} held out. Fingerprint `{data["fingerprint"]}`.
UTKFace is for non-commercial research. Its pictures are photographs: on video frames expect less (see `LOG.md`).
"""
    (reports / "GENDER_FINETUNING_RESULTS.md").write_text(text)


def draw_curves(history: list[EpochResult], path: Path) -> None:
    """Loss and accuracy over epochs, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    epochs = [e.epoch for e in history]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    left.plot(epochs, [e.train_loss for e in history], label="train (augmented)")
    left.plot(epochs, [e.held_out_loss for e in history], label="held out")
    left.set(xlabel="epoch", ylabel="cross-entropy")
    right.plot(epochs, [e.train_accuracy for e in history], label="train (augmented)")
    right.plot(epochs, [e.held_out_accuracy for e in history], label="held out")
    right.set(xlabel="epoch", ylabel="accuracy")
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
