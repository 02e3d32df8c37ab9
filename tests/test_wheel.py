"""The wheel has the right contents, the sdist builds the same one, and it works in a bare environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
VERSIONS = sorted({"3.11", "3.12", "3.13", RUNNING})
FOLDERS = {"pipeline": "", "detection": "detection/", "gender": "gender/", "models": "bundled/"}  # inside facetally/
NAMES = ("facetally", "facetally_face_embedding", "facetally_scrfd_500m", "mobilenetv2_gender_utkface")
WEIGHTS = {f"bundled/{name}.onnx" for name in NAMES}
PAGES = {f"reporting/{name}" for name in ("report.css", "report.html", "report.js", "truth_section.html")}
DATA = {"py.typed", "bundled/manifest.csv", "validation/validation.md"} | PAGES
EXTRAS = {"fastapi", "insightface", "onnxscript", "sklearn", "torch", "torchvision", "uvicorn", "xlsxwriter"}
"""Of `pip install facetally[...]`."""
BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, 'build_' + sys.argv[1])(sys.argv[2])"
IMPORT_ALL = """
import importlib, pathlib, facetally
print(folder := pathlib.Path(facetally.__file__).parent)
for path in folder.rglob("[!_]*.py"):
    try:
        importlib.import_module(".".join(path.relative_to(folder.parent).with_suffix("").parts))
    except ModuleNotFoundError as error:
        print(error.name.partition(".")[0])
"""
"""Prints where facetally is, then the libraries that its modules miss."""
NO_NETWORK = ("NewConnectionError", "ConnectTimeoutError", "ProxyError")
LABELS = "video,person,gender,start_s,end_s\nred.mp4,ann,female,0,2\n"
NOT_ENOUGH_LABELS = 3  # exit code of `validate`


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel, and a working folder outside the checkout."""

    folder: Path
    work: Path

    @property
    def site(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))

    def output(self, program: str, *words: str, code: int = 0) -> str:
        """Runs a program of the environment, checks its exit code, and returns what it printed."""
        dropped = ("FACETALLY_", "PYTHON", "XDG_", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        variables = kept | {"HOME": str(self.work / "home"), "COLUMNS": "500"}
        command = [str(self.folder / "bin" / program), *words]
        done = subprocess.run(command, cwd=self.work, env=variables, capture_output=True, text=True)
        assert done.returncode == code, f"{program} {words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tracked files."""
    pytest.importorskip("setuptools", minversion="77", reason="needs setuptools 77 or later")
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout")
    folder = tmp_path_factory.mktemp("source")
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    for name in subprocess.check_output(git, cwd=ROOT, text=True).split("\0"):
        if (ROOT / name).is_file() and not name.startswith("reports/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", source, tmp_path_factory.mktemp("wheel"))


def built(what: str, source: Path, folder: Path) -> Path:
    """A new wheel or sdist, made from a copy because a build leaves files that the next one reads."""
    shutil.copytree(source, folder / "source")
    command = [sys.executable, "-c", BUILD, what, str(folder / "built")]
    subprocess.run(command, cwd=folder / "source", check=True, capture_output=True)
    return next((folder / "built").iterdir())


def contents(wheel: Path) -> dict[str, int]:
    """The checksum of each file by its name."""
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.CRC for info in archive.infolist()}


@pytest.fixture(scope="module", params=VERSIONS)
def installed(
    request: pytest.FixtureRequest, wheel: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Environment]:
    """The wheel in its own environment, and a working folder with a clip and its truth."""
    running = request.param == RUNNING
    python = Path(sys.executable) if running else python_of(request.param)
    folder = tmp_path_factory.mktemp(f"python{request.param}")
    environment = Environment(folder / "venv", folder / "work")
    for name in ("home", "truth"):
        (environment.work / name).mkdir(parents=True)
    (environment.work / "truth" / "people.csv").write_text(LABELS)
    shutil.copy(clip, environment.work / "red.mp4")
    subprocess.run([python, "-m", "venv", "--without-pip", environment.folder], check=True)
    if running:  # needs no network
        link_dependencies(wheel, environment.site)
    install(wheel, environment, "--no-index" if running else "--only-binary=:all:")
    yield environment
    shutil.rmtree(environment.folder)  # 0.9 GB of libraries


def python_of(version: str) -> Path:
    """An interpreter of another version; those that do not start, such as unset pyenv shims, do not count."""
    named = [Path(path) for path in [shutil.which(f"python{version}")] if path]
    for path in [*named, *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]:
        if subprocess.run([path, "-V"], capture_output=True).returncode == 0:
            return path
    pytest.skip(f"no Python {version} on this machine")


def link_dependencies(wheel: Path, site: Path) -> None:
    """Links the dependencies that the wheel declares, and no others, from the running environment."""
    for dependency in dependencies(next(iter(Distribution.discover(path=[str(wheel)]))), set()):
        tops = {file.parts[0] for file in dependency.files or []} - {"..", "__pycache__"}
        for name in tops - {path.name for path in site.iterdir()}:
            (site / name).symlink_to(Path(str(dependency.locate_file(name))))


def dependencies(of: Distribution, seen: set[str]) -> Iterator[Distribution]:
    for needed in map(Requirement, of.requires or []):
        if needed.name not in seen and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
            seen.add(needed.name)
            found = distribution(needed.name)
            yield found
            yield from dependencies(found, seen)


def install(wheel: Path, environment: Environment, source: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(environment.folder / "bin" / "python")]
    words = ["install", "--no-compile", "--disable-pip-version-check", "--quiet", "--retries=1", source, str(wheel)]
    done = subprocess.run([*pip, *words], capture_output=True, text=True)
    if done.returncode and any(error in done.stderr for error in NO_NETWORK):
        pytest.skip("needs network to install the dependencies")
    assert done.returncode == 0, done.stderr


def test_the_wheel_holds_our_packages_with_their_data_and_nothing_else(source: Path, wheel: Path) -> None:
    expected = {
        f"facetally/{inside}{path.relative_to(source / folder).as_posix()}"
        for folder, inside in FOLDERS.items()
        for path in (source / folder).rglob("*")
        if path.is_file() and path.suffix != ".pth"
    }
    names = {name for name in contents(wheel) if ".dist-info/" not in name}
    assert names == expected
    assert names >= {f"facetally/{name}" for name in WEIGHTS | DATA}
    assert any(name.endswith("/LICENSE") for name in contents(wheel).keys() - names)


def test_the_sdist_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(built("sdist", source, tmp_path / "sdist"), tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    assert contents(built("wheel", unpacked, tmp_path / "wheel")) == contents(wheel)


def test_facetally_is_the_only_name_we_install(installed: Environment) -> None:
    (ours,) = Distribution.discover(name="facetally", path=[str(installed.site)])
    assert {path.parts[0] for path in ours.files or []} == {"facetally", f"facetally-{ours.version}.dist-info", ".."}
    assert [str(path) for path in ours.files or [] if ".." in path.parts] == ["../../../bin/facetally"]
    assert not (installed.site / "torch").exists()


def test_every_module_imports_without_undeclared_libraries(installed: Environment) -> None:
    place, *missing = installed.output("python", "-c", IMPORT_ALL).split()
    assert Path(place) == installed.site / "facetally"
    assert set(missing) <= EXTRAS


def test_the_version_is_that_of_the_wheel(installed: Environment, wheel: Path) -> None:
    assert installed.output("python", "-m", "facetally", "--version").split()[-1] == wheel.name.split("-")[1]


def test_the_weights_found_are_the_installed_ones(installed: Environment) -> None:
    lines = [line for line in installed.output("facetally", "doctor").splitlines() if ".onnx" in line]
    assert [f"{installed.site}/facetally/bundled/" in line for line in lines] == [True, True], lines


def test_a_run_and_its_validation_work(installed: Environment) -> None:
    assert "failed" not in installed.output("facetally", "run", "red.mp4", "-o", "out")
    installed.output("facetally", "validate", "out", "--truth", "truth", code=NOT_ENOUGH_LABELS)
    assert (installed.work / "out" / "validation" / "report.md").exists()
