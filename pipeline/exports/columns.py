"""The columns of exported tables: those of the run's tables, and what is added for people and other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from facetally.exports.formats import ExportTable
from facetally.results.tables import FACES, TALLIES, TRACKS, VIDEOS

DESCRIPTION = b"description"
TYPE_NAMES = {"string": "text", "int64": "whole number", "float": "number", "double": "number"}
COLUMNS_HEADER = ("table", "column", "type", "description")


def field(name: str, kind: pa.DataType, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={DESCRIPTION: description})


def _extended(schema: pa.Schema, added: Sequence[pa.Field], described: Mapping[str, str] | None = None) -> pa.Schema:
    """The columns of a table of the run and some more; any value may be missing.

    Args:
        schema: of the run's table.
        added: further columns; one that the table has already is left out.
        described: other descriptions of its columns, by name.
    """
    described = described or {}
    own = [field(f.name, _flat(f.type), described.get(f.name) or f.metadata[DESCRIPTION].decode()) for f in schema]
    return pa.schema([*own, *(f for f in added if f.name not in schema.names)])


def _flat(kind: pa.DataType) -> pa.DataType:
    """The type of a cell: lists are written as text."""
    return pa.string() if pa.types.is_list(kind) else kind


EXPORTED_VIDEOS = _extended(
    VIDEOS,
    [
        field("expected_time", pa.string(), "`expected_s` as players show it: 0:31, 1:02:05"),
        field("decoded_time", pa.string(), "`decoded_s` as players show it"),
        field("corrected_count", pa.int64(), "Appearances of which gender or age band were corrected by hand"),
        field("dropped_count", pa.int64(), "Appearances that were dropped by hand: no face, or to be ignored"),
    ],
    {
        "face_count": "Faces found in sampled frames, before corrections by hand",
        "track_count": "Appearances, before corrections by hand",
        "cuts_s": "Shot cuts: time of the first sampled frame of each new shot, in order, with spaces in between",
    },
)
EXPORTED_TRACKS = _extended(
    TRACKS,
    [
        field("video", pa.string(), "Path within the input folder, or file name"),
        field("first_time", pa.string(), "`first_s` as players show it: 0:31, 1:02:05"),
        field("last_time", pa.string(), "`last_s` as players show it"),
        field("predicted_gender", pa.string(), "What the machine predicted, before corrections by hand"),
        field("predicted_age_band", pa.string(), "What the machine predicted, before corrections by hand"),
        field("corrected_by_hand", pa.int64(), "1: gender or age band were corrected by hand; 0: as predicted"),
    ],
    {
        "gender": "Perceived gender: female, male, unknown; with corrections by hand",
        "age_band": "child 0-12, teen 13-17, young 18-34, mid 35-54, old 55+, unknown; with corrections by hand",
    },
)
EXPORTED_FACES = _extended(
    FACES,
    [
        field("video", pa.string(), "Path within the input folder, or file name"),
        field("time", pa.string(), "`time_s` as players show it: 0:31, 1:02:05"),
    ],
)
EXPORTED_TALLIES = _extended(
    TALLIES,
    [
        field("bin_start_time", pa.string(), "`bin_start_s` as players show it: 0:00, 1:02:05"),
        field("bin_stop_time", pa.string(), "`bin_stop_s` as players show it"),
    ],
)
EXPORTED_CORRECTIONS = pa.schema(
    [
        field("video_id", pa.string(), "The video's id, the same in all tables; empty: the run has no such video"),
        field("video", pa.string(), "Path within the input folder, or file name"),
        field("track_id", pa.int64(), "The appearance in the run; empty: not found again"),
        field("first_s", pa.float64(), "Time of the first face"),
        field("last_s", pa.float64(), "Time of the last face"),
        field("first_time", pa.string(), "`first_s` as players show it"),
        field("last_time", pa.string(), "`last_s` as players show it"),
        field("gender", pa.string(), "The correction: female, male, unknown; not_a_face, ignore: dropped; empty: none"),
        field("age_band", pa.string(), "The correction: an age band, or unknown; empty: none"),
        field("corrected_by", pa.string(), "Who made the correction, as far as stated"),
        field("corrected_on", pa.string(), "When it was made"),
        field("applied", pa.int64(), "1: the correction counts; 0: the run has no such appearance"),
    ]
)


def described(schema: pa.Schema) -> Iterator[tuple[str, str, str]]:
    """Name, type and description of each column."""
    for one in schema:
        yield one.name, TYPE_NAMES[str(one.type)], one.metadata[DESCRIPTION].decode()


def column_rows(tables: Sequence[ExportTable]) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the table of columns, with the columns of `COLUMNS_HEADER`."""
    for table in tables:
        for row in described(table.schema):
            yield (table.name, *row)
