"""The formats of exports. Nothing heavy is imported here: the command line lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from facetally.errors import OptionError
from facetally.formatting import command

if TYPE_CHECKING:
    import pyarrow as pa

    from facetally.exports.annotations.model import VideoTracks
    from facetally.exports.annotations.written import Written

Source = Literal["run", "labels"]
"""What is exported: the results of a run (`facetally export`), or hand labels (`facetally truth export`)."""


@dataclass(frozen=True)
class ExportTable:
    """A table to export."""

    name: str
    schema: pa.Schema
    """Each field's metadata holds its description."""
    max_rows: int
    """It has no more rows than this."""
    batches: Callable[[], Iterator[pa.Table]]
    """Reads the rows part by part, so that the whole table need not fit into memory."""


@dataclass(frozen=True)
class Format:
    """A format, and what writes it."""

    name: str
    sources: tuple[Source, ...]
    suffix: str
    """Of its file; empty: it is a folder of files."""
    description: str
    writer: str
    """A module and its function that writes, as "module:function"."""


@dataclass(frozen=True)
class TableFormat(Format):
    """A format of tables: a row for each video, appearance, ..."""

    file_names: Callable[[Path, Sequence[str]], list[Path]]
    """The files that are written for a target and the names of the tables."""

    def write(self, target: Path, tables: Sequence[ExportTable], about: Mapping[str, str]) -> dict[str, int]:
        """Writes the tables, their columns' descriptions and `about`; returns the number of rows by table.

        Raises:
            PipelineError: the target cannot be written, or holds less than the tables have.
        """
        rows: dict[str, int] = _function(self.writer)(target, tables, about)
        return rows


@dataclass(frozen=True)
class AnnotationFormat(Format):
    """A format of labelling tools: boxes on frames, in tracks with attributes. It is a folder of files."""

    opened_by: str
    """How the tool opens it, as sentences."""
    not_held: str = ""
    """What it has no room for, and where that is instead, as a sentence; empty: nothing."""
    is_in_stored_pixels: bool = True
    """Boxes are in pixels as stored, which the tool shows; else they are fractions of the picture."""
    names_files: bool = False
    """It says where the videos are."""
    holds_boxless: bool = False
    """It has room for people of whom only times in view are known."""

    def file_names(self, folder: Path, videos: Iterable[str]) -> list[Path]:
        """The files that may be written for videos of these names."""
        names: list[Path] = _function(self.writer.partition(":")[0] + ":file_names")(folder, videos)
        return [*names, folder / README_FILE]

    def write(self, folder: Path, videos: Iterable[VideoTracks], about: Mapping[str, str]) -> Written:
        """Writes the tracks, video by video.

        Raises:
            PipelineError: a video or table that cannot be read.
            OSError: the folder cannot be written.
        """
        written: Written = _function(self.writer)(folder, videos, about)
        return written


README_FILE = "README.txt"


def _function(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def _files_in(folder: Path, tables: Sequence[str]) -> list[Path]:
    return [*(folder / f"{name}.csv" for name in (*tables, "columns")), folder / README_FILE]


def _one_file(path: Path, _: Sequence[str]) -> list[Path]:
    return [path]


TABLE_FORMATS = (
    TableFormat(
        name="csv",
        sources=("run",),
        suffix="",
        description="a folder with a file for each table, columns.csv and README.txt",
        writer="facetally.exports.csv_files:write",
        file_names=_files_in,
    ),
    TableFormat(
        name="xlsx",
        sources=("run",),
        suffix=".xlsx",
        description="an Excel workbook with a sheet for each table, and the sheets about and columns",
        writer="facetally.exports.xlsx_file:write",
        file_names=_one_file,
    ),
    TableFormat(
        name="sqlite",
        sources=("run",),
        suffix=".sqlite",
        description="an SQLite database with these tables, and the tables about and columns",
        writer="facetally.exports.sqlite_file:write",
        file_names=_one_file,
    ),
)
ANNOTATION_FORMATS = (
    AnnotationFormat(
        name="cvat",
        sources=("run", "labels"),
        suffix="",
        description="CVAT for video 1.1: an XML file for each video, and labels.json, the labels of the task",
        writer="facetally.exports.annotations.cvat:write",
        opened_by="Create a task for each video, with the content of labels.json as its labels (constructor, Raw). "
        'Then upload the XML file of the video: Actions, Upload annotations, "CVAT 1.1".',
    ),
    AnnotationFormat(
        name="mot",
        sources=("run", "labels"),
        suffix="",
        description="MOTChallenge: a folder for each video with gt/gt.txt and seqinfo.ini, and people.csv",
        writer="facetally.exports.annotations.mot:write",
        opened_by="Evaluations of trackers and Datumaro read a video's folder. For CVAT, zip its folder gt, and upload "
        'it as "MOT 1.1" to a task whose labels are those of labels.txt. facetally truth import reads gt.txt with '
        "--attributes people.csv.",
        not_held="The class in gt.txt is the gender; names, age bands and notes have no room there, and are in "
        "people.csv, by the column gt_id",
    ),
    AnnotationFormat(
        name="label-studio",
        sources=("run", "labels"),
        suffix="",
        description="Label Studio: tasks.json for all videos, and config.xml, the labelling interface",
        writer="facetally.exports.annotations.label_studio:write",
        opened_by="Create a project, and paste config.xml as its labelling interface (Code). Add the folder of the "
        "videos as local storage (its document root must be that folder), or replace the addresses in tasks.json. Then "
        "import tasks.json.",
        is_in_stored_pixels=False,
    ),
    AnnotationFormat(
        name="coco",
        sources=("run", "labels"),
        suffix="",
        description="COCO JSON with videos and tracks: annotations/instances_default.json",
        writer="facetally.exports.annotations.coco:write",
        opened_by="Datumaro opens the folder, pycocotools and MMTracking (CocoVID) the file. Images are the frames "
        "with boxes and the first frame of each video; frame_index counts the frames of the video from 0.",
        holds_boxless=True,
    ),
    AnnotationFormat(
        name="fiftyone",
        sources=("run",),
        suffix="",
        description="FiftyOne: labels/ with a file for each video, and manifest.json, which says where videos are",
        writer="facetally.exports.annotations.fiftyone:write",
        opened_by='fiftyone.Dataset.from_dir("FOLDER", dataset_type=fiftyone.types.FiftyOneVideoLabelsDataset) opens '
        "the folder. The number of a track is the index of its detections.",
        is_in_stored_pixels=False,
        names_files=True,
    ),
)
FORMATS: tuple[TableFormat | AnnotationFormat, ...] = (*TABLE_FORMATS, *ANNOTATION_FORMATS)
"""All formats; the documentation has tables of them."""
OTHER_SUFFIXES = frozenset(
    {".xls", ".ods", ".tsv", ".txt", ".json", ".parquet", ".pdf", ".html", ".xml", ".sql", ".zip"}
)
"""Of files that somebody may expect; a folder of files would be a surprise there."""


def formats_of(source: Source) -> dict[str, TableFormat | AnnotationFormat]:
    """The formats for what is exported, by name."""
    return {one.name: one for one in FORMATS if source in one.sources}


def chosen_format(source: Source, name: str, path: Path | None) -> TableFormat | AnnotationFormat:
    """The format of this name; without one that of the path's suffix, or else the first.

    Raises:
        OptionError: an unknown name, or one that the path's suffix contradicts, or a path of a file where a folder is
            written.
    """
    formats = formats_of(source)
    if name and name not in formats:
        raise OptionError(f"--format {name} is not known", fix=f"give one of: {', '.join(formats)}")
    is_table = not name or isinstance(formats[name], TableFormat)
    suffix = path.suffix.lower() if path else ""
    if path and is_table and suffix == ".csv":
        fix = f"give a folder: {command('-o', path.with_suffix(''))}"
        raise OptionError(f"{path} is one file, and an export as CSV has a file for each table", fix=fix)
    by_suffix = {one.suffix: one for one in formats.values() if one.suffix}
    if "sqlite" in formats:
        by_suffix[".db"] = formats["sqlite"]
    if path and not is_table and (suffix in by_suffix or suffix in OTHER_SUFFIXES or suffix == ".csv"):
        fix = f"give a folder: {command('-o', path.with_suffix(''))}"
        raise OptionError(f"{path} looks like a file, and --format {name} writes a folder of files", fix=fix)
    if path and suffix in OTHER_SUFFIXES:
        fix = f"give a folder, for CSV, or a file that ends in {', '.join(sorted(by_suffix))}"
        raise OptionError(f"{path} looks like a file of a format that is not written", fix=fix)
    meant = by_suffix.get(suffix)
    if not name:
        return meant or next(iter(formats.values()))
    if meant and meant.name != name:
        raise OptionError(
            f"{path} looks like {meant.name}, not {name}", fix=f"give --format {meant.name}, or another -o"
        )
    return formats[name]
