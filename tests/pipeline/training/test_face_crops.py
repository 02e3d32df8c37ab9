from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_world import COLOURS_BGR, Square, SquareDetector, background

from facetally.datasets.labelled_images import ImageSource
from facetally.detection.crops import CropRecipe
from facetally.detection.faces import Faces, ImageArray
from facetally.errors import ModelError, OptionError
from facetally.gender.data.face_sets import middle, pixel_digest
from facetally.training import face_crops
from facetally.training.face_crops import CuttingReport, FaceCutter, cut_sources

RECIPE, MARGIN_PX = CropRecipe(size_px=28), 4


def drawn_image(*squares: Square) -> bytes:
    image = background(70)
    for square in squares:
        square.draw(image, 0.0)
    return bytes(cv2.imencode(".png", image)[1])


RED, BLUE = Square("red", (60, 40)), Square("blue", (4, 4), size_px=30)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two women and a man with faces; a man without a face, a file that is not an image and a face without a label."""
    files = {
        "female/a.png": drawn_image(RED),
        "female/b.png": drawn_image(RED, BLUE),
        "male/c.png": drawn_image(BLUE),
        "male/d.png": drawn_image(),
        "male/e.png": b"no image",
        "other/f.png": drawn_image(RED),
    }
    for name, content in files.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "photos"


class Cutting:
    """Makes cutters with the drawn world's detector and counts the images that it processes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._seen: list[int] = []
        self.weights, self.cache = folder / "scrfd.onnx", folder / "crops"
        self.weights.write_bytes(b"weights")
        monkeypatch.setattr(face_crops, "ScrfdDetector", lambda *_, **__: self)

    def __copy__(self) -> Cutting:
        return self  # for each thread, so that all are counted

    @property
    def seen(self) -> int:
        return sum(self._seen)

    def detect(self, images: list[ImageArray]) -> list[Faces]:
        self._seen.append(len(images))
        return SquareDetector().detect(images)

    def cutter(self, recipe: CropRecipe = RECIPE, margin_px: int = MARGIN_PX) -> FaceCutter:
        return FaceCutter(self.weights, recipe, margin_px, self.cache)


@pytest.fixture
def cutting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cutting:
    return Cutting(tmp_path, monkeypatch)


def test_every_image_is_cut_or_counted(photos: Path, cutting: Cutting) -> None:
    faces, report = cutting.cutter().cut(ImageSource("set", (photos,)))
    assert report == CuttingReport(images=6, without_label=1, undecodable=1, without_face=1, cut=3)
    assert faces.labels["file"].tolist() == ["female/a.png", "female/b.png", "male/c.png"]
    assert faces.labels["female"].tolist() == [1, 1, 0]
    assert faces.crops.shape == (3, 36, 36, 3)
    images = [np.asarray(cv2.imread(str(photos / name)), np.uint8) for name in faces.labels["file"]]
    assert faces.labels["digest"].tolist() == [pixel_digest(image) for image in images]
    assert faces.crops[0, 18, 18].tolist() == list(COLOURS_BGR["red"][::-1])  # RGB


def test_of_two_faces_the_most_central_is_cut_or_the_one_in_the_box(photos: Path, cutting: Cutting) -> None:
    table = photos.parent / "labels.csv"
    table.write_text("file,gender,x1,y1,x2,y2\nfemale/b.png,Female,0,0,30,30\nother/f.png,Male,0,0,9,9\n")
    central, _ = cutting.cutter().cut(ImageSource("set", (photos,)))
    boxed, report = cutting.cutter().cut(ImageSource("set", (photos,), (table,)))
    assert central.crops[1, 18, 18].tolist() == list(COLOURS_BGR["red"][::-1])
    assert boxed.crops[0, 18, 18].tolist() == list(COLOURS_BGR["blue"][::-1])
    assert (report.cut, report.without_face, report.without_label) == (1, 1, 4)  # no face is in the box of f.png


def test_a_source_is_cut_once(photos: Path, cutting: Cutting) -> None:
    source = ImageSource("set", (photos,))
    faces, report = cutting.cutter().cut(source)
    seen = cutting.seen
    again, same_report = cutting.cutter().cut(source)
    assert seen == cutting.seen == 4
    assert np.array_equal(faces.crops, again.crops) and faces.labels.equals(again.labels)
    assert report == same_report


@pytest.mark.parametrize("change", ["image", "table", "size", "margin", "detector", "limit"])
def test_crops_are_cut_again_when_something_that_they_depend_on_changes(
    photos: Path, cutting: Cutting, change: str
) -> None:
    table = photos.parent / "labels.csv"
    table.write_text("file,gender\nother/f.png,Male\n")
    source = ImageSource("set", (photos,), (table,))
    cutting.cutter().cut(source)
    if change == "image":
        (photos / "other" / "g.png").write_bytes(drawn_image(RED))
    elif change == "table":
        table.write_text("file,gender\nother/f.png,Female\n")
    elif change == "detector":
        cutting.weights.write_bytes(b"other weights")
    recipe = CropRecipe(size_px=32) if change == "size" else RECIPE
    cutting.cutter(recipe, 5 if change == "margin" else MARGIN_PX).cut(source, limit=6 if change == "limit" else None)
    assert cutting.seen == 2
    assert len(list(cutting.cache.iterdir())) == 2


@pytest.mark.parametrize("killed_at", ["face", "labels", "report"])
def test_a_killed_run_leaves_no_folder_that_counts_as_complete(
    photos: Path, cutting: Cutting, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    source = ImageSource("set", (photos,))
    where = {"face": (cutting, "detect"), "labels": (face_crops, "save_labels"), "report": (face_crops, "write_whole")}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(*where[killed_at], kill)
        cutting.cutter().cut(source)
    assert len(list(cutting.cache.iterdir())) == 1
    before = cutting.seen
    faces, report = cutting.cutter().cut(source)
    assert cutting.seen - before == 4
    assert len(faces.crops) == report.cut == 3


def test_the_limit_takes_images_evenly(tmp_path: Path, cutting: Cutting) -> None:
    (tmp_path / "p").mkdir()
    for age in range(10, 20):
        (tmp_path / "p" / f"{age}_1_0_{age}.png").write_bytes(drawn_image(RED))
    seen: list[tuple[int, int]] = []
    faces, report = cutting.cutter().cut(
        ImageSource("set", (tmp_path / "p",)), limit=4, on_image=lambda *at: seen.append(at)
    )
    assert faces.labels["age_years"].tolist() == [10, 12, 15, 17]
    assert report.images == 4
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_aligned_crops_are_only_resized(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    (tmp_path / "female").mkdir()
    cv2.imwrite(str(tmp_path / "female" / "a.png"), image)
    source = ImageSource("set", (tmp_path,))
    faces, _ = FaceCutter(None, RECIPE, MARGIN_PX, tmp_path / "crops").cut(source)
    assert faces.crops.shape == (1, 36, 36, 3)
    assert np.array_equal(middle(faces.crops[0], 28, MARGIN_PX / 36), image[:, :, ::-1])
    assert np.array_equal(faces.crops[0, 0, MARGIN_PX:-MARGIN_PX], image[0, :, ::-1])  # the border is repeated


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"set: no image found in .*photos"),
        ({"a.png": b"x", "b.png": b"y"}, "set: none of 2 images has both a label and a face: 2 without label"),
        ({"male/a.png": b"x"}, "1 undecodable"),
    ],
)
def test_images_without_any_usable_face_are_a_clear_error(
    tmp_path: Path, cutting: Cutting, files: dict[str, bytes], message: str
) -> None:
    (tmp_path / "photos" / "male").mkdir(parents=True)
    for name, content in files.items():
        (tmp_path / "photos" / name).write_bytes(content)
    with pytest.raises(OptionError, match=message):
        cutting.cutter().cut(ImageSource("set", (tmp_path / "photos",)))


def test_a_missing_source_is_a_clear_error(tmp_path: Path, cutting: Cutting) -> None:
    with pytest.raises(OptionError, match=r"no such file or folder: .*nowhere"):
        cutting.cutter().cut(ImageSource("set", (tmp_path / "nowhere",)))


def test_weights_of_another_kind_are_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "weights.onnx").write_bytes(b"no weights")
    with pytest.raises(ModelError, match=r"weights\.onnx"):
        FaceCutter(tmp_path / "weights.onnx", RECIPE, MARGIN_PX, tmp_path)


def test_several_sources_are_cut_with_a_margin_of_a_seventh(photos: Path, cutting: Cutting) -> None:
    sources = [ImageSource("both", (photos,)), ImageSource("again", (photos,))]
    seen: list[tuple[str, int, int]] = []
    sets, reports = cut_sources(sources, cutting.weights, RECIPE, cutting.cache, None, lambda *at: seen.append(at))
    assert [(part.name, part.crops.shape[1], part.margin_px) for part in sets] == [("both", 36, 4), ("again", 36, 4)]
    assert set(reports) == {"both", "again"} and seen[0] == ("both", 1, 6)
    report = json.loads(next(cutting.cache.glob("both-*/report.json")).read_text())
    assert tuple(report.values()) == astuple(reports["both"])


def test_two_sources_with_the_same_name_are_refused(photos: Path, cutting: Cutting) -> None:
    with pytest.raises(OptionError, match="two data sets are called 'x'"):
        cut_sources([ImageSource("x", (photos,))] * 2, cutting.weights, RECIPE, cutting.cache, None, lambda *_: None)
