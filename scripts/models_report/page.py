"""The page: the production model first, then every recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facetally.formatting import command
from facetally.gender.model.card import commands_of
from scripts.claimed_protocol import table
from scripts.models_report.tables import (
    age_table,
    cell_table,
    group_table,
    height_table,
    people_table,
    set_table,
    video_table,
)
from scripts.models_report.targets import (
    ALL_AGES,
    HEADER,
    PRODUCTION_TARGETS,
    PROTOCOLS,
    TARGETS,
    Figures,
    Target,
)

PRODUCTION = "facetally"
TITLES = {ALL_AGES: "All-Age-Faces, 2,468 faces of all ages, mostly Asian"}


def models_page(reports: Mapping[str, Figures], claimed: Sequence[Figures] = ()) -> str:
    """The page's text.

    Args:
        reports: the JSON of `scripts.measure_classifier` by recipe, and as "facetally_on_video" that of
            `scripts.calibrate_tracks`.
        claimed: the JSON of `scripts.claimed_protocol`, any number for a recipe.
    """
    parts = [
        "# Models: targets and results\n\nWritten by `python -m scripts.models_report` from `models/*.json`. "
        "Unless stated otherwise, all figures are for single crops that were used neither for training nor for model "
        "selection.",
        "## The production model",
        production_part(reports[PRODUCTION], reports.get("facetally_on_video"))
        if PRODUCTION in reports
        else "Not trained yet.",
        "## The other recipes",
        *(
            recipe_part(name, targets, reports.get(name), [one for one in claimed if one["recipe"]["name"] == name])
            for name, targets in TARGETS.items()
        ),
    ]
    return "\n\n".join(parts) + "\n"


def production_part(report: Figures, on_video: Figures | None) -> str:
    """Targets, then the tables by set, cell, age, face height, named person and clip."""
    parts = [
        circumstances(report),
        HEADER + "\n" + "\n".join(target.row(report) for target in PRODUCTION_TARGETS),
        "### By set\n\n" + set_table(report),
        "### FairFace by race and gender\n\n"
        + cell_table(report["metrics"]["gender"]["by_set"]["fairface"]["by_group"]),
        "### By age\n\n" + age_table(report),
        *(f"### {name}, never trained on or selected by\n\n{group_table(part)}" for name, part in unseen_sets(report)),
        "### By face height\n\n" + height_table(report["by_face_height_px"]),
        "### People named in the sets, by all of their crops\n\n" + people_table(report["people"]),
    ]
    if on_video:
        parts.append("### People in labelled video\n\n" + video_table(on_video))
    return "\n\n".join(parts)


def unseen_sets(report: Figures) -> list[tuple[str, Figures]]:
    """The sets that the model was not trained on, by a readable name."""
    return [(TITLES.get(name, name), part) for name, part in report.get("unseen", {}).items()]


def recipe_part(name: str, targets: tuple[Target, ...], report: Figures | None, claimed: Sequence[Figures] = ()) -> str:
    """A recipe's heading, table, and how it was measured, then its figures by the protocols of published ones."""
    head = f"### {name}\n\n{PROTOCOLS[name]}"
    if report is None:
        train = command("facetally", "train", name, "--data", "UTKFace.zip", "-o", name)
        return "\n\n".join([head, f"Not trained yet; train it with `{train}`.", *map(claimed_part, claimed)])
    card = report["card"]
    rows = "\n".join(target.row(report) for target in targets)
    epochs = " + ".join(str(stage["epochs"]) for stage in card["training"]["stages"])
    made = (
        f"Started from {card['data']['backbone']}; at most {epochs} epochs; {test_count(report)} test faces; "
        f"{circumstances(report)}"
    )
    return "\n\n".join([head, f"{HEADER}\n{rows}", made, *map(claimed_part, claimed)])


def claimed_part(report: Figures) -> str:
    """The figures of one training by the protocol of published ones, on the groups of faces that it tells apart."""
    return (
        f"#### As claimed, and honest\n\n{table(report['figures'])}\n\n{report['date']}, {report['machine']}.\n\n"
        f"```\n{report['command']}\n```"
    )


def test_count(report: Figures) -> int:
    return int(report["metrics"]["count"])


def circumstances(report: Figures) -> str:
    """Date and machine of the measurement, and the commands that made the weights."""
    commands = "\n".join(commands_of(report["card"]["training"]))
    commands = commands.replace(" --trunk ", " --backbone ")  # the option's name in older reports
    return f"{report['date']}, {report['machine']}.\n\n```\n{commands}\n```"
