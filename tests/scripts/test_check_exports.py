"""What a tool has read is compared box by box: what is missing, added, moved or has another gender is counted."""

from __future__ import annotations

import ast
import textwrap

import pytest

from scripts.check_exports.tools import EPILOGUE, PREAMBLE, TOOLS, Row, Tool
from scripts.check_exports.tracks import compared

TOOL = Tool("a tool", ("tool==1",), "cvat", "")
ROWS: list[Row] = [("a.mp4", 0, frame, 1.0, 2.0, 3.0, 4.0, "female") for frame in range(3)]


def test_the_same_boxes_are_the_same() -> None:
    assert compared(TOOL, ROWS, list(ROWS)).is_same


@pytest.mark.parametrize(
    ("found", "name", "count"),
    [
        (ROWS[1:], "missing", 1),
        ([*ROWS, ("a.mp4", 1, 0, 1.0, 2.0, 3.0, 4.0, "female")], "added", 1),
        ([*ROWS, ROWS[0]], "added", 1),
        ([*ROWS[1:], (*ROWS[0][:7], "male")], "other_gender", 1),
        ([*ROWS[1:], (*ROWS[0][:6], 4.5, "female")], "furthest_px", 0.5),
    ],
)
def test_every_difference_is_counted(found: list[Row], name: str, count: float) -> None:
    outcome = compared(TOOL, ROWS, found)
    assert getattr(outcome, name) == count
    assert not outcome.is_same


def test_a_tool_that_reads_nothing_is_not_the_same() -> None:
    assert not compared(TOOL, ROWS, []).is_same


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_program_is_python_with_pinned_packages(tool: Tool) -> None:
    ast.parse(PREAMBLE + textwrap.dedent(tool.program) + EPILOGUE)
    assert all("==" in package for package in tool.packages)
