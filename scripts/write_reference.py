"""Writes the generated pages of the documentation: the columns of all tables, and the keys of report.json.

python -m scripts.write_reference

The columns are described in `pipeline/results/tables.py`, the keys in `reports/validation/README.md`.
"""

from __future__ import annotations

from pathlib import Path

import click
import pyarrow as pa

from facetally.results import tables

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "python -m scripts.write_reference"
KEYS_PATH = ROOT / "reports" / "validation" / "README.md"
KEYS_HEADING = "## Names in report.json"
TABLES = {
    "faces": (tables.FACES, "One row per face in a sampled frame; one file per video."),
    "tracks": (tables.TRACKS, "One row per appearance; one file per video."),
    "videos": (tables.VIDEOS, "One row per input file; one file per video."),
    "tallies": (
        tables.TALLIES,
        "One row per video, time bin, gender and age band that occurs; one file for all videos.",
    ),
}
TYPE_NAMES = {"double": "float64", "float": "float32", "list<item: double>": "list of float64"}
"""Arrow's names for floats are those of C."""
TABLES_HEAD = """# Tables

A run writes four tables in Parquet. No column is ever null; a value that is not known is NaN, 0, or an empty string or
list, as its description says. The descriptions are also stored in the files themselves, as metadata of each column. The
metadata of each file holds, under the key `facetally`, the options, models and version that made it.

```python
import pandas

tracks = pandas.read_parquet("out/tracks")
```
"""
KEYS_HEAD = """# report.json

`facetally validate` writes every figure to `report.json`, beside the readable `report.md`.
"""


def pages() -> dict[Path, str]:
    """The text of each generated page."""
    return {
        ROOT / "docs" / "tables.md": tables_page(),
        ROOT / "docs" / "report-json.md": keys_page(KEYS_PATH.read_text(encoding="utf-8")),
    }


def tables_page() -> str:
    """All columns, by table."""
    parts = [TABLES_HEAD, *(_section(name, schema, text) for name, (schema, text) in TABLES.items())]
    return _generated("\n".join(parts), "pipeline/results/tables.py")


def keys_page(descriptions: str) -> str:
    """The section about report.json of the README of the validation."""
    _, _, section = descriptions.partition(KEYS_HEADING)
    if not section:
        raise ValueError(f"{KEYS_PATH} has no section {KEYS_HEADING!r}")
    section = section.partition("\n## ")[0]
    return _generated(f"{KEYS_HEAD}\n{section.strip()}\n", "reports/validation/README.md")


def _section(name: str, schema: pa.Schema, text: str) -> str:
    rows = "".join(
        f"| `{field.name}` | {TYPE_NAMES.get(str(field.type), str(field.type))} | {_description(field)} |\n"
        for field in schema
    )
    return f"## {name}/\n\n{text}\n\n| column | type | meaning |\n|---|---|---|\n{rows}"


def _description(field: pa.Field) -> str:
    return str(field.metadata[b"description"].decode().replace("|", "\\|"))


def _generated(page: str, source: str) -> str:
    return f"<!-- Written by `{COMMAND}` from {source}; do not edit. -->\n\n{page}"


@click.command(help=__doc__)
def main() -> None:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        click.echo(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
