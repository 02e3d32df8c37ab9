"""The commands about weights."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from facetally.cli.errors import Commands
from facetally.cli.options import MODELS_DIR


@click.group(cls=Commands)
def models() -> None:
    """Lists, verifies, downloads and bundles weights.

    Example: facetally models list
    """


@models.command("list")
@MODELS_DIR
def models_list(models_dir: Path | None) -> None:
    """Shows the known weights, their licences, and which are on this machine.

    Example: facetally models list
    """
    from facetally.cli.printing_run import print_models

    print_models(models_dir)


@models.command("verify")
@MODELS_DIR
def models_verify(models_dir: Path | None) -> None:
    """Checks the SHA-256 of all weights on this machine.

    Example: facetally models verify
    """
    from facetally.models.weights import located, verified

    for found in located(models_dir).values():
        for path, known in found:
            click.echo(f"ok  {known.name}  {verified(path, known).path}")


@models.command("pull")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Accept the licence without being asked.")
def models_pull(name: str, yes: bool) -> None:
    """Downloads official weights from their makers, after showing their licence.

    Example: facetally models pull scrfd_500m --yes
    """
    from facetally.models.weights import cache_folder, downloadable, pull

    model = downloadable(name)
    click.echo(f"{model.name}: {model.note}\nfrom {model.url}\nlicence: {model.licence}", err=True)
    if not yes:
        click.confirm("Is your use within that licence?", abort=True, err=True)
    click.echo(pull(model, cache_folder()).path)


@models.command("bundle")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("facetally-models.zip"),
    show_default=True,
    help="The .zip file.",
)
@MODELS_DIR
def models_bundle(out: Path, models_dir: Path | None) -> None:
    """Packs all weights for a machine without a network: unpack them there and set FACETALLY_MODELS to that folder.

    Example: facetally models bundle -o weights.zip
    """
    from facetally.models.weights import bundle

    for file in bundle(out, models_dir):
        click.echo(f"{file.name}  {file.path.name}  licence: {file.licence}")
    click.echo(out)
