"""The results of the parts as JSON, as Markdown and as a table; the results of earlier campaigns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.provenance import made

Result = dict[str, Any]
"""`passed`, and figures by name."""


def earlier_parts(report: Path) -> dict[str, Result]:
    """The results in a report; none if it is not there yet."""
    parts: dict[str, Result] = json.loads(report.read_text())["parts"] if report.exists() else {}
    return parts


def write_report(results: dict[str, Result], path: Path) -> None:
    figures = {
        **made("campaign"),
        "parts": results,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")
    path.with_suffix(".md").write_text(as_markdown(figures, results))


def as_markdown(figures: dict[str, Any], results: dict[str, Result]) -> str:
    """The report as Markdown: one section per part, one line per figure."""
    lines = ["# Campaign: faults injected into runs, and the results", ""]
    lines += [f"{figures['date']}, {figures['machine']}: `{figures['command']}`", ""]
    lines += ["| part | passed |", "|---|---|"]
    lines += [f"| {name} | {'yes' if result['passed'] else '**no**'} |" for name, result in results.items()]
    for name, result in results.items():
        lines += ["", f"## {name[0].upper()}{name[1:]}", "", *result["what"].splitlines(), ""]
        lines += [f"- {key}: {as_text(value)}" for key, value in result.items() if key not in ("what", "passed")]
    return "\n".join(lines) + "\n"


def as_text(value: Any) -> str:
    """A figure as text."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def print_table(results: dict[str, Result]) -> None:
    table = Table("what", "passed", "figures")
    for name, result in results.items():
        figures = ", ".join(
            f"{key}: {as_text(value)}" for key, value in result.items() if key not in ("what", "passed")
        )
        table.add_row(name, "yes" if result["passed"] else "NO", figures)
    Console(width=160, emoji=False).print(table)
