"""Labels of images that are not understood are counted and shown with an example, in `evaluate` and in `train`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from facetally.cli.main import main
from facetally.cli.train import parsed_sources
from facetally.detection.crops import CropRecipe
from facetally.errors import OptionError
from facetally.training.face_crops import CuttingReport, cut_sources

EXCEL = [("9-Mar", "Male"), ("3-Sep", "Male"), ("19-Oct", "Female"), ("20-29", "Female")]
IMDB = [("-31", "female"), ("2014", "male"), ("34", "female"), ("51", "male")]
GERMAN = [("30", "w"), ("40", "w"), ("50", "m"), ("60", "m")]
FRENCH = [("30", "F"), ("40", "F"), ("50", "H"), ("60", "H")]
NUMBERS = [("30", "0"), ("40", "1"), ("50", "0"), ("60", "1")]
WORDS = [("25 to 32", "girl"), ("18 months", "boy"), ("under 18", "unknown"), ("60+", "male")]


def pictures(folder: Path, rows: list[tuple[str, str]], header: str = "file,age,gender", prefix: str = "") -> str:
    """Four grey pictures with a table, as --data names them."""
    (folder / "pictures").mkdir(exist_ok=True)
    for number in range(4):
        image = np.full((112, 112, 3), 60 * number, np.uint8)
        cv2.imwrite(str(folder / "pictures" / f"{number}.png"), image)
    lines = [f"{prefix}{number}.png,{age},{gender}" for number, (age, gender) in enumerate(rows)]
    (folder / "labels.csv").write_text("\n".join([header, *lines]) + "\n")
    return f"set={folder / 'pictures'}+{folder / 'labels.csv'}"


def cut(folder: Path, source: str, words: str | None = None) -> tuple[CuttingReport, list[list[float]]]:
    """The report, and gender and age of each face."""
    sources = parsed_sources((source,), words)
    sets, reports = cut_sources(sources, None, CropRecipe(size_px=28), folder / "crops", None, lambda *_: None)
    return reports["set"], sets[0].labels[["female", "age_years"]].fillna(-1).to_numpy().tolist()


@pytest.mark.parametrize(
    ("rows", "notes"),
    [
        (EXCEL, ["3 ages were not understood: '9-Mar', '3-Sep', '19-Oct'"]),
        (IMDB, ["2 ages were not understood: '-31', '2014'"]),
        (GERMAN, ["2 genders were not understood: 'w'"]),
        (FRENCH, ["2 genders were not understood: 'H'"]),
        (NUMBERS, ["4 genders were not understood: '0', '1'"]),
        (WORDS, []),
        ([("9-Mar", "0"), *IMDB[1:]], ["2 ages were not understood", "1 gender was not understood: '0'"]),
    ],
)
def test_what_is_not_understood_is_counted_and_shown(
    tmp_path: Path, rows: list[tuple[str, str]], notes: list[str]
) -> None:
    found = cut(tmp_path, pictures(tmp_path, rows))[0].notes.splitlines()
    assert len(found) == len(notes)
    assert all(note in line for note, line in zip(notes, found, strict=True))


def test_damage_by_a_spreadsheet_is_named(tmp_path: Path) -> None:
    assert "a spreadsheet has made dates of ranges" in cut(tmp_path, pictures(tmp_path, EXCEL))[0].notes
    assert "spreadsheet" not in cut(tmp_path, pictures(tmp_path, IMDB))[0].notes


@pytest.mark.parametrize(
    ("rows", "words", "labels"),
    [
        (EXCEL, None, [[0, -1], [0, -1], [1, -1], [1, 25]]),
        (WORDS, None, [[1, 29], [0, 1.5], [-1, 9], [0, 65]]),
        (NUMBERS, "0=male,1=female", [[0, 30], [1, 40], [0, 50], [1, 60]]),
        (GERMAN, "w=female", [[1, 30], [1, 40], [0, 50], [0, 60]]),
        (FRENCH, "H=male", [[1, 30], [1, 40], [0, 50], [0, 60]]),
    ],
)
def test_labels_are_read_as_they_are_meant(
    tmp_path: Path, rows: list[tuple[str, str]], words: str | None, labels: list[list[float]]
) -> None:
    assert cut(tmp_path, pictures(tmp_path, rows), words)[1] == labels


def test_notes_come_from_the_cache_too(tmp_path: Path) -> None:
    source = pictures(tmp_path, GERMAN)
    assert cut(tmp_path, source)[0] == cut(tmp_path, source)[0]
    assert cut(tmp_path, source, "w=female")[0].notes == ""  # another meaning is not taken from the cache


def test_pictures_that_the_table_does_not_name_are_counted(tmp_path: Path) -> None:
    report, _ = cut(tmp_path, pictures(tmp_path, WORDS[:3]))
    assert report.notes == "1 of 4 images are not in the table: '3.png'. It names 0 first"


def test_a_table_that_names_no_picture_is_refused_with_both_names(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"4 of 4 images are not in the table: '0.png', .*It names train/0 first"):
        cut(tmp_path, pictures(tmp_path, WORDS, prefix="train/"))


def test_a_table_without_a_column_that_is_understood_lists_its_columns(tmp_path: Path) -> None:
    report, _ = cut(tmp_path, pictures(tmp_path, WORDS, header="file,age,Geschlecht"))
    assert report.notes == "The table has no column for gender; its columns are file, age, geschlecht"


def test_train_says_it_in_stdout_before_it_fails_for_lack_of_labels(tmp_path: Path) -> None:
    words = ["train", "genderage", "--data", pictures(tmp_path, NUMBERS), "--aligned", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "Note: set: 4 genders were not understood: '0', '1'" in result.stdout


def test_evaluate_says_it_in_stdout(tmp_path: Path) -> None:
    words = ["evaluate", pictures(tmp_path, EXCEL), "--aligned", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert "Note: set: 3 ages were not understood: '9-Mar'" in result.stdout


def test_a_word_without_a_meaning_is_refused(tmp_path: Path) -> None:
    words = ["evaluate", pictures(tmp_path, EXCEL), "--gender-words", "0=robot", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, "'0=robot' does not say which gender" in result.output) == (1, True)
