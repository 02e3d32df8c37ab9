from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from facetally.datasets.labelled_images import ImageSource
from facetally.gender.data.face_sets import pixel_digest
from facetally.gender.data.splits import DIGEST_BYTES, HeldOut
from scripts.portraits import (
    AGE_CLASSES,
    LIST,
    StretchedSource,
    age_table,
    is_unseen,
    main,
    page,
    read_list,
    row_of,
    width_table,
)

REPORT = LIST.parents[1] / "reports" / "PORTRAITS.md"


def faces(females: list[int], probs: list[float], group: str = "old", name: str = "parliament") -> pd.DataFrame:
    return pd.DataFrame({"set": name, "group": group, "female": np.array(females, float), "female_prob": probs})


def picture(path: Path, width: int = 40, height: int = 50) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), image)


def test_the_list_has_known_values_and_one_row_per_picture() -> None:
    labels = read_list()
    assert list(labels.columns) == ["file", "person", "gender", "group", "labelled_by"]
    assert set(labels["gender"]) == {"female", "male", ""}
    assert set(labels["group"]) == {*AGE_CLASSES, ""}
    assert set(labels["labelled_by"]) == {"eye", "person", "id"}
    assert labels["file"].str.rsplit(".", n=1).str[0].is_unique  # tables are read by names without suffix


def test_the_list_names_no_person() -> None:
    labels = read_list()
    assert labels["person"].map(lambda text: re.fullmatch(r"\d+|[A-Z]\d{6}", text)).all()
    assert labels["file"].map(lambda text: re.fullmatch(r"(mpsL?/\d+[A-Z]?|[A-Z]\d{6})\.(jpe?g|png)", text)).all()


def test_both_pictures_of_a_person_have_the_same_gender_and_one_of_them_the_age_class() -> None:
    pairs = read_list().assign(stem=lambda rows: rows["file"].str.extract(r"([^/]+)\.\w+$")).groupby("stem")
    assert (pairs["gender"].nunique() == 1).all()
    assert (pairs["labelled_by"].agg(lambda values: sum(value != "person" for value in values)) == 1).all()


def test_training_reads_the_labels_of_the_list(tmp_path: Path) -> None:
    woman = read_list().query("gender == 'female' and labelled_by == 'eye'").iloc[0]
    picture(tmp_path / "parliament" / woman["file"])
    picture(tmp_path / "parliament" / "mpsL" / "0.jpg")
    listed, other = sorted(
        ImageSource.parse(f"p={tmp_path / 'parliament'}+{LIST}").read(), key=lambda image: image.is_female is None
    )
    assert (listed.is_female, listed.person, listed.group) == (True, woman["person"], woman["group"])
    assert other.not_understood == (("row", "mpsL/0.jpg"),)


@pytest.mark.parametrize(("width", "expected"), [(0.7, 28), (1.0, 40), (1.35, 54)])
def test_pictures_are_made_narrower_and_wider_and_keep_their_height(
    tmp_path: Path, width: float, expected: int
) -> None:
    picture(tmp_path / "female" / "one.png")
    (image,) = StretchedSource("drawn", (tmp_path,), width=width).read()
    assert image.image_bgr().shape == (50, expected, 3)
    assert image.is_female


def test_a_picture_that_cannot_be_decoded_is_left_to_be_counted(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (image,) = StretchedSource("drawn", (tmp_path,), width=0.7).read()
    assert image.content == b"no picture"


def test_crops_of_one_width_are_not_taken_for_those_of_another(tmp_path: Path) -> None:
    picture(tmp_path / "one.png")
    prints = {StretchedSource("drawn", (tmp_path,), width=width).fingerprint() for width in (0.7, 1.0, 1.35)}
    assert len(prints) == 3


def test_of_pictures_that_a_model_was_trained_on_only_those_of_its_test_split_are_measured(tmp_path: Path) -> None:
    for number, file in enumerate(("learned.png", "kept.png")):
        picture(tmp_path / "parliament" / file, width=40 + number)
    picture(tmp_path / "congress" / "other.png")
    kept = pixel_digest(np.asarray(cv2.imread(str(tmp_path / "parliament" / "kept.png")), np.uint8))
    held_out = HeldOut(test=frozenset((kept[: 2 * DIGEST_BYTES],)))
    card: Any = SimpleNamespace(data={"sets": {"parliament": {}}}, images_held_out=held_out)
    rows = [("parliament", "learned.png"), ("parliament", "kept.png"), ("congress", "other.png")]
    measured = pd.DataFrame(rows, columns=["set", "file"])
    assert is_unseen(card, measured, tmp_path).tolist() == [False, True, True]


def test_a_row_shows_women_men_and_their_difference_in_points() -> None:
    row = row_of("old", faces([1, 1, 1, 1, 0, 0], [0.9, 0.9, 0.9, 0.1, 0.2, 0.3]))
    assert row == "| old | 4 | 75.0% | 2 | 100.0% | -25.0 |"
    assert row_of("women", faces([1], [0.9])) == "| women | 1 | 100.0% | 0 |  |  |"


def test_tables_have_a_row_for_each_age_class_and_width() -> None:
    both = pd.concat([faces([1, 0], [0.9, 0.1]), faces([1, 0], [0.4, 0.1], "middle", "congress")])
    rows = age_table(both).splitlines()
    assert "| United Kingdom, old | 1 | 100.0% | 1 | 100.0% | +0.0 |" in rows
    assert "| **United States, all** | 1 | 0.0% | 1 | 100.0% | -100.0 |" in rows
    assert width_table({0.7: (both, 3)}).splitlines()[-1] == "| 0.7 | 2 | 50.0% | 2 | 100.0% | -50.0 | 3 |"


def test_the_committed_report_has_the_counts_of_the_committed_list() -> None:
    both = pd.concat([faces([1, 0], [0.9, 0.1]), faces([1, 0], [0.4, 0.1], "middle", "congress")])
    made = page({1.0: (both, 3)}, "facetally", "python -m scripts.portraits")
    section = made[made.index("## The labels") : made.index("## Accuracy")]
    assert section in REPORT.read_text(encoding="utf-8")


def test_a_folder_without_the_pictures_is_a_usage_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path)])
    assert result.exit_code == 2
    assert "there is no folder" in result.output
