"""Writes reports/MODELS.md: every recipe's targets beside its results, and the evaluation of the production model.

    python -m scripts.models_report

Reads reports/models/*.json, which `scripts.measure_classifier` and `scripts.calibrate_tracks` write, and
reports/models/claimed/*.json, which `scripts.claimed_protocol` writes.
"""

from __future__ import annotations

import json
from pathlib import Path

import rich_click as click

from scripts.models_report.page import models_page

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(help=__doc__)
@click.option("--folder", type=FOLDER, default=Path("reports/models"), show_default=True)
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), default=Path("reports/MODELS.md"), show_default=True
)
def main(folder: Path, page: Path) -> None:
    reports = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    claimed = [json.loads(path.read_text()) for path in sorted((folder / "claimed").glob("*.json"))]
    page.write_text(models_page(reports, claimed))


if __name__ == "__main__":
    main()
