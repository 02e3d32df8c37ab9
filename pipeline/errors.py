"""Errors that a user can fix: each states what is wrong and what to do about it."""

from __future__ import annotations


class PipelineError(Exception):
    """A problem with the inputs, options or installation, not a bug in the program.

    Args:
        what: what is wrong, naming the file, option or value.
        fix: what to do about it; a command where one helps.
    """

    def __init__(self, what: str, *, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.what, self.fix)


def _rebuilt(kind: type[PipelineError], what: str, fix: str) -> PipelineError:
    return kind(what, fix=fix)


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
