"""The installed command and its child processes import nothing from the working folder."""

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
    """A clip and its hand labels, an image, and drawn portraits to train with."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "red.mp4").write_bytes(clip.read_bytes())
    (folder / "people.csv").write_text(LABELS)
    cv2.imwrite(str(folder / "image.png"), one_person().image(0.0))
    (folder / "portraits").mkdir()
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(90)])):
        cv2.imwrite(str(folder / "portraits" / f"30_{number % 2}_0_{number}.png"), crop)
    return folder


def fill_with_traps(folder: Path) -> None:
    """Writes a module for every name that Python, the libraries or facetally could import, as a file or a folder."""
    for name in {*sys.stdlib_module_names, *OURS, *LIBRARIES, *MORE_LIBRARIES}:
        (folder / f"{name}.py").write_text(CODE)
    for name in ("detection", "cv2", "random"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(CODE)


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A working folder full of traps."""
    (tmp_path / "trapped").mkdir()
    fill_with_traps(tmp_path / "trapped")
    return tmp_path / "trapped"


def results_in(folders: Sequence[Path], words: Sequence[str]) -> list[tuple[int, str]]:
    """Exit code and stdout of a command that is run in all folders at the same time."""
    processes = [
        subprocess.Popen([COMMAND, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for folder in folders
    ]
    results = []
    for process in processes:
        printed, errors = process.communicate()
        assert process.returncode in (0, NOT_ENOUGH_LABELS), errors
        results.append((process.returncode, printed))
    return results


def assert_no_trap_was_run(folder: Path, command: str) -> None:
    assert not (folder / MARK).exists(), f"{command} ran {(folder / MARK).read_text()}"


def test_files_in_the_working_folder_are_never_executed(inputs: Path, trapped: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for words in (
        ["run", str(inputs / "red.mp4"), "-o", "out", "--workers", "2"],
        ["predict", str(inputs / "image.png")],
        ["report", "out"],
        ["validate", "out", "--truth", str(inputs)],
    ):
        results = results_in([trapped, empty], words)
        assert_no_trap_was_run(trapped, words[0])
        assert results[0] == results[1], words[0]


def test_a_training_executes_no_file_in_the_working_folder(inputs: Path, trapped: Path) -> None:
    pytest.importorskip("torchvision")
    options = ["--aligned", "--epochs", "1", "--workers", "1", "-o", "model"]
    words = ["train", "gender-utkface", "--data", f"drawn={inputs / 'portraits'}", *options]
    ((exit_code, _),) = results_in([trapped], words)
    assert_no_trap_was_run(trapped, "train")
    assert exit_code == 0
