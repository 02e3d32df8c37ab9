"""How the command line shows errors."""

from __future__ import annotations

from typing import Any

import rich_click as click

from facetally.errors import PipelineError


class Commands(click.RichGroup):
    """A group of commands that prints a `PipelineError` as two lines; only unexpected errors get a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            click.echo(f"Error: {error.what}", err=True)
            click.echo(f"Fix: {error.fix}", err=True)
            ctx.exit(1)
