"""Compares the tables of two output folders: the same rows with the same values, or where they differ.

    python -m scripts.same_results out-before out-after

For changes that must not change results. The order of rows does not matter, nor do the digest of the options and how
the files were made. Exit code 1 where anything else differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd

TABLES = ("faces", "tracks", "videos", "tallies")
LEFT_OUT = ("options_digest",)
"""Columns that say how results were made, not what they are."""


def differences(first: Path, second: Path) -> Iterator[str]:
    """A line for each file that is in one folder only, or whose rows differ."""
    for table in TABLES:
        names = [{path.name for path in (folder / table).glob("*.parquet")} for folder in (first, second)]
        for name in sorted(names[0] ^ names[1]):
            yield f"{table}/{name} is only in {first if name in names[0] else second}"
        for name in sorted(names[0] & names[1]):
            before, after = (_rows(folder / table / name) for folder in (first, second))
            if not before.equals(after):
                yield f"{table}/{name} differs: {len(before)} rows before, {len(after)} after"


def _rows(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path).drop(columns=[*LEFT_OUT], errors="ignore")
    lists = [name for name in frame if frame[name].map(lambda cell: isinstance(cell, np.ndarray)).any()]
    frame[lists] = frame[lists].map(tuple)  # arrays can be neither sorted nor compared
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


@click.command(help=__doc__)
@click.argument("first", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("second", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(first: Path, second: Path) -> None:
    found = list(differences(first, second))
    for line in found:
        click.echo(line)
    count = sum(len(list((first / table).glob("*.parquet"))) for table in TABLES)
    click.echo(f"{count} tables compared, {len(found)} differ")
    sys.exit(1 if found or not count else 0)


if __name__ == "__main__":
    main()
