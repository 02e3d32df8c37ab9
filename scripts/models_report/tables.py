"""The tables of the production model: by set, cell, age, face height, named person and clip."""

from __future__ import annotations

from itertools import takewhile

from facetally.cli.training_progress import gender_cells
from scripts.models_report.targets import Figures

INA_BY_HEIGHT = {10: 63.7, 15: 76.9, 20: 83.5, 25: 88.5, 30: 90.9, 40: 93.3, 50: 94.3, 75: 95.0, 100: 95.4}
"""Accuracy of inaFaceAnalyzer in percent, by its authors, on FairFace shrunk to a face height in pixels."""


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
        cells = (cell for by_age in sets.values() for cell in gender_cells(by_age.get(band, {"count": 0}), ".1%"))
        rows.append(f"| {band} | {' | '.join(cells)} |")
    return "\n".join(rows)


def group_table(part: Figures) -> str:
    """Women and men by group of a set, and over all of it."""
    rows = ["| group | faces | women | men | women less men |", "|---|---|---|---|---|"]
    rows += [
        f"| {name} | {' | '.join(gender_cells(group, '.1%'))} |" for name, group in by_first_number(part["by_group"])
    ]
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
        women, men = figures["female_recall"], figures["male_recall"]
        rows.append(f"| {height_px} | {figures['accuracy']:.1%} | {ina:.1f}% | {women:.1%} | {men:.1%} |")
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
