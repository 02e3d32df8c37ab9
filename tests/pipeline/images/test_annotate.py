"""Boxes and captions on copies of images: their text and place, and the files that are written."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from facetally.detection.boxes import shared_areas
from facetally.detection.faces import ImageArray
from facetally.errors import OutputError
from facetally.images.annotate import COLOURS, annotated, annotated_paths, caption, write_annotated
from facetally.images.predict import PredictedFace, PredictedImage, read_image
from facetally.tracks.appearances import PredictedGender

GREY = 120


def face(
    gender: PredictedGender = "female",
    box: tuple[float, float, float, float] = (300, 200, 400, 320),
    female_prob: float = 0.97,
    age_years: float = math.nan,
) -> PredictedFace:
    return PredictedFace(box, 0.9, female_prob, gender, age_years, "unknown")


def canvas(width_px: int = 800, height_px: int = 600) -> ImageArray:
    return np.full((height_px, width_px, 3), GREY, np.uint8)


def box_array(*boxes: tuple[float, ...]) -> npt.NDArray[np.float32]:
    return np.array(boxes, np.float32)


@pytest.fixture
def plates(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The plates under the captions, x1, y1, x2, y2 each, as they are drawn."""
    found: list[tuple[int, ...]] = []
    draw = cv2.rectangle

    def drawn(image: ImageArray, start: Any, stop: Any, colour: Any, thickness: int) -> None:
        if thickness == cv2.FILLED:
            found.append((*start, *stop))
        draw(image, start, stop, colour, thickness)

    monkeypatch.setattr(cv2, "rectangle", drawn)
    return found


@pytest.mark.parametrize(
    ("gender", "female_prob", "age_years", "words"),
    [
        ("female", 0.973, math.nan, "female 97%"),
        ("male", 0.03, 41.4, "male 97%, 41"),
        ("unknown", 0.61, 7.6, "unknown (61% female), 8"),
        ("unknown", 0.2, math.nan, "unknown (20% female)"),
    ],
)
def test_a_caption_gives_gender_probability_and_age(
    gender: PredictedGender, female_prob: float, age_years: float, words: str
) -> None:
    assert caption(face(gender, female_prob=female_prob, age_years=age_years)) == words


@pytest.mark.parametrize("gender", COLOURS)
def test_the_box_has_the_colour_of_its_gender_and_the_plate_has_text_on_it(
    gender: PredictedGender, plates: list[tuple[int, ...]]
) -> None:
    image = annotated(canvas(), [face(gender)])
    paper, ink = COLOURS[gender]
    for x, y in ((300, 260), (400, 260), (350, 320)):  # left, right, bottom
        assert tuple(image[y, x]) == paper
    assert np.all(image[220:300, 320:380] == GREY)  # the face itself
    ((x1, y1, x2, y2),) = plates
    inked = np.all(image[y1:y2, x1:x2] == ink, axis=2)
    assert 0.05 < inked.mean() < 0.5
    assert np.all(image[y1, x1:x2] == paper)  # the text stays on its plate


def test_the_given_image_is_not_changed() -> None:
    given = canvas()
    assert (annotated(given, [face()]) != given).any()
    assert np.all(given == GREY)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((800, 600), (800, 600)), ((640, 80), (640, 80)), ((128, 64), (640, 320)), ((1, 1), (640, 640))],
)
def test_small_images_are_enlarged_until_captions_fit(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert annotated(canvas(*size), [face(box=(0, 0, 1, 1))]).shape == (expected[1], expected[0], 3)
    assert annotated(canvas(*size), []).shape == (expected[1], expected[0], 3)


def test_boxes_are_enlarged_with_their_image() -> None:
    image = annotated(canvas(160, 120), [face("male", box=(40, 40, 80, 80))])  # four times
    assert tuple(image[240, 160]) == tuple(image[240, 320]) == COLOURS["male"][0]


def test_a_face_beyond_the_edge_has_its_box_at_the_edge() -> None:
    image = annotated(canvas(), [face(box=(-50, -50, 900, 700))])
    assert tuple(image[300, 0]) == tuple(image[300, 799]) == tuple(image[599, 700]) == COLOURS["female"][0]


@pytest.mark.parametrize(
    "box", [(0, 0, 60, 80), (740, 0, 800, 80), (0, 520, 60, 600), (740, 520, 800, 600), (-9, -9, 809, 609)]
)
@pytest.mark.parametrize("size", [(800, 600), (4000, 3000), (60, 700)])
def test_a_caption_stays_inside_the_image(
    box: tuple[int, int, int, int], size: tuple[int, int], plates: list[tuple[int, ...]]
) -> None:
    (left, top, right, bottom), x, y = box, size[0] / 800, size[1] / 600
    annotated(canvas(*size), [face("unknown", (x * left, y * top, x * right, y * bottom), age_years=50)])
    ((x1, y1, x2, y2),) = plates
    assert 0 <= x1 < x2 <= size[0]
    assert 0 <= y1 < y2 <= size[1]


def test_captions_overlap_neither_each_other_nor_a_face(plates: list[tuple[int, ...]]) -> None:
    boxes = [(300, 200, 360, 270), (370, 200, 430, 270), (300, 300, 360, 370), (0, 0, 60, 70)]
    annotated(canvas(), [face("unknown", box) for box in boxes])
    shown = box_array(*boxes, *plates)
    shared = shared_areas(shown, shown) - np.diag(shared_areas(shown, shown).diagonal())
    assert shared.max() == 0


@pytest.mark.parametrize(("size", "limits"), [((800, 600), (9, 23)), ((4000, 3000), (45, 115))])
def test_captions_are_as_large_as_the_image_needs(
    size: tuple[int, int], limits: tuple[int, int], plates: list[tuple[int, ...]]
) -> None:
    annotated(canvas(*size), [face(box=(200, 200, 210, 212)), face(box=(300, 100, size[0], size[1]))])
    (_, small_1, _, small_2), (_, large_1, _, large_2) = plates
    letters = 1.5  # a plate's height in capitals, at least: descenders, and a margin of a quarter
    assert limits[0] * letters <= small_2 - small_1 < large_2 - large_1 <= 2.2 * limits[1]


def test_copies_keep_their_names_and_are_numbered_where_names_repeat(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("x/a.jpg", "y/a.jpg", "y/A.JPG", "y/b.heic", "z/a_2.jpg", "z/b.png")]
    targets = annotated_paths(paths, tmp_path / "out")
    assert [target.name for target in targets.values()] == [
        *("a.jpg", "a_2.jpg", "A_3.JPG"),
        *("b.png", "a_2_2.jpg", "b_2.png"),
    ]
    assert list(targets) == paths
    assert {target.parent for target in targets.values()} == {tmp_path / "out"}


@pytest.mark.parametrize("folder", ["photos", "photos/../photos", "links"])
def test_a_copy_must_not_go_to_the_folder_of_its_input(tmp_path: Path, folder: str) -> None:
    for name in ("photos", "links"):
        (tmp_path / name).mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("")
    (tmp_path / "links" / "a.jpg").symlink_to(tmp_path / "photos" / "a.jpg")
    with pytest.raises(OutputError, match="contains an input image"):
        annotated_paths([tmp_path / "links" / "a.jpg"], tmp_path / folder)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
def test_a_copy_is_written_beside_an_untouched_original(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"a.{suffix}", tmp_path / "new" / "folder" / f"a.{suffix}"
    cv2.imwrite(str(source), canvas())
    before = source.read_bytes()
    write_annotated(PredictedImage(source, 800, 600, (face(),)), target)
    assert source.read_bytes() == before
    expected = annotated(read_image(source), [face()])
    written = read_image(target)
    assert np.abs(written.astype(int) - expected).mean() < 2  # some formats lose a little
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_copy_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), canvas())
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot write"):
        write_annotated(PredictedImage(tmp_path / "a.png", 800, 600, ()), tmp_path / "out" / "a.png")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_format_that_cannot_hold_the_image_is_an_error(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wide.png"), canvas(20_000, 8))  # WebP ends at 16,383
    with pytest.raises(OutputError, match="20000x8 px"):
        write_annotated(PredictedImage(tmp_path / "wide.png", 20_000, 8, ()), tmp_path / "out.webp")
