"""All errors of a file at once, each with its own fix."""

from __future__ import annotations

import pytest

from facetally.errors import OutputError, PipelineError, TruthError
from facetally.problems import MAX_LISTED, Problems


def wrong(text: str) -> OutputError:
    return OutputError(text, fix=f"mend {text}")


def found(*errors: PipelineError) -> Problems:
    problems = Problems("people.csv")
    for error in errors:
        problems.add(error)
    return problems


def test_without_errors_nothing_is_raised() -> None:
    found().raise_any()


def test_one_error_is_raised_as_it_is() -> None:
    error = wrong("a")
    with pytest.raises(OutputError) as caught:
        found(error).raise_any()
    assert caught.value is error


def test_several_errors_are_the_parts_of_one_of_the_same_kind() -> None:
    with pytest.raises(OutputError, match=r"3 errors in people\.csv: a; b; c") as caught:
        found(wrong("a"), found_together(wrong("b"), wrong("c"))).raise_any()
    assert [part.fix for part in caught.value.parts] == ["mend a", "mend b", "mend c"]


def found_together(*errors: PipelineError) -> PipelineError:
    with pytest.raises(PipelineError) as caught:
        found(*errors).raise_any()
    return caught.value


def test_the_text_of_very_many_errors_is_cut_short() -> None:
    error = found_together(*(wrong(f"e{i}") for i in range(MAX_LISTED + 3)))
    assert error.what.endswith("; and 3 more")
    assert len(error.parts) == MAX_LISTED + 3


def test_work_goes_on_after_an_error() -> None:
    problems = Problems("people.csv")

    def fail() -> int:
        raise TruthError("a", fix="b")

    with problems.collected():
        fail()
    assert problems.attempt(fail, None) is None
    assert problems.attempt(lambda: 3, None) == 3
    assert len(problems.errors) == 2
