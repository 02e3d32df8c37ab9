"""Collects the errors in files that people wrote, so that all of them are shown at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from facetally.errors import PipelineError

MAX_LISTED = 50
"""Errors that are listed; more are only counted."""

Value = TypeVar("Value")
Default = TypeVar("Default")


class Problems:
    """The errors found so far.

    Args:
        place: what they are in, for the error that names all of them: "the labels".
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.errors: list[PipelineError] = []

    def add(self, error: PipelineError) -> None:
        """Adds an error, or each of several that were raised as one."""
        self.errors += error.parts or (error,)

    def attempt(self, read: Callable[[], Value], default: Default) -> Value | Default:
        """What `read` returns; the default if it raises an error, which is added."""
        try:
            return read()
        except PipelineError as error:
            self.add(error)
            return default

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Adds the error that the block raises, if any, and goes on after the block."""
        try:
            yield
        except PipelineError as error:
            self.add(error)

    def raise_any(self) -> None:
        """Raises the errors, if there are any.

        Raises:
            PipelineError: the one error, or all as the parts of one, of the kind of the first.
        """
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            listed = self.errors[:MAX_LISTED]
            more = f"; and {len(self.errors) - MAX_LISTED} more" if len(self.errors) > MAX_LISTED else ""
            texts = "; ".join(error.what for error in listed)
            raise type(self.errors[0])(
                f"{len(self.errors)} errors in {self.place}: {texts}{more}",
                fix="correct these lines, then run the same command again",
                parts=self.errors,
            )
