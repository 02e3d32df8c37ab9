"""Writes reports/MODELS.md: every recipe's targets beside its results, and the evaluation of the production model.

    python -m scripts.models_report

Reads reports/models/*.json, which `scripts.measure_classifier` and `scripts.calibrate_tracks` write, and
reports/models/claimed/*.json, which `scripts.claimed_protocol` writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import rich_click as click

from facetally.formatting import command
from facetally.gender.model.card import commands_of
from scripts.claimed_protocol import table

Figures = Mapping[str, Any]
FOLDER = click.Path(path_type=Path, file_okay=False)
PRODUCTION = "facetally"
ALL_AGES = "all_age_faces"
"""The name under which All-Age-Faces is given to `scripts.measure_classifier --unseen`."""
TITLES = {ALL_AGES: "All-Age-Faces, 2,468 faces of all ages, mostly Asian"}
INA_BY_HEIGHT = {10: 63.7, 15: 76.9, 20: 83.5, 25: 88.5, 30: 90.9, 40: 93.3, 50: 94.3, 75: 95.0, 100: 95.4}
"""Accuracy of inaFaceAnalyzer in percent, by its authors, on FairFace shrunk to a face height in pixels."""


@dataclass(frozen=True)
class Target:
    """A figure to reach."""

    what: str
    wanted: str
    value: Callable[[Figures], float | None]
    """Reads the figure from a recipe's report; None if it has none."""
    form: str
    is_met: Callable[[float], bool]

    def row(self, report: Figures) -> str:
        """A row of the table of targets and results."""
        value = self.value(report)
        if value is None:
            return f"| {self.what} | {self.wanted} | not measured | |"
        return f"| {self.what} | {self.wanted} | {value:{self.form}} | {'yes' if self.is_met(value) else '**no**'} |"


def at_least(low: float) -> Callable[[float], bool]:
    return lambda value: value >= low


def at_most(high: float) -> Callable[[float], bool]:
    return lambda value: value <= high


def within(limit: float) -> Callable[[float], bool]:
    return lambda value: abs(value) <= limit


def figure(
    kind: str, key: str, set_name: str | None = None, part: str | None = None
) -> Callable[[Figures], float | None]:
    """Returns a function that reads a figure of "gender" or "age": over all faces, a set, or a part such as "adults"."""

    def read(report: Figures) -> float | None:
        figures = report["metrics"][kind]
        figures = (figures["by_set"].get(set_name) or {}) if set_name and figures else figures
        figures = figures.get(part) if part and figures else figures
        return figures.get(key) if figures else None

    return read


def lowest_cell(report: Figures) -> float | None:
    """The lowest accuracy over FairFace's cells of race and gender."""
    groups = report["metrics"]["gender"]["by_set"].get("fairface", {}).get("by_group", {})
    cells = [group[name]["accuracy"] for group in groups.values() for name in ("female", "male") if name in group]
    return min(cells, default=None)


def unseen(set_name: str, group: str = "", gender: str = "") -> Callable[[Figures], float | None]:
    """Returns a function that reads the accuracy on a set that was never trained on, or on a part of it."""

    def read(report: Figures) -> float | None:
        part = report.get("unseen", {}).get(set_name)
        for key in filter(None, ("by_group" if group else "", group, gender)):
            part = part and part.get(key)
        return part["accuracy"] if part else None

    return read


def milliseconds(report: Figures) -> float:
    return float(report["milliseconds_per_face"])


def megabytes(report: Figures) -> float:
    return float(report["megabytes"])


AGE_TARGETS = (
    Target("mean age error, years", "4 - 6", figure("age", "mae_years"), ".2f", at_most(6)),
    Target("within 5 years", "65 - 75 %", figure("age", "within_5"), ".1%", at_least(0.65)),
    Target("within 10 years", "85 - 90 %", figure("age", "within_10"), ".1%", at_least(0.85)),
)
TARGETS = {
    "gender-utkface": (
        Target("accuracy, 18-80 years", ">= 94 %", figure("gender", "accuracy"), ".2%", at_least(0.94)),
        Target("ms per face", "< 10", milliseconds, ".1f", at_most(10)),
    ),
    "genderage": (
        Target("accuracy", "93 - 95 %", figure("gender", "accuracy"), ".2%", at_least(0.93)),
        Target("mean age error, years", "4 - 6", figure("age", "mae_years"), ".2f", at_most(6)),
        Target("ms per face", "15 - 20", milliseconds, ".1f", at_most(20)),
    ),
    "age-resnet50": AGE_TARGETS,
    "age-resnet34": AGE_TARGETS,
    "age-efficientnet-b0": AGE_TARGETS,
    "gender-focal": (
        Target("accuracy", "92.9 %", figure("gender", "accuracy"), ".2%", at_least(0.929)),
        Target("macro F1", "0.90", figure("gender", "macro_f1"), ".3f", at_least(0.9)),
    ),
    "gender-age-128": (
        Target("mean age error, years", "3.7", figure("age", "mae_years"), ".2f", at_most(3.7)),
        Target("accuracy", "0.75", figure("gender", "accuracy"), ".3f", at_least(0.75)),
    ),
}
HONEST = "The results are for images of which no copy was trained on or selected by."
UNKNOWN = f"The figures were claimed without a protocol that is known here. {HONEST}"
PROTOCOLS = dict.fromkeys(("age-resnet50", "age-resnet34", "age-efficientnet-b0", "gender-focal"), UNKNOWN) | {
    "gender-utkface": f"The targets are this project's own, for faces of 18 to 80 years. {HONEST}",
    "genderage": (
        "The targets are those of a model card that counts 47,373 images in UTKFace, which has 23,708: each is there "
        f"twice, and a random fifth of all is tested on, so most of these were trained on as well. {HONEST}"
    ),
    "gender-age-128": (
        f"{UNKNOWN} An accuracy of 0.75 is far below what any network here reaches, so that it may be another figure: "
        "R2 of age, or the share within 10 years."
    ),
}
"""What the targets of each recipe were claimed for."""
PRODUCTION_TARGETS = (
    Target("UTKFace, 18-80 years", ">= 97.5 %", figure("gender", "accuracy", "utk", "adults"), ".2%", at_least(0.975)),
    Target("UTKFace, all ages", ">= 94.5 %", figure("gender", "accuracy", "utk"), ".2%", at_least(0.945)),
    Target("FairFace's validation set", ">= 92.5 %", figure("gender", "accuracy", "fairface"), ".2%", at_least(0.925)),
    Target(
        "recall of men minus women, UTKFace 18-80",
        "<= 2 points",
        figure("gender", "recall_gap", "utk", "adults"),
        ".2%",
        within(0.02),
    ),
    Target(
        "recall of men minus women, UTKFace", "<= 2 points", figure("gender", "recall_gap", "utk"), ".2%", within(0.02)
    ),
    Target(
        "recall of men minus women, FairFace",
        "<= 2 points",
        figure("gender", "recall_gap", "fairface"),
        ".2%",
        within(0.02),
    ),
    Target("lowest race and gender cell of FairFace", ">= 88 %", lowest_cell, ".1%", at_least(0.88)),
    Target("mean age error on UTKFace, years", "<= 4.8", figure("age", "mae_years", "utk"), ".2f", at_most(4.8)),
    Target("calibration error, UTKFace", "<= 0.02", figure("gender", "calibration_error", "utk"), ".3f", at_most(0.02)),
    Target(
        "calibration error, FairFace",
        "<= 0.02",
        figure("gender", "calibration_error", "fairface"),
        ".3f",
        at_most(0.02),
    ),
    Target("All-Age-Faces", ">= 95 %", unseen(ALL_AGES), ".1%", at_least(0.95)),
    Target("All-Age-Faces, women over 60", ">= 92 %", unseen(ALL_AGES, "60+", "female"), ".1%", at_least(0.92)),
    Target("All-Age-Faces, men over 60", ">= 96 %", unseen(ALL_AGES, "60+", "male"), ".1%", at_least(0.96)),
    Target("All-Age-Faces, girls of 2-12", ">= 89 %", unseen(ALL_AGES, "2-12", "female"), ".1%", at_least(0.89)),
    Target("All-Age-Faces, boys of 2-12", ">= 86 %", unseen(ALL_AGES, "2-12", "male"), ".1%", at_least(0.86)),
    Target("ms per face, one CPU thread", "< 10", milliseconds, ".1f", at_most(10)),
    Target("MB", "< 20", megabytes, ".1f", at_most(20)),
)
HEADER = "| what | target | result | met |\n|---|---|---|---|"


@click.command(help=__doc__)
@click.option("--folder", type=FOLDER, default=Path("reports/models"), show_default=True)
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), default=Path("reports/MODELS.md"), show_default=True
)
def main(folder: Path, page: Path) -> None:
    reports = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    claimed = [json.loads(path.read_text()) for path in sorted((folder / "claimed").glob("*.json"))]
    page.write_text(models_page(reports, claimed))


def models_page(reports: Mapping[str, Figures], claimed: Sequence[Figures] = ()) -> str:
    """The page's text.

    Args:
        reports: the JSON of `scripts.measure_classifier` by recipe, and as "facetally_on_video" that of
            `scripts.calibrate_tracks`.
        claimed: the JSON of `scripts.claimed_protocol`, any number for a recipe.
    """
    parts = [
        "# Models: targets and results\n\nWritten by `python -m scripts.models_report` from `models/*.json`. Unless stated otherwise, all "
        "figures are for single crops that were used neither for training nor for model selection.",
        "## The production model",
        production_part(reports[PRODUCTION], reports.get("facetally_on_video"))
        if PRODUCTION in reports
        else "Not trained yet.",
        "## The recipes of the brief",
        *(
            recipe_part(name, targets, reports.get(name), [one for one in claimed if one["recipe"]["name"] == name])
            for name, targets in TARGETS.items()
        ),
    ]
    return "\n\n".join(parts) + "\n"


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


def circumstances(report: Figures) -> str:
    """Date and machine of the measurement, and the commands that made the weights."""
    commands = "\n".join(commands_of(report["card"]["training"]))
    commands = commands.replace(" --trunk ", " --backbone ")  # the option's name in older reports
    return f"{report['date']}, {report['machine']}.\n\n```\n{commands}\n```"


def test_count(report: Figures) -> int:
    return int(report["metrics"]["count"])


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


def percents(figures: Figures) -> str:
    return f"{figures['accuracy']:.1%} | {figures['female_recall']:.1%} | {figures['male_recall']:.1%}"


def set_table(report: Figures) -> str:
    rows = [
        "| set | faces | accuracy | women | men | calibration error | mean age error |",
        "|---|---|---|---|---|---|---|",
    ]
    ages = report["metrics"]["age"]["by_set"]
    for name, figures in report["metrics"]["gender"]["by_set"].items():
        years = f"{ages[name]['mae_years']:.2f}" if name in ages else ""
        rows.append(
            f"| {name} | {figures['count']} | {percents(figures)} | {figures['calibration_error']:.3f} | {years} |"
        )
    return "\n".join(rows)


def cell_table(groups: Figures) -> str:
    rows = ["| race, as labelled in FairFace | women | men |", "|---|---|---|"]
    for name, group in groups.items():
        rows.append(f"| {name} | {group['female']['accuracy']:.1%} | {group['male']['accuracy']:.1%} |")
    return "\n".join(rows)


def age_table(report: Figures) -> str:
    sets = {
        name: figures["by_age"]
        for name, figures in report["metrics"]["gender"]["by_set"].items()
        if name in ("utk", "fairface")
    }
    bands = list(dict.fromkeys(band for by_age in sets.values() for band in by_age))
    heads = (f"{name}: {column}" for name in sets for column in ("faces", "women", "men", "women less men"))
    rows = [f"| years | {' | '.join(heads)} |", "|---" * (1 + 4 * len(sets)) + "|"]
    for band in bands:
        cells = (cell for by_age in sets.values() for cell in gender_cells(by_age.get(band, {"count": 0})))
        rows.append(f"| {band} | {' | '.join(cells)} |")
    return "\n".join(rows)


def gender_cells(part: Figures) -> tuple[str, str, str, str]:
    """How many faces, the accuracy of women and of men, and their difference in points; empty where there are none."""
    if not part["count"]:
        return "", "", "", ""
    known = {gender: part[gender]["accuracy"] for gender in ("female", "male") if gender in part}
    women, men = (f"{known[gender]:.1%}" if gender in known else "" for gender in ("female", "male"))
    gap = f"{100 * (known['female'] - known['male']):+.1f}" if len(known) == 2 else ""
    return str(part["count"]), women, men, gap


def unseen_sets(report: Figures) -> list[tuple[str, Figures]]:
    """The sets that the model was not trained on, by a readable name."""
    return [(TITLES.get(name, name), part) for name, part in report.get("unseen", {}).items()]


def group_table(part: Figures) -> str:
    """Women and men by group of a set, and over all of it."""
    rows = ["| group | faces | women | men | women less men |", "|---|---|---|---|---|"]
    rows += [f"| {name} | {' | '.join(gender_cells(group))} |" for name, group in by_first_number(part["by_group"])]
    women, men = part["female_recall"], part["male_recall"]
    rows.append(f"| all | {part['count']} | {women:.1%} | {men:.1%} | {100 * (women - men):+.1f} |")
    return "\n".join(rows)


def by_first_number(groups: Figures) -> list[tuple[str, Figures]]:
    """Groups in order of age, where their names begin with one."""

    def first_number(item: tuple[str, Figures]) -> tuple[int, str]:
        return int("".join(takewhile(str.isdigit, item[0])) or 0), item[0]

    return sorted(groups.items(), key=first_number)


def height_table(by_height: Figures) -> str:
    rows = ["| face height, px | ours | inaFaceAnalyzer | women | men |", "|---|---|---|---|---|"]
    for height_px, ina in INA_BY_HEIGHT.items():
        figures = by_height[str(height_px)]
        rows.append(
            f"| {height_px} | {figures['accuracy']:.1%} | {ina:.1f}% | {figures['female_recall']:.1%} | {figures['male_recall']:.1%} |"
        )
    return "FairFace's validation set, shrunk to the height and enlarged again.\n\n" + "\n".join(rows)


def people_table(people: Figures) -> str:
    rows = ["| set | people | accuracy | women | men |", "|---|---|---|---|---|"]
    rows += [f"| {name} | {figures['count']} | {percents(figures)} |" for name, figures in people.items()]
    return "\n".join(rows)


def video_table(on_video: Figures) -> str:
    rows = ["| sources | people found | accuracy | women | men |", "|---|---|---|---|---|"]
    names = {"fitted_on": "calibration half", "reported_on": "other half", "all": "all"}
    for key, name in names.items():
        people = on_video[key]["people"]
        shares = [people, people["female"], people["male"]]
        rows.append(
            f"| {name} ({on_video[key]['sources']}) | {people['count']} | "
            + " | ".join(f"{part['accuracy']:.1%}" for part in shares)
            + " |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
