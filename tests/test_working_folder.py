"""The installed command imports nothing from the folder it is started in, and neither do its child processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest
from drawn_faces import drawn_crops
from drawn_world import one_person

COMMAND = Path(sys.executable).with_name("facetally")
MARK = "ran-code-of-the-user"
OURS = ("facetally", "pipeline", "detection", "gender", "scripts", "tests", "models")
LIBRARIES = ("av", "click", "cv2", "jinja2", "matplotlib", "numpy", "onnx", "onnxruntime", "pandas", "pyarrow", "rich")
MORE_LIBRARIES = ("rich_click", "scipy", "torch", "torchvision", "sitecustomize", "usercustomize")
CODE = f"open({MARK!r}, 'a').write(__name__ + ' ')\nraise RuntimeError('code of the working folder was run')\n"
NOT_ENOUGH_LABELS = 3
"""Exit code of `validate`."""
LABELS = "video,person,gender,start_s,end_s\nred.mp4,ann,female,0,2\n"


@pytest.fixture(scope="module")
def inputs(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, its truth, an image, and drawn portraits to train with."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "red.mp4").write_bytes(clip.read_bytes())
    (folder / "people.csv").write_text(LABELS)
    cv2.imwrite(str(folder / "image.png"), one_person().image(0.0))
    (folder / "portraits").mkdir()
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(90)])):
        cv2.imwrite(str(folder / "portraits" / f"30_{number % 2}_0_{number}.png"), crop)
    return folder


def fill_with_traps(folder: Path) -> None:
    """A module of every name that Python, our libraries or we ourselves could import, as a file or a folder."""
    for name in {*sys.stdlib_module_names, *OURS, *LIBRARIES, *MORE_LIBRARIES}:
        (folder / f"{name}.py").write_text(CODE)
    for name in ("detection", "cv2", "random"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(CODE)


def facetally(folder: Path, words: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run([COMMAND, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, NOT_ENOUGH_LABELS), done.stderr
    return done.returncode, done.stdout


def commands(inputs: Path) -> list[list[str]]:
    training = ["--aligned", "--epochs", "1", "--workers", "1", "-o", "model"]
    return [
        ["run", str(inputs / "red.mp4"), "-o", "out", "--workers", "2"],
        ["predict", str(inputs / "image.png")],
        ["report", "out"],
        ["validate", "out", "--truth", str(inputs)],
        ["train", "gender-utkface", "--data", f"drawn={inputs / 'portraits'}", *training],
    ]


def test_files_beside_the_user_are_never_executed(inputs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    trapped, empty = tmp_path / "trapped", tmp_path / "empty"
    trapped.mkdir()
    empty.mkdir()
    fill_with_traps(trapped)
    for words in commands(inputs):
        result = facetally(trapped, words)
        assert not (trapped / MARK).exists(), f"{words[0]} ran {(trapped / MARK).read_text()}"
        assert result == facetally(empty, words), words[0]
