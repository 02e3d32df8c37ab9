"""How the command line shows errors."""

from __future__ import annotations

from typing import Any

import rich_click as click

from facetally.cli.standard_streams import checked_streams
from facetally.errors import PipelineError
from facetally.formatting import printable
from facetally.problems import MAX_LISTED

HELP_ERRORS: tuple[type[Exception], ...] | type[Exception] = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click 8.2 and later raise for a group without a command: its message is the help, with its lines."""


class Commands(click.RichGroup):
    """A group of commands that prints two lines for each `PipelineError`; only unexpected errors get a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        with checked_streams():
            return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        except click.ClickException as error:
            raise _printable(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            parts = error.parts or (error,)
            for part in parts[:MAX_LISTED]:
                click.echo(f"Error: {printable(part.what)}", err=True)
                click.echo(f"Fix: {printable(part.fix)}", err=True)
            if len(parts) > MAX_LISTED:
                click.echo(f"{len(parts) - MAX_LISTED} more errors are not shown", err=True)
            ctx.exit(1)
        except click.ClickException as error:
            raise _printable(error) from None


def _printable(error: click.ClickException) -> click.ClickException:
    """The error, with names in its message escaped: a shell may have put them there for a `*`."""
    if not isinstance(error, HELP_ERRORS):
        vars(error)["message"] = printable(error.message)  # Final in click, but not used before it is printed
    return error
