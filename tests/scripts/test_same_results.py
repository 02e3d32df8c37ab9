"""Two output folders hold the same results, or the difference is named."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from scripts.same_results import main


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs with the same tracks in another order, made with other options."""
    for name, rows in (("a", [1, 2]), ("b", [2, 1])):
        (tmp_path / name / "tracks").mkdir(parents=True)
        frame = pd.DataFrame({"track_id": rows, "options_digest": name})
        frame.to_parquet(tmp_path / name / "tracks" / "clip.parquet")
    return tmp_path / "a", tmp_path / "b"


def compare(folders: tuple[Path, Path]) -> Result:
    return CliRunner().invoke(main, [str(folder) for folder in folders])


def test_the_order_of_rows_and_the_digest_do_not_matter(folders: tuple[Path, Path]) -> None:
    result = compare(folders)
    assert (result.exit_code, result.stdout) == (0, "1 tables compared, 0 differ\n")


def test_another_value_and_a_missing_file_are_named(folders: tuple[Path, Path]) -> None:
    pd.DataFrame({"track_id": [1, 3]}).to_parquet(folders[1] / "tracks" / "clip.parquet")
    pd.DataFrame({"track_id": [1]}).to_parquet(folders[1] / "tracks" / "other.parquet")
    result = compare(folders)
    assert result.exit_code == 1
    assert "tracks/clip.parquet differs: 2 rows before, 2 after" in result.stdout
    assert f"tracks/other.parquet is only in {folders[1]}" in result.stdout


def test_folders_without_tables_are_not_the_same(tmp_path: Path) -> None:
    assert compare((tmp_path, tmp_path)).exit_code == 1
