"""The documentation: links that lead somewhere, commands that exist, a file tree that is true, and Python that runs."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
import pytest
from drawn_world import engines, one_person

import facetally
import facetally.jobs.images
from facetally.cli.main import main
from scripts.write_reference import COMMAND, pages

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MAX_README_LINES = 120
DOCS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "findings").glob("*.md")],
    key=lambda path: path.as_posix(),
)
"""What is written for readers; reports are written by scripts."""
PAGES = [*DOCS, *sorted((ROOT / "reports").rglob("*.md")), ROOT / "models" / "README.md"]
HISTORY = ROOT / "CHANGELOG.md"
"""Names what is no more."""
CODE_FOLDERS = ("pipeline", "detection", "gender")
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)")
PATH_IN_CODE = re.compile(r"(?:docs|findings|models|reports|scripts|tests|pipeline|detection|gender)/[\w./-]*\w+\.\w+")
ELSEWHERE = re.compile(r"[a-z]+:")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str = "") -> list[str]:
    """The code blocks of a page in one language; those without a language are commands, output and drawings."""
    found = FENCE.finditer(path.read_text(encoding="utf-8"))
    return [block["text"] for block in found if block["language"] == language]


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """What the headings of a page are called in links to them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for link in LINK.findall(INLINE_CODE.sub("", prose(page))):
        if not ELSEWHERE.match(link):
            target, _, anchor = link.partition("#")
            file = (page.parent / target).resolve() if target else page
            assert file.exists(), f"{named(page)}: {link} leads nowhere"
            assert not anchor or anchor in anchors(file), f"{named(page)}: {named(file)} has no heading #{anchor}"


@pytest.mark.parametrize("page", [page for page in DOCS if page != HISTORY], ids=named)
def test_files_that_are_named_exist(page: Path) -> None:
    for code in INLINE_CODE.findall(prose(page)):
        if PATH_IN_CODE.fullmatch(code):
            assert (ROOT / code).exists(), f"{named(page)}: there is no {code}"


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "index.html").exists()


def test_pages_of_the_site_link_only_to_each_other() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        outside = [link for link in LINK.findall(prose(page)) if link.startswith("..")]
        assert not outside, f"{named(page)}: the site has no {outside}; write the path as `code`"


def test_every_page_of_the_site_is_in_its_navigation() -> None:
    named_pages = re.findall(r"^ +- ([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named_pages) == sorted(page.name for page in (ROOT / "docs").glob("*.md"))


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_README_LINES


def test_generated_pages_are_up_to_date() -> None:
    for path, text in pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{named(path)} is out of date: {COMMAND}"


def test_the_version_is_in_the_changes_and_in_the_citation() -> None:
    assert f"## [{facetally.__version__}]" in HISTORY.read_text(encoding="utf-8")
    assert f"version: {facetally.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_script_is_described() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    scripts = ROOT / "scripts"
    names = [path.name for path in scripts.glob("*.py")] + [f"{path.parent.name}/" for path in scripts.glob("*/*.py")]
    missing = sorted({name for name in names if f"`{name}`" not in text})
    assert not missing, f"describe {missing} in CONTRIBUTING.md"


def file_tree() -> Iterator[Path]:
    """What the file tree of the README names: paths before two blanks, several with commas, by the folder above."""
    (tree,) = (block for block in blocks(README) if block.startswith("pipeline/"))
    parent = ROOT
    for line in tree.splitlines():
        names = re.split(r" {2,}", line.strip())[0].split(", ")
        if not line.startswith(" "):
            parent = ROOT / names[0]
            yield from (ROOT / name for name in names)
        else:
            yield from (parent / name for name in names)


def folders_on_disk() -> Iterator[Path]:
    """The top-level folders that are not ignored, and every package of ours."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split()]
    for folder in ROOT.iterdir():
        is_ignored = any(fnmatch.fnmatch(folder.name, pattern) for pattern in (".*", *ignored))
        if folder.is_dir() and not is_ignored:
            yield folder
    for name in CODE_FOLDERS:
        yield from (path.parent for path in (ROOT / name).rglob("__init__.py"))


def test_the_file_tree_of_the_readme_names_every_folder_and_no_other() -> None:
    tree = set(file_tree())
    assert not [named(path) for path in tree if not path.exists()]
    assert not [named(path) for path in set(folders_on_disk()) - tree]


def command_lines(path: Path) -> Iterator[tuple[list[str], bool]]:
    """The words after `facetally`, and whether it is a whole command; in running text arguments may be left out."""
    for block in blocks(path):
        for line in block.splitlines():
            if match := re.match(r"(?:\.venv/bin/)?facetally (.+)", line):
                yield words_of(match[1]), True
    for code in INLINE_CODE.findall(prose(path)):
        if code.startswith("facetally "):
            yield words_of(code.removeprefix("facetally ")), False


def words_of(line: str) -> list[str]:
    """The words of a shell command up to its end or a redirection."""
    words = shlex.split(line, comments=True)
    ends = [index for index, word in enumerate(words) if word in (">", "|", "&&")]
    return words[: min(ends, default=len(words))]


def check_command(words: list[str], is_whole: bool) -> None:
    """Raises click.UsageError for a command, an option or a choice that does not exist, or a missing argument."""
    command: click.Command = main
    context = click.Context(main, info_name="facetally")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no such command: {words[0]}")
        command, words = found, words[1:]
    context = click.Context(command, info_name=command.name)
    values, rest, _ = command.make_parser(context).parse_args(list(words))
    if rest:
        raise click.UsageError(f"too many arguments: {rest}")
    for parameter in command.params:
        value = values.get(str(parameter.name))
        given = [part for part in (value if isinstance(value, list | tuple) else [value]) if isinstance(part, str)]
        if isinstance(parameter.type, click.Choice):
            for part in given:
                parameter.type.convert(part, parameter, context)
        if is_whole and parameter.required and not given:
            raise click.UsageError(f"{parameter.name} is missing")


@pytest.mark.parametrize("page", [page for page in DOCS if page != HISTORY], ids=named)
def test_commands_exist_with_their_options(page: Path) -> None:
    for words, is_whole in command_lines(page):
        try:
            check_command(words, is_whole)
        except click.UsageError as error:
            pytest.fail(f"{named(page)}: facetally {shlex.join(words)}: {error.format_message()}")


@pytest.mark.parametrize(
    "line",
    [
        "rum videos -o out",
        "run videos --oout out",
        "run -o out",
        "run videos",
        "status out more",
        "tally out --format x",
    ],
)
def test_commands_that_do_not_exist_are_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        check_command(words_of(line), True)


def test_a_command_ends_where_the_shell_ends_it() -> None:
    assert words_of("run videos/ --show-options > run.toml  # prints") == ["run", "videos/", "--show-options"]


@pytest.fixture
def working_folder(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder: videos/ of the drawn world, their truth/, and photos/, with the drawn world's engines."""
    monkeypatch.chdir(tmp_path)
    for name, module in list(sys.modules.items()):
        if name.startswith("facetally.") and hasattr(module, "load_engines"):
            monkeypatch.setattr(module, "load_engines", lambda *_, **__: engines())
    (tmp_path / "videos").symlink_to(films)
    (tmp_path / "truth").mkdir()
    rows = ["video,person,gender,start_s,end_s", "woman.mp4,ann,female,0,2", "man.mp4,bob,male,0,2"]
    (tmp_path / "truth" / "people.csv").write_text("\n".join(rows))
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "ann.png"), one_person().image(0.0))
    (tmp_path / "photos" / "torn.png").write_bytes(b"torn")
    return tmp_path


def execute(code: str, page: Path) -> None:
    exec(compile(code, page.name, "exec"), {"__name__": page.stem})


def test_the_python_of_the_readme_runs(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(README, "python")
    execute(code, README)
    printed = capsys.readouterr().out
    assert "not enough labels 1.0" in printed
    assert "[('female', nan)]" in printed
    assert printed.splitlines()[-1] == str(Path("out", "report.html"))
    assert (working_folder / "out" / "report.html").is_file()


@pytest.mark.parametrize("name", ["python.md", "tables.md"])
@pytest.mark.usefixtures("working_folder")
def test_the_python_of_the_other_pages_runs(name: str) -> None:
    facetally.run("videos/", out="out")
    for code in blocks(ROOT / "docs" / name, "python"):
        execute(code, ROOT / "docs" / name)


def test_every_name_of_the_front_door_is_described() -> None:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    missing = [name for name in facetally.__all__ if not re.search(rf"\b{name}\b", text) and name != "__version__"]
    assert not missing, f"describe {missing} in docs/python.md"
