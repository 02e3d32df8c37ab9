"""Which faces of an appearance are shown, and what stands below them."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pandas as pd
import pytest
from labelled_world import face_rows, faces_of, times

from facetally.inspection.cells import described_age, described_gender, shown_faces
from facetally.inspection.moments import Span


def faces(**best: float) -> pd.DataFrame:
    """A face each 0.2 s for 6 s, all of quality 0.5 but those given: t10=0.9 is that of the tenth."""
    table = faces_of(face_rows(0, times(0, 6)))
    for name, quality in best.items():
        table.loc[int(name[1:]), "quality"] = quality
    return table


def test_one_picture_is_the_best_face() -> None:
    assert shown_faces(faces(t10=0.9, t25=0.8), 1, None)["time_s"].tolist() == [2.0]


def test_several_pictures_are_the_best_of_parts_of_the_appearance() -> None:
    shown = shown_faces(faces(t10=0.9, t11=0.8, t25=0.7), 3, None)
    assert shown["time_s"].tolist() == [0.0, 2.2, 5.0] or shown["time_s"].tolist() == [0.0, 2.0, 5.0]
    assert shown["quality"].tolist() == pytest.approx([0.5, 0.9, 0.7])


def test_a_time_is_shown_by_the_faces_nearest_to_it() -> None:
    table = faces(t10=0.9)
    assert shown_faces(table, 1, Span(3.13, 3.13))["time_s"].tolist() == [3.2]
    assert shown_faces(table, 3, Span(5.79, 5.79))["time_s"].tolist() == [5.4, 5.6, 5.8]
    assert shown_faces(table, 1, Span(90, 91))["time_s"].tolist() == [5.8]


@pytest.mark.parametrize("at", [None, Span(0, 1)])
def test_there_are_no_more_pictures_than_faces(at: Span | None) -> None:
    assert len(shown_faces(faces().head(2), 6, at)) == 2
    assert len(shown_faces(faces().head(1), 6, at)) == 1
    assert len(shown_faces(faces().head(0), 6, at)) == 0


@pytest.mark.parametrize(
    ("gender", "prob", "corrected", "text"),
    [
        ("female", 0.973, False, "female 97 %"),
        ("male", 0.02, False, "male 98 %"),
        ("unknown", 0.39, False, "unknown, male 61 %"),
        ("male", 0.97, True, "male *"),
    ],
)
def test_a_gender_comes_with_its_probability(gender: str, prob: float, corrected: bool, text: str) -> None:
    assert described_gender(SimpleNamespace(gender=gender, female_prob=prob, corrected=corrected)) == text


@pytest.mark.parametrize(
    ("years", "band", "corrected", "text"),
    [
        (33.6, "young", False, "34"),
        (math.nan, "unknown", False, ""),
        (math.nan, "old", False, "old"),
        (20, "old", True, "old"),
    ],
)
def test_an_age_is_in_years_unless_it_is_corrected(years: float, band: str, corrected: bool, text: str) -> None:
    assert described_age(SimpleNamespace(age_years=years, age_band=band, corrected=corrected)) == text
