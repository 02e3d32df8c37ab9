"""The figures as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def as_markdown(figures: Mapping[str, Any]) -> str:
    """The figures as tables."""
    embedder = figures["embedder"]
    speed = ", ".join(f"{ms:.2f} ms at {count}" for count, ms in embedder["ms_per_face"].items())
    lines = [
        "# Is it the same face?",
        "",
        f"{embedder['file']}: {embedder['bytes'] / 1e6:.2f} MB; per face on one thread {speed} at once "
        f"({figures['machine']}, {figures['date']}).",
        "",
        f"```\n{figures['command']}\n```",
        "",
        "*Area* is that under the ROC curve, *accuracy* is at the best threshold with both kinds of pairs weighted "
        "alike, *accepted* is the share of pairs of one person above the threshold that 1 % of pairs of two exceed.",
    ]
    for name, own in figures["held_out"].items():
        lines += ["", f"## Held-out persons: {name} ({own['persons']} persons, {own['faces']} faces)", ""]
        lines += pair_rows({kind: part for kind, part in own.items() if isinstance(part, dict)})
    for half, kinds in figures["pairs"].items():
        lines += ["", f"## Pairs within one video, sources {half.replace('_', ' ')}", ""]
        names = dict.fromkeys(name for parts in kinds.values() for name in parts)
        rows = {f"{name}, {kind}": parts[name] for name in names for kind, parts in kinds.items() if name in parts}
        lines += pair_rows(rows)
        means = figures["mean_of_videos"][half]
        areas = ", ".join(f"{kind} {100 * own['area']:.1f} %" for kind, own in means.items() if own["area"])
        count = next(iter(means.values()))["videos"]
        lines += ["", f"Area as the mean of {count} videos, all weighted alike: {areas}."]
    lines += ["", "## Tracks joined to people", "", *people_rows(figures["people"])]
    return "\n".join(lines) + "\n"


def pair_rows(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of pair figures."""
    lines = ["| pairs | of one person | of two | area | accuracy | accepted |", "|---|---|---|---|---|---|"]
    for name, own in parts.items():
        shares = " | ".join(f"{100 * own[key]:.1f} %" for key in ("area", "accuracy", "accepted"))
        lines.append(f"| {name} | {own['same_count']} | {own['different_count']} | {shares} |")
    return lines


def people_rows(people: Mapping[str, Any]) -> list[str]:
    """A table of B-cubed figures."""
    lines = [
        "| vectors | sources | threshold | B-cubed F | precision | recall | people counted / labelled |",
        "|---|---|---|---|---|---|---|",
    ]
    halves_of = ("chosen_on", "reported_on")
    rows = [(half, "not joined", "", next(iter(people.values()))[half]["not_joined"]) for half in halves_of]
    rows += [(half, kind, f"{own['threshold']:.3f}", own[half]) for kind, own in people.items() for half in halves_of]
    for half, kind, threshold, own in rows:
        shares = " | ".join(f"{100 * own[key]:.1f} %" for key in ("f", "precision", "recall"))
        counts = f"{own['people_counted']} / {own['people_labelled']}"
        lines.append(f"| {kind} | {half.replace('_', ' ')} | {threshold} | {shares} | {counts} |")
    return lines
