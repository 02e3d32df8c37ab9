"""How the command line shows errors."""

from __future__ import annotations

from typing import Any

import rich_click as click

from facetally.errors import PipelineError


class Commands(click.RichGroup):
    """Prints a `PipelineError` as two lines, and leaves tracebacks to the program's own mistakes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            click.echo(f"Error: {error.what}", err=True)
            click.echo(f"Fix: {error.fix}", err=True)
            ctx.exit(1)
