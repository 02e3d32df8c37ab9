"""The command line. A command is loaded when it is used, and loads heavy libraries only when it runs."""

from __future__ import annotations

import sys

from facetally.cli.starting import quiet_until_started

with quiet_until_started():  # loading takes a moment
    from pathlib import Path

    import rich_click as click

    from facetally import __version__
    from facetally.child_processes import safe_import_path
    from facetally.cli.commands import COMMANDS
    from facetally.cli.errors import Commands
    from facetally.cli.lazy import LazyCommands
    from facetally.cli.options import MODELS_DIR, VERBOSE
    from facetally.formatting import printable


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facetally")
@VERBOSE
@click.pass_context
def main(context: click.Context) -> None:
    """Who appears in a folder of videos, for how long, and how sure can you be?

    Example: facetally run videos/ -o out && facetally report out
    """
    context.with_resource(safe_import_path())


main.commands = LazyCommands(COMMANDS)


@main.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--stream", type=click.IntRange(0), help="Which of its video streams, from 0.")
def info(video: Path, stream: int | None) -> None:
    """Shows what a video's container states, and whether the video decodes to its end.

    Example: facetally info clip.mp4
    """
    from facetally.cli.printing_run import print_info

    print_info(video, -1 if stream is None else stream)


@main.command()
@MODELS_DIR
def doctor(models_dir: Path | None) -> None:
    """Lists what is missing in the installation and the command that fixes it; exit code 1 if anything is.

    Example: facetally doctor
    """
    from facetally.models.doctor import findings

    found = list(findings(models_dir))
    for finding in found:
        click.echo(f"{finding.status:<7}  {printable(finding.text)}")
        if finding.fix:
            click.echo(f"         Fix: {printable(finding.fix)}")
    sys.exit(int(any(finding.fix for finding in found)))


if __name__ == "__main__":
    main()
