"""One registry of formats: the documentation, the commands and what is written agree with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from drawn_world import encoded, one_person
from small_runs import Seen, store

from facetally.cli.main import main
from facetally.errors import OptionError
from facetally.exports.formats import ANNOTATION_FORMATS, FORMATS, TABLE_FORMATS, AnnotationFormat, chosen_format
from facetally.jobs.export import export_run

DOCS = Path(__file__).resolve().parents[3] / "docs"
PEOPLE = "video,person,gender,start_s,end_s\na.mp4,ann,female,0,1\na.mp4,bob,male,0,1\n"
for_labelling_tools = pytest.mark.parametrize("one", ANNOTATION_FORMATS, ids=lambda one: one.name)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A run over a.mp4, which is in the folder videos."""
    (tmp_path / "videos").mkdir()
    encoded(tmp_path / "videos" / "a.mp4", one_person().images()[:25])
    return store(tmp_path / "out", "a.mp4", Seen(0, 0, 0.5)).out


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "people.csv").write_text(PEOPLE)
    (tmp_path / "truth" / "boxes.csv").write_text("video,person,time_s,x1,y1,x2,y2\na.mp4,ann,0.4,10,20,30,50\n")
    return tmp_path / "truth"


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def rows_of_table(page: str) -> dict[str, list[str]]:
    """The cells of each row of a page whose first cell is code, by that."""
    lines = [line for line in (DOCS / page).read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_the_names_of_formats_are_unique() -> None:
    assert len({one.name for one in FORMATS}) == len(FORMATS)


@for_labelling_tools
def test_the_documentation_describes_every_format_of_labelling_tools_as_the_registry_does(
    one: AnnotationFormat,
) -> None:
    from_run, from_labels, what, _ = rows_of_table("exports.md")[one.name]
    assert (from_run == "yes", from_labels == "yes") == ("run" in one.sources, "labels" in one.sources)
    assert what == one.description


@pytest.mark.parametrize("name", [one.name for one in TABLE_FORMATS])
def test_the_documentation_describes_every_format_of_tables(name: str) -> None:
    assert name in rows_of_table("results.md")


@for_labelling_tools
def test_every_file_that_is_written_is_among_those_that_were_checked_for_before(
    one: AnnotationFormat, out: Path
) -> None:
    done = export_run(out, one.name, videos=out.parent / "videos")
    assert set(done.files) <= set(one.file_names(out / "export" / one.name, ["a.mp4"]))
    on_disk = {path for path in (out / "export" / one.name).rglob("*") if path.is_file()}
    assert on_disk == set(done.files)


@for_labelling_tools
def test_the_command_says_what_was_written_and_how_to_open_it(one: AnnotationFormat, out: Path) -> None:
    done = run("export", out, "--format", one.name, "--videos", out.parent / "videos")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out / "export" / one.name)
    assert "1 track with 2 boxes in 1 video" in done.stderr
    assert f"How to open it: {out / 'export' / one.name / 'README.txt'}" in done.stderr


@for_labelling_tools
def test_tables_and_files_are_refused_where_a_folder_of_tracks_is_written(one: AnnotationFormat, out: Path) -> None:
    with pytest.raises(OptionError, match="has no tables, and --table faces is given"):
        export_run(out, one.name, tables=["faces"])
    for name in ("a.csv", "a.xlsx", "a.json", "a.xml", "a.zip"):
        with pytest.raises(OptionError, match="writes a folder of files") as caught:
            chosen_format("run", one.name, Path(name))
        assert caught.value.fix == "give a folder: -o a"


def test_an_unknown_format_is_named_with_those_that_there_are() -> None:
    with pytest.raises(OptionError, match="--format xml is not known") as caught:
        chosen_format("labels", "xml", None)
    assert caught.value.fix == "give one of: cvat, mot, label-studio, coco"
    assert "fiftyone" in run("export", "out", "--format", "xml").stderr


@pytest.mark.usefixtures("out")
@pytest.mark.parametrize(
    "one", [one for one in ANNOTATION_FORMATS if "labels" in one.sources], ids=lambda one: one.name
)
def test_the_command_exports_labels_that_the_command_imports(one: AnnotationFormat, truth: Path) -> None:
    folder, videos = truth.parent / "labels", truth.parent / "videos"
    done = run("truth", "export", truth, "--format", one.name, "--videos", videos, "-o", folder)
    assert done.exit_code == 0, done.output
    assert "with 1 box in 1 video" in done.stderr
    assert ("bob of a.mp4" in done.stderr) == (not one.holds_boxless)
    again = run("truth", "export", truth, "--format", one.name, "--videos", videos, "-o", folder)
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)
    file = {"cvat": "a.mp4.xml", "mot": "a.mp4/gt/gt.txt", "label-studio": "tasks.json"}.get(one.name)
    words = ("--attributes", folder / "people.csv") if one.name == "mot" else ()
    path = folder / (file or "annotations/instances_default.json")
    back = run("truth", "import", path, "--format", one.name, "--videos", videos, *words, "-o", truth.parent / "back")
    assert back.exit_code == 0, back.output
    assert "ann,female" in (truth.parent / "back" / "people.csv").read_text()
