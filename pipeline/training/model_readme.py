"""Writes a model's README: what it predicts, what it was trained on, and how accurate it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facetally.files import write_whole
from facetally.gender.model.card import ModelCard, commands_of

GENDER_FORMS = {"two_logits": "gender (2 logits: {classes})", "female_logit": "gender (1 logit, of female)", "none": ""}
AGE_FORMS = {"per_100": "age (years / 100)", "distribution": "age (101 logits, one a year from 0)", "none": ""}


def write_model_page(path: Path, card: ModelCard, metrics: dict[str, Any]) -> None:
    """Writes Markdown.

    Args:
        path: of the page; an existing file is replaced.
        card: of the model.
        metrics: of its test split, as `facetally.training.evaluation_report.write_evaluation` returns them.
    """
    write_whole(path, model_page(card, metrics))


def model_page(card: ModelCard, metrics: dict[str, Any]) -> str:
    """The page's text; arguments as in `write_model_page`."""
    forms = [GENDER_FORMS[card.layout.gender].format(classes=", ".join(card.class_names)), AGE_FORMS[card.layout.age]]
    side = card.crop["size_px"]
    predicted = " and ".join(form for form in forms if form)
    by_itself = " (for a single crop: the mean of the outputs for it and for its mirror image)" if card.mirrored else ""
    facts = {
        "predicts": f"perceived {predicted}, of one aligned face crop{by_itself}",
        "network": f"{card.architecture}, one output of {card.layout.column_count} columns",
        "input": f"(B, 3, {side}, {side}) RGB in [0, 1], less {list(card.pixel_mean)}, over {list(card.pixel_std)}",
        "crop": f"ArcFace's five points at scale {card.crop['template_scale']}, border: {card.crop['border']}",
        "started from": card.data["backbone"],
        "made by": "; ".join(f"`{command}`" for command in commands_of(card.training)),
        "data fingerprint": f"`{card.data['fingerprint']}`",
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    sets = "\n".join(
        f"| {name} | {counts.get('train', 0)} | {counts.get('selection', 0)} | {counts.get('test', 0)} |"
        for name, counts in card.data["sets"].items()
    )
    return f"""# {card.name}

| | |
|---|---|
{rows}

Faces by set: for training, for model selection and calibration, and for the figures below.

| set | train | selection | test |
|---|---|---|---|
{sets}

## On the test split

{_results(metrics)}

Plots, the classification report and the most confident mistakes are in `evaluation/`. The terms of the data apply to
these weights. Predictions are of perceived gender and age, for aggregate use.
"""


def _results(metrics: dict[str, Any]) -> str:
    lines = ["| set | faces | accuracy | women | men | mean age error, years |", "|---|---|---|---|---|---|"]
    for name in _set_names(metrics):
        gender, age = ((metrics[kind] or {"by_set": {}})["by_set"].get(name) for kind in ("gender", "age"))
        predicted = (
            [f"{gender[key]:.1%}" for key in ("accuracy", "female_recall", "male_recall")] if gender else [""] * 3
        )
        predicted.append(f"{age['mae_years']:.2f}" if age else "")
        lines.append(f"| {name} | {(gender or age)['count']} | {' | '.join(predicted)} |")
    return "\n".join(lines)


def _set_names(metrics: dict[str, Any]) -> list[str]:
    return sorted({name for kind in ("gender", "age") if metrics[kind] for name in metrics[kind]["by_set"]})
