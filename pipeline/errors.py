"""Errors that a user can fix: each states what is wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from facetally.formatting import printable


class PipelineError(Exception):
    """A problem with the inputs, options or installation, not a bug in the program.

    Both texts become one printable line: a file's name or content in them cannot forge another line or colour a
    terminal.

    Args:
        what: what is wrong, naming the file, option or value.
        fix: what to do about it; a command where one helps.
        parts: where there are several problems at once, such as all errors of a file: each of them.
    """

    def __init__(self, what: str, *, fix: str, parts: Sequence[PipelineError] = ()) -> None:
        self.what = printable(what)
        self.fix = printable(fix)
        super().__init__(self.what)
        self.parts = tuple(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.what, self.fix, self.parts)


def _rebuilt(kind: type[PipelineError], what: str, fix: str, parts: Sequence[PipelineError] = ()) -> PipelineError:
    return kind(what, fix=fix, parts=parts)


class VideoError(PipelineError):
    """A file that is not a video, or that cannot be read."""


class ModelError(PipelineError):
    """Weights that are missing, damaged or of the wrong kind."""


class MissingModelError(ModelError):
    """Known weights that are not on this machine."""


class TruthError(PipelineError):
    """Labels that cannot be used."""


class OptionError(PipelineError):
    """An option with a value that is not valid."""


class OutputError(PipelineError):
    """An output folder that cannot be read or written."""


class StorageError(OutputError):
    """An object storage that cannot be reached, or that refuses what is asked of it."""
