"""Writes reports/DETECTORS.md: the detectors side by side, and whether ours meets the targets for the default.

    python -m scripts.detectors_report

Reads reports/detectors.json, which `scripts.evaluate_detector` writes, and the card in our weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from facetally.networks import Network
from scripts.models_report.targets import HEADER, Target, at_least, at_most

Figures = Mapping[str, Any]
FILE = click.Path(path_type=Path, dir_okay=False)
OURS, PEER, TEACHER = "ours", "scrfd_500m", "scrfd_2.5g"
STAGE = "ours@"
"""Prefix of the names of our detector at stages of its training, followed by, for example, "14 epochs"."""
ASKED_SHARES = {"easy": 0.95, "medium": 0.95, "hard": 0.85}
"""The share of the average precision of the official 500M that ours should reach, by level."""
PUBLISHED = {"scrfd_500m": (0.910, 0.884, 0.695), "scrfd_2.5g": (0.938, 0.920, 0.771)}
"""Average precision of the official networks with five points on easy, medium and hard, as their authors publish it
(insightface, detection/scrfd/README.md, VGA resolution)."""


@click.command(help=__doc__)
@click.option("--figures", type=FILE, default=Path("reports/detectors.json"), show_default=True)
@click.option("--weights", type=FILE, default=Path("models/facetally_scrfd_500m.onnx"), show_default=True)
@click.option("--page", type=FILE, default=Path("reports/DETECTORS.md"), show_default=True)
def main(figures: Path, weights: Path, page: Path) -> None:
    card = json.loads(Network(weights).metadata["card"])
    page.write_text(detectors_page(json.loads(figures.read_text()), card["losses"]))


def detectors_page(figures: Figures, losses: Sequence[float]) -> str:
    """The page's text, from the JSON of `scripts.evaluate_detector` and the loss of each epoch."""
    counts = figures["pictures"]
    finished, stages = (
        {name: own for name, own in figures["detectors"].items() if name.startswith(STAGE) == is_stage}
        for is_stage in (False, True)
    )
    parts = [
        "# Face detectors\n\nWritten by `python -m scripts.detectors_report` from `detectors.json`, of "
        f"{figures['date']}, {figures['machine']}.\n\n```\n{figures['command']}\n```",
        HEADER + "\n" + "\n".join(target.row(figures) for target in TARGETS),
        "## Images, complete\n\nAll 3,226 images of WIDER FACE's validation set at a long side of 640 px, by the "
        "protocol of its authors; recall of the hard level's faces by their height at that size, at a score of 0.5.\n\n"
        + complete_table(figures["wider_val"]),
        f"## Images, a part\n\nAverage precision on {counts['wider_val']} of WIDER FACE's validation images (long side "
        f"512 px; its own easy, medium and hard faces) and {counts['fddb']} of FDDB, at an input of 640 px; recall of "
        "WIDER's faces by their height in the stored image, at a score of 0.5; milliseconds per 640 x 360 frame.\n\n"
        + image_table(finished),
        "## Labelled video\n\nThe same run with each detector over the hand-labelled clips.\n\n"
        + video_table(figures["video"]),
    ]
    if stages:
        by_epochs = {int(name.removeprefix(STAGE).split()[0]): own for name, own in stages.items()}
        parts.append("## Learning\n\n" + learning_section(by_epochs, losses, finished[PEER]))
    return "\n\n".join(parts) + "\n"


def precision_ratio(level: str) -> Callable[[Figures], float]:
    """Our average precision on the complete validation set, divided by that of the official 500M."""
    return lambda figures: figures["wider_val"][OURS][level] / figures["wider_val"][PEER][level]


def recall_loss(figures: Figures) -> float:
    """Recall of the official 500M for faces from 32 px on the complete validation set, minus ours."""
    ours, peer = (figures["wider_val"][name]["recall_by_height_px"]["from 32"] for name in (OURS, PEER))
    return float(peer - ours)


def found_difference(figures: Figures) -> float:
    """People found by ours, minus those found by the official 500M."""
    return float(figures["video"][OURS]["found"] - figures["video"][PEER]["found"])


def false_track_ratio(figures: Figures) -> float:
    """Our number of tracks on nobody divided by that of the official 500M."""
    return float(figures["video"][OURS]["tracks_on_nobody"] / max(1, figures["video"][PEER]["tracks_on_nobody"]))


def end_to_end(figures: Figures) -> float:
    """The accuracy over all labelled people with ours; a person who is not found is an error."""
    return float(figures["video"][OURS]["people"]["end_to_end"]["accuracy"])


TARGETS = (
    *(
        Target(
            f"{level}: share of the official 500M's precision",
            f">= {share:.0%}".replace("%", " %"),
            precision_ratio(level),
            ".1%",
            at_least(share),
        )
        for level, share in ASKED_SHARES.items()
    ),
    Target("recall from 32 px, loss against the official 500M", "<= 3 points", recall_loss, ".1%", at_most(0.03)),
    Target("people found, more than by the official 500M", ">= 0", found_difference, "+.0f", at_least(0)),
    Target("tracks on nobody, relative to the official 500M", "<= 1", false_track_ratio, ".2f", at_most(1)),
    Target("people classified correctly, of all", ">= 94.5 %", end_to_end, ".1%", at_least(0.945)),
)


def _share(*keys: str) -> Callable[[Figures], str]:
    def read(figures: Any) -> str:
        for key in keys:
            figures = figures[key]
        return f"{figures:.1%}"

    return read


PRECISION = {
    **{f"WIDER {level}": _share("wider_val", level) for level in ("easy", "medium", "hard")},
    "FDDB": _share("fddb", "all"),
}
"""Rows of average precision in a table."""


def image_table(detectors: Figures) -> str:
    """One row per figure, one column per detector."""
    heights = list(next(iter(detectors.values()))["wider_val"]["recall_by_height_px"])
    rows: dict[str, Callable[[Figures], str]] = {
        **PRECISION,
        **{f"recall {_heights(height)} px": _share("wider_val", "recall_by_height_px", height) for height in heights},
        "ms per frame": lambda figures: f"{figures['milliseconds']:.1f}",
    }
    return _table(detectors, rows)


def complete_table(detectors: Figures) -> str:
    """One row per figure on the complete validation set, one column per detector."""
    levels = tuple(ASKED_SHARES)
    heights = list(next(iter(detectors.values()))["recall_by_height_px"])
    rows = {level: _share(level) for level in levels}
    rows |= {f"recall {_heights(height)} px": _share("recall_by_height_px", height) for height in heights}
    table = _table(detectors, rows)
    for name in [name for name in PUBLISHED if name in detectors]:
        own = ", ".join(f"{level} {share:.1%}" for level, share in zip(levels, PUBLISHED[name], strict=True))
        table += f"\n\nPublished of {name}: {own}."
    return table


def _heights(limits: str) -> str:
    return limits if limits.startswith("from") else f"at {limits.replace('-10000', ' and more')}"


def learning_section(stages: Mapping[int, Figures], losses: Sequence[float], peer: Figures) -> str:
    """Precision by number of training epochs, the loss of each epoch, and the epochs that the targets would need."""
    text = (
        "Earlier weights of ours, by number of training epochs, each training with a complete learning rate schedule; "
        "the loss of each epoch of the newest training: " + ", ".join(f"{loss:.2f}" for loss in losses) + ".\n\n"
    )
    text += _table({f"{epochs} epochs": own for epochs, own in sorted(stages.items())}, PRECISION)
    wanted = {level: share * peer["wider_val"][level] for level, share in ASKED_SHARES.items()}
    needed = {
        f"{level} {share:.1%}": epochs_to({n: own["wider_val"][level] for n, own in stages.items()}, share)
        for level, share in wanted.items()
    }
    reached = ", ".join(f"{name} after {epochs:.0f}" for name, epochs in needed.items() if math.isfinite(epochs))
    if reached:
        text += (
            "\n\nIf every further doubling of the epochs gained as much as the last one, these would be reached: "
            f"{reached} epochs. Gains usually shrink, so this is a lower limit."
        )
    return text


def epochs_to(precision: Mapping[int, float], wanted: float) -> float:
    """Epochs needed for a precision, extrapolated linearly in log(epochs) from the last two stages."""
    if len(precision) < 2:
        return math.inf
    (before, low), (after, high) = sorted(precision.items())[-2:]
    per_doubling = (high - low) / math.log2(after / before)
    return float(after * 2 ** ((wanted - high) / per_doubling)) if per_doubling > 0 else math.inf


def video_table(runs: Figures) -> str:
    """One row per figure of the runs over video, one column per detector."""
    large = next(iter(runs.values()))["people_from_30_px"]
    return _table(
        runs,
        {
            "people found": lambda run: f"{run['found']} of {run['people']['labelled']}",
            "with faces from 30 px": lambda run: f"{run['found_from_30_px']} of {large}",
            "accuracy of people found": _share("people", "accuracy"),
            "women": _share("people", "female", "accuracy"),
            "men": _share("people", "male", "accuracy"),
            "accuracy over all people": _share("people", "end_to_end", "accuracy"),
            "tracks": lambda run: str(run["tracks"]),
            "tracks on nobody": lambda run: str(run["tracks_on_nobody"]),
        },
    )


def _table(columns: Figures, rows: Mapping[str, Callable[[Figures], str]]) -> str:
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    lines += [f"| {name} | " + " | ".join(form(own) for own in columns.values()) + " |" for name, form in rows.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
