"""The installed command and its child processes import nothing from the working folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner
from drawn_faces import drawn_crops
from drawn_world import one_person

from facetally.cli.main import main

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
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(120)])):
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


def result_in(folder: Path, words: Sequence[str]) -> tuple[int, str]:
    """Exit code and stdout of the installed command in this folder."""
    done = subprocess.run([COMMAND, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, NOT_ENOUGH_LABELS), done.stderr
    return done.returncode, done.stdout


def assert_no_trap_was_run(folder: Path, command: str) -> None:
    assert not (folder / MARK).exists(), f"{command} ran {(folder / MARK).read_text()}"


def test_files_in_the_working_folder_are_never_executed(
    inputs: Path, trapped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for words in (
        ["run", str(inputs / "red.mp4"), "-o", "out", "--workers", "2"],
        ["predict", str(inputs / "image.png")],
        ["report", "out"],
        ["validate", "out", "--truth", str(inputs)],
    ):
        result, elsewhere = result_in(trapped, words), CliRunner().invoke(main, words)
        assert_no_trap_was_run(trapped, words[0])
        assert result == (elsewhere.exit_code, elsewhere.stdout), words[0]


def test_a_training_executes_no_file_in_the_working_folder(inputs: Path, trapped: Path) -> None:
    pytest.importorskip("torchvision")
    options = ["--aligned", "--epochs", "1", "--workers", "1", "-o", "model"]
    words = ["train", "genderage", "--data", f"drawn={inputs / 'portraits'}", *options]
    exit_code, _ = result_in(trapped, words)
    assert_no_trap_was_run(trapped, "train")
    assert exit_code == 0
