from __future__ import annotations

import csv
import gzip
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import rich_click as click
from click.testing import CliRunner
from drawn_scenes import DISC_BGR, drawn_scene, drawn_scenes
from labelled_world import person_outcome, track_outcome

import scripts.evaluate_detector as evaluating
from facetally.detection.faces import Faces, ImageArray
from facetally.validation.outcomes import Outcomes

COLUMNS = ["file", "split", "x1", "y1", "x2", "y2", "ignore", "easy", "medium", "hard"]


def find_discs(image: ImageArray) -> Faces:
    """A box around each drawn face."""
    shows = (np.abs(image.astype(int) - DISC_BGR).max(axis=2) < 60).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(shows)
    boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, area in parts[1:] if area > 50], np.float32).reshape(-1, 4)
    return Faces(boxes, np.full(len(boxes), 0.9, np.float32), np.zeros((len(boxes), 5, 2), np.float32))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip of six WIDER and four FDDB images, the first of each in the training split, and their table."""
    folder = tmp_path_factory.mktemp("packed")
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive, gzip.open(folder / "faces.csv.gz", "wt") as table:
        rows = csv.writer(table)
        rows.writerow(COLUMNS)
        for number, scene in enumerate(drawn_scenes(10)):
            name = f"{'wider_val' if number < 6 else 'fddb'}/{number}.png"
            archive.writestr(name, scene.content)
            split = "train" if number in (0, 6) else "val"
            rows.writerow([name, split, *scene.boxes[0].tolist(), 0, int(number == 1), int(number < 3), 1])
    return folder


def test_images_of_the_training_split_are_left_out(packed: Path) -> None:
    images = list(evaluating.labelled_images(packed / "faces.zip", packed / "faces.csv.gz", "wider_val"))
    assert [image.name for image in images] == [f"wider_val/{number}.png" for number in range(1, 6)]
    assert [int(image.asked["medium"].sum()) for image in images] == [1, 1, 0, 0, 0]


def test_a_perfect_detector_scores_one_and_a_blind_one_zero(packed: Path) -> None:
    images = list(evaluating.labelled_images(packed / "faces.zip", packed / "faces.csv.gz", "wider_val"))
    perfect = evaluating.set_figures(find_discs, images)
    assert [perfect[level] for level in ("all", "easy", "medium", "hard")] == [1.0] * 4
    assert set(perfect["recall_by_height_px"].values()) == {1.0}
    nothing = Faces(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
    blind = evaluating.set_figures(lambda _: nothing, images)
    assert blind["all"] == 0.0
    assert set(blind["recall_by_height_px"].values()) == {0.0}


def test_recall_is_reported_by_face_height() -> None:
    boxes = np.array([[5, 5, 25, 25], [60, 30, 120, 100]], np.float32)
    scene = drawn_scene(boxes)
    rows = [dict(zip(COLUMNS, ["a", "val", *box, "0", "1", "1", "1"], strict=True)) for box in boxes.tolist()]
    image = evaluating.labelled_image("a", scene.image_bgr(), rows)

    def find_large(image: ImageArray) -> Faces:
        faces = find_discs(image)
        return faces[faces.boxes[:, 3] - faces.boxes[:, 1] > 40]

    recalls = evaluating.set_figures(find_large, [image])["recall_by_height_px"]
    assert recalls == {"16-24": 0.0, "64-96": 1.0}


def people_outcomes(is_found: Sequence[bool], height_px: float = 40.0) -> Outcomes:
    """One woman per value, classified correctly where found, and one track on nobody."""
    people = [person_outcome("female", 0.9 if found else math.nan, name=f"p{i}") for i, found in enumerate(is_found)]
    people = [replace(person, face_height_px=height_px) for person in people]
    return Outcomes(tuple(people), (track_outcome("female", 0.9), track_outcome("nobody", 0.5)))


def test_people_in_video_are_counted_and_compared_between_detectors() -> None:
    runs = {"one": people_outcomes([True, True, True, False]), "two": people_outcomes([True, True, False, True])}
    figures = evaluating.video_figures(runs)["one"]
    assert (figures["found"], figures["people_from_30_px"], figures["found_from_30_px"]) == (3, 4, 3)
    assert figures["of_those_found_by"] == {"one": 1.0, "two": 0.6667}
    assert (figures["tracks"], figures["tracks_on_nobody"]) == (2, 1)
    assert figures["people"]["accuracy"] == 1.0


def test_people_with_small_faces_do_not_count_as_missed() -> None:
    figures = evaluating.video_figures({"one": people_outcomes([True, False], height_px=20.0)})["one"]
    assert (figures["found"], figures["people_from_30_px"], figures["of_those_found_by"]) == (1, 0, {})


def test_all_detectors_are_written_into_one_report(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "scrfd", lambda *_: find_discs)
    places = ["--pictures", str(packed / "faces.zip"), "--table", str(packed / "faces.csv.gz")]
    words = [*places, "--detector", "one=a.onnx", "--detector", "two=b.onnx", "--report", str(tmp_path / "r.json")]
    CliRunner().invoke(evaluating.main, words, catch_exceptions=False)
    figures = json.loads((tmp_path / "r.json").read_text())
    assert figures["pictures"] == {"wider_val": 5, "fddb": 3}
    assert set(figures["detectors"]) == {"one", "two"}
    assert figures["detectors"]["one"]["fddb"]["all"] == 1.0
    assert figures["detectors"]["one"]["milliseconds"] > 0


def test_an_opencv_without_cascades_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier", raising=False)
    with pytest.raises(click.UsageError, match="opencv-python<5"):
        evaluating.haar()
