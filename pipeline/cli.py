"""The command line. Nothing heavy is imported here: each command loads what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import rich_click as click

from pipeline import __version__
from pipeline.child_processes import safe_import_path
from pipeline.cli_models import evaluate, train
from pipeline.cli_options import MODELS_DIR, OUT
from pipeline.cli_predict import predict
from pipeline.cli_run import run, status
from pipeline.cli_truth import compare, truth, validate
from pipeline.errors import PipelineError

MIN_CELL = click.option(
    "--min-cell",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Leave out cells of video, time, gender and age with fewer appearances.",
)
MIN_CONFIDENCE = click.option(
    "--min-confidence",
    type=click.FloatRange(0.5, 1),
    help="Answers below are unknown; `facetally validate` finds it.  [default: as the run had it]",
)
CALIBRATION = click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="Report of `facetally validate`: also shares corrected for the classifier's error.",
)


class Commands(click.RichGroup):
    """Prints a `PipelineError` as two lines, and leaves tracebacks to the program's own mistakes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            click.echo(f"Error: {error.what}", err=True)
            click.echo(f"Fix: {error.fix}", err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="facetally")
@click.pass_context
def main(context: click.Context) -> None:
    """Who is shown in a folder of videos, how much, and how sure are we?

    Example: facetally run videos/ -o out && facetally report out
    """
    context.with_resource(safe_import_path())


@main.command()
@OUT
@click.option("--bin", "bin_text", metavar="LENGTH", help="Length of a time bin: 90s, 15m, 1h.  [default: 15m]")
@click.option(
    "--by",
    type=click.Choice(["all", "video", "time"]),
    default="all",
    show_default=True,
    help="What is printed; the table always has all.",
)
@MIN_CONFIDENCE
@MIN_CELL
@CALIBRATION
def tally(
    out: Path, bin_text: str | None, by: str, min_confidence: float | None, min_cell: int, calibration: Path | None
) -> None:
    """Sums up a run by video, time bin, perceived gender and age: prints it and writes OUT/tallies/.

    Example: facetally tally out --bin 15m --by time
    """
    from pipeline.calibration import run_corrections, run_tracks
    from pipeline.forecast import forecast
    from pipeline.ledger import Ledger, option_sets
    from pipeline.summary import print_corrections, print_tally
    from pipeline.tally import DEFAULT_BIN, parse_bin, tally_videos, without_small_cells, write_tallies

    bin_s = parse_bin(bin_text or DEFAULT_BIN)
    ledger = Ledger(out)
    rows = list(ledger.rows())
    corrected = run_corrections(ledger, rows, calibration) if calibration else {}
    tallies, left_out = without_small_cells(tally_videos(ledger, rows, bin_s, min_confidence), min_cell)
    path = write_tallies(ledger, tallies, bin_s, min_confidence, min_cell)
    print_tally(tallies, by)
    if left_out:
        click.echo(f"{left_out}.", err=True)
    if corrected:
        print_corrections(corrected)
    elif expected := forecast(run_tracks(ledger, rows)["face_height_px"].to_numpy()).sentence:
        click.echo(f"{expected}. To know: facetally truth template, then facetally validate", err=True)
    if (sets := option_sets(rows)) > 1:
        click.echo(f"Note: made with {sets} different sets of options or weights; the sums mix them.", err=True)
    click.echo(f"{len(tallies)} rows in {path}", err=True)


@main.command()
@OUT
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Default: OUT/report.html")
@MIN_CONFIDENCE
@MIN_CELL
@CALIBRATION
def report(
    out: Path, output: Path | None, min_confidence: float | None, min_cell: int, calibration: Path | None
) -> None:
    """Writes a self-contained HTML page: shares, over time, per video, failures, models, method and limits.

    Example: facetally report out
    """
    from pipeline.ledger import Ledger
    from pipeline.report import write_report

    click.echo(write_report(Ledger(out), output, min_confidence, min_cell, calibration))


@main.command()
@click.argument("video", type=click.Path(path_type=Path))
def info(video: Path) -> None:
    """Shows what a video's container says, and whether it decodes to its end.

    Example: facetally info clip.mp4
    """
    from pipeline.summary import print_info

    print_info(video)


@main.group(cls=Commands)
def models() -> None:
    """Lists, verifies, fetches and bundles weights.

    Example: facetally models list
    """


@models.command("list")
@MODELS_DIR
def models_list(models_dir: Path | None) -> None:
    """Shows the known weights, their licences, and which are on this machine.

    Example: facetally models list
    """
    from pipeline.summary import print_models

    print_models(models_dir)


@models.command("verify")
@MODELS_DIR
def models_verify(models_dir: Path | None) -> None:
    """Checks the SHA-256 of all weights on this machine.

    Example: facetally models verify
    """
    from pipeline.weights import located, verified

    for found in located(models_dir).values():
        for path, known in found:
            click.echo(f"ok  {known.name}  {verified(path, known).path}")


@models.command("pull")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Accept the licence without being asked.")
def models_pull(name: str, yes: bool) -> None:
    """Fetches official weights from their makers, after showing their licence.

    Example: facetally models pull scrfd_500m --yes
    """
    from pipeline.weights import cache_folder, downloadable, pull

    model = downloadable(name)
    click.echo(f"{model.name}: {model.note}\nfrom {model.url}\nlicence: {model.licence}", err=True)
    if not yes:
        click.confirm("Is your use within that licence?", abort=True, err=True)
    click.echo(pull(model, cache_folder()).path)


@models.command("bundle")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("facetally-models.zip"),
    show_default=True,
)
@MODELS_DIR
def models_bundle(output: Path, models_dir: Path | None) -> None:
    """Packs the weights of this machine for one without a network: unpack there, set FACETALLY_MODELS to the folder.

    Example: facetally models bundle -o weights.zip
    """
    from pipeline.weights import bundle

    for file in bundle(output, models_dir):
        click.echo(f"{file.name}  {file.path.name}  licence: {file.licence}")
    click.echo(output)


@main.command()
@MODELS_DIR
def doctor(models_dir: Path | None) -> None:
    """Checks the installation: libraries, devices, weights; exit code 1 where something is missing.

    Example: facetally doctor
    """
    from pipeline.doctor import findings

    trouble = False
    for finding in findings(models_dir):
        click.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.text}")
        if not finding.ok:
            click.echo(f"     Fix: {finding.fix}")
            trouble = True
    sys.exit(int(trouble))


for command in (run, status, validate, compare, truth, predict, train, evaluate):
    main.add_command(command)

if __name__ == "__main__":
    main()
