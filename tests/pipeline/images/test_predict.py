"""Faces in images and their predictions, computed by hand for drawn images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_world import ColourClassifier, Square, background, engines

from facetally.detection.faces import ImageArray
from facetally.errors import OptionError, PipelineError
from facetally.gender.attributes import Attributes
from facetally.images.predict import PredictedImage, UnreadImage, find_images, predict_images, read_image
from facetally.options import ClassificationOptions

RED, BLUE = Square("red", (10, 20)), Square("blue", (100, 60), size_px=20)


def drawn_image(path: Path, *squares: Square) -> Path:
    """Writes an image of 160 x 120 px with squares on it."""
    image = background(70)
    for square in squares:
        square.draw(image, 0.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def predicted(*paths: Path, options: ClassificationOptions | None = None) -> list[PredictedImage | UnreadImage]:
    return list(predict_images(paths, engines(), options or ClassificationOptions()))


def genders(predictions: Sequence[PredictedImage | UnreadImage]) -> list[list[str]]:
    return [
        [face.gender for face in prediction.faces]
        for prediction in predictions
        if isinstance(prediction, PredictedImage)
    ]


@dataclass
class AgeingClassifier:
    """Predicts 34.26 years for everybody, and records the size of each batch."""

    batches: list[int] = field(default_factory=list)

    def predict(self, crops: ImageArray) -> Attributes:
        self.batches.append(len(crops))
        return replace(ColourClassifier().predict(crops), age_years=np.full(len(crops), 34.26, np.float32))


def test_each_face_has_its_box_and_its_prediction(tmp_path: Path) -> None:
    (prediction,) = predicted(path := drawn_image(tmp_path / "two.png", RED, BLUE))
    assert isinstance(prediction, PredictedImage)
    nobodys_age = {"age_years": None, "age_band": "unknown"}
    assert prediction.as_dict() == {
        "file": str(path),
        "width_px": 160,
        "height_px": 120,
        "faces": [
            {"box": [10, 20, 50, 60], "score": 0.9, "gender": "female", "female_prob": 0.97, **nobodys_age},
            {"box": [100, 60, 120, 80], "score": 0.9, "gender": "male", "female_prob": 0.03, **nobodys_age},
        ],
    }


def test_an_age_is_predicted_with_its_band(tmp_path: Path) -> None:
    aged = replace(engines(), classifier=AgeingClassifier())
    (prediction,) = predict_images([drawn_image(tmp_path / "a.png", RED)], aged, ClassificationOptions())
    assert isinstance(prediction, PredictedImage)
    assert prediction.as_dict()["faces"][0]["age_years"] == 34.3
    assert prediction.faces[0].age_band == "young"


@pytest.mark.parametrize(
    ("square", "min_confidence", "gender"),
    [
        (RED, 0.97, "female"),
        (RED, 0.98, "unknown"),
        (replace(RED, size_px=16), 0.5, "female"),
        (replace(RED, size_px=14), 0.5, "unknown"),
    ],
)
def test_an_uncertain_or_small_face_is_unknown(
    tmp_path: Path, square: Square, min_confidence: float, gender: str
) -> None:
    options = ClassificationOptions(min_confidence=min_confidence)
    assert genders(predicted(drawn_image(tmp_path / "a.png", square), options=options)) == [[gender]]


def test_an_image_without_a_face_is_a_result_too(tmp_path: Path) -> None:
    paths = [drawn_image(tmp_path / "none.png"), drawn_image(tmp_path / "one.png", BLUE)]
    assert genders(predicted(*paths)) == [[], ["male"]]
    assert genders(predicted(paths[0])) == [[]]


def test_crops_of_several_images_are_classified_together(tmp_path: Path) -> None:
    squares = [(RED, BLUE), (), (BLUE,), (RED,), (BLUE,)]
    paths = [drawn_image(tmp_path / f"{i}.png", *those) for i, those in enumerate(squares)]
    classifier = AgeingClassifier()
    predictions = list(
        predict_images(paths, replace(engines(), classifier=classifier), ClassificationOptions(batch_crops=4))
    )
    assert genders(predictions) == [["female", "male"], [], ["male"], ["female"], ["male"]]
    assert classifier.batches == [
        3,
        2,
    ]  # an image without a face counts as one crop, so that a folder of them progresses


def test_a_crowd_is_classified_in_batches(tmp_path: Path) -> None:
    crowd = [Square("red" if i % 2 else "blue", (10 + 40 * i, 40), size_px=20) for i in range(3)]
    classifier = AgeingClassifier()
    crowded = replace(engines(), classifier=classifier)
    predictions = list(
        predict_images([drawn_image(tmp_path / "a.png", *crowd)], crowded, ClassificationOptions(batch_crops=2))
    )
    assert genders(predictions) == [["female", "male", "male"]]  # the detector returns the red ones first
    assert classifier.batches == [2, 1]


def test_images_are_read_one_at_a_time(tmp_path: Path) -> None:
    later = tmp_path / "later.png"
    predictions = predict_images(
        [drawn_image(tmp_path / "a.png", RED), later], engines(), ClassificationOptions(batch_crops=1)
    )
    first = next(predictions)
    drawn_image(later, BLUE)
    assert genders([first, *predictions]) == [["female"], ["male"]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "the file is empty"), (b"no image", "not an image that can be decoded"), (None, "No such file")],
)
def test_an_unreadable_image_is_reported_with_its_reason_and_the_others_continue(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    bad = tmp_path / "bad.jpg"
    if content is not None:
        bad.write_bytes(content)
    predictions = predicted(drawn_image(tmp_path / "a.png", RED), bad, drawn_image(tmp_path / "b.png", BLUE))
    assert genders(predictions) == [["female"], ["male"]]
    (unread,) = (prediction for prediction in predictions if isinstance(prediction, UnreadImage))
    assert unread.path == bad
    assert reason in unread.reason
    assert unread.fix


@pytest.mark.parametrize(
    ("name", "stored", "shown"),
    [
        ("grey.png", np.full((3, 4), 99, np.uint8), (99, 99, 99)),
        ("grey16.png", np.full((3, 4), 0x6363, np.uint16), (99, 99, 99)),
        ("colour16.tif", np.full((3, 4, 3), (0x0A0A, 0x1414, 0x1E1E), np.uint16), (10, 20, 30)),
        ("alpha.png", np.full((3, 4, 4), (10, 20, 30, 128), np.uint8), (10, 20, 30)),
        ("alpha.webp", np.full((3, 4, 4), (90, 90, 90, 255), np.uint8), (90, 90, 90)),
    ],
)
def test_every_kind_of_image_becomes_8_bit_bgr(
    tmp_path: Path, name: str, stored: ImageArray, shown: tuple[int, int, int]
) -> None:
    cv2.imwrite(str(tmp_path / name), stored)
    image = read_image(tmp_path / name)
    assert image.dtype == np.uint8
    assert image.shape == (3, 4, 3)
    np.testing.assert_allclose(image, np.full((3, 4, 3), shown), atol=1)


def test_a_photograph_is_rotated_by_its_exif_data(tmp_path: Path) -> None:
    image = np.zeros((32, 64, 3), np.uint8)
    image[:, :32] = 255  # the left half is white
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    # one entry, orientation (0x112), a short: 6, to be turned a quarter clockwise
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"Exif\0\0" + tiff
    (tmp_path / "turned.jpg").write_bytes(jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + jpeg[2:])
    turned = read_image(tmp_path / "turned.jpg")
    assert turned.shape == (64, 32, 3)
    assert turned[:30].min() > 250  # left has become top
    assert turned[34:].max() < 5


def test_folders_and_globs_are_searched_for_images(tmp_path: Path) -> None:
    for name in ("b/deep/c.JPG", "a.png", "b/notes.txt", "b/clip.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.png").mkdir()
    above, deep = tmp_path / "a.png", tmp_path / "b" / "deep" / "c.JPG"
    assert find_images([str(tmp_path)]) == [above, deep]
    assert find_images([f"{tmp_path}/*.png"]) == [above]
    assert find_images([f"{tmp_path}/**/*.JPG"]) == [deep]
    assert find_images([f"{tmp_path}/?"]) == [deep]  # in the folder b


def test_a_named_file_is_taken_once_whatever_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "[1].picture"
    path.write_text("")
    assert find_images([str(path), f"{tmp_path}/../{tmp_path.name}/[[]1].picture", str(path)]) == [path]


@pytest.mark.parametrize(("name", "what"), [("", "no image found"), ("missing.jpg", "no such file or folder")])
def test_no_image_at_all_is_an_error(tmp_path: Path, name: str, what: str) -> None:
    with pytest.raises(OptionError, match=what):
        find_images([str(tmp_path / name)])


def test_more_pixels_than_opencv_accepts_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "huge.pgm"
    path.write_bytes(b"P5 70000 70000 255\n0")
    with pytest.raises(PipelineError, match="decoded"):
        read_image(path)


def test_results_do_not_depend_on_the_number_of_threads(tmp_path: Path) -> None:
    squares = [(RED, BLUE), (), (BLUE,), (RED,), (BLUE,)] * 3
    paths = [drawn_image(tmp_path / f"{i:02}.png", *those) for i, those in enumerate(squares)]
    paths[7].write_bytes(b"no image")
    one, three = (
        list(predict_images(paths, engines(), ClassificationOptions(batch_crops=4), threads=threads))
        for threads in (1, 3)
    )
    assert repr(one) == repr(three)  # an unknown age is NaN, which equals nothing
    assert len(one) == len(paths)
    assert sum(isinstance(image, UnreadImage) for image in one) == 1
