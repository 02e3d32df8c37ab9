"""The commands about hand labels: making and mending them, and checking runs against them."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from facetally.cli.options import FOLDER, OUT

TRUTH = click.option("--truth", "truth_folder", type=FOLDER, required=True, help="Folder with hand labels.")


@click.command()
@OUT
@TRUTH
@click.option("--target", type=float, default=0.85, show_default=True, help="Accuracy over people to be shown.")
@click.option(
    "--min-accuracy",
    type=float,
    default=0.95,
    show_default=True,
    help="Find the confidence below which answers should be unknown, for this accuracy.",
)
@click.option(
    "--labels-sampled",
    is_flag=True,
    help="The labelled videos were drawn at random from the run's: a sharper correction.",
)
@click.option("-o", "--output", type=FOLDER, help="Folder for the report.  [default: OUT/validation]")
@click.option("--with-crops", is_flag=True, help="Also errors.png: pictures of the people told wrong.")
def validate(
    out: Path,
    truth_folder: Path,
    target: float,
    min_accuracy: float,
    labels_sampled: bool,
    output: Path | None,
    with_crops: bool,
) -> None:
    """Checks a run against hand labels: accuracy, intervals, shares, errors, and a verdict on the target.

    Exit codes: 0 pass, 1 fail (or something to mend), 3 not enough labels.

    Example: facetally validate out --truth labels --target 0.85
    """
    from facetally.cli.printing import print_validation
    from facetally.results.ledger import Ledger
    from facetally.truth.files import read_truth
    from facetally.validation.contact_sheet import write_contact_sheet
    from facetally.validation.report import write_validation
    from facetally.validation.validate import ValidateOptions, validate_run

    options = ValidateOptions(target, min_accuracy, labels_sampled)
    ledger = Ledger(out)
    validation = validate_run(ledger, read_truth(truth_folder), options)
    folder = output or out / "validation"
    path = write_validation(validation, folder)
    print_validation(validation.figures)
    if with_crops:
        write_contact_sheet(ledger, validation, folder / "errors.png")
    click.echo(f"Every figure: {path} and report.json beside it", err=True)
    sys.exit(validation.figures["exit_code"])


@click.command()
@click.argument("run_a", type=FOLDER)
@click.argument("run_b", type=FOLDER)
@TRUTH
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Also write all figures as JSON.")
def compare(run_a: Path, run_b: Path, truth_folder: Path, output: Path | None) -> None:
    """Says which of two runs over the same videos is right more often, and whether that is more than chance.

    Example: facetally compare out-a out-b --truth labels
    """
    from facetally.cli.printing import print_comparison
    from facetally.results.ledger import Ledger
    from facetally.truth.files import read_truth
    from facetally.validation.compare import compare_runs
    from facetally.validation.report import write_json

    figures = compare_runs(Ledger(run_a), Ledger(run_b), read_truth(truth_folder))
    print_comparison(figures, str(run_a), str(run_b))
    if output:
        write_json(figures, output)


@click.group(cls=click.RichGroup)
def truth() -> None:
    """Makes, imports and checks hand labels.

    Example: facetally truth template videos/ -o labels
    """


@truth.command("template")
@click.argument("videos", nargs=-1, required=True)
@click.option("-o", "--output", type=FOLDER, required=True, help="New folder.")
def truth_template(videos: tuple[str, ...], output: Path) -> None:
    """Writes an empty truth folder to fill in, with a line for each video.

    Example: facetally truth template videos/ -o labels
    """
    from facetally.inputs import find_videos
    from facetally.truth.formats.importer import write_template

    write_template(find_videos(videos), output)
    click.echo(output / "people.csv")


@truth.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["cvat", "mot", "label-studio", "csv"]),
    required=True,
    help="CVAT for video 1.1 XML, MOT gt.txt, Label Studio video JSON, or a CSV of intervals.",
)
@click.option("-o", "--output", type=FOLDER, required=True, help="New truth folder.")
@click.option("--videos", multiple=True, help="The labelled videos: frames get their true times from them.")
@click.option(
    "--fps", type=float, help="Frames per second, where the videos are not at hand and their rate is constant."
)
@click.option("--video", help="Name of the one labelled video, where the file does not say it.")
@click.option(
    "--attributes",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV with person, gender, ...: for MOT, which has none.",
)
def truth_import(
    files: tuple[Path, ...],
    format_name: str,
    output: Path,
    videos: tuple[str, ...],
    fps: float | None,
    video: str | None,
    attributes: Path | None,
) -> None:
    """Turns the labels of other tools into a truth folder.

    Example: facetally truth import job.xml --format cvat --videos videos/ -o labels
    """
    from facetally.inputs import find_videos
    from facetally.truth.files import write_truth
    from facetally.truth.formats.importer import import_truth

    found = find_videos(videos) if videos else ()
    imported = import_truth(files, format_name, found, fps, video, attributes)
    write_truth(imported.truth, output)
    for note in imported.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(
        f"{sum(map(len, imported.truth.people.values()))} people in {len(imported.truth.people)} videos: {output}"
    )


@truth.command("check")
@click.argument("folder", type=FOLDER)
@click.option("--videos", multiple=True, required=True, help="The labelled videos.")
@click.option("--run", type=FOLDER, help="A run over them: its faces tell how times and boxes were meant.")
@click.option("--fix", type=FOLDER, metavar="NEW_FOLDER", help="Write the labels there with all of it put right.")
def truth_check(folder: Path, videos: tuple[str, ...], run: Path | None, fix: Path | None) -> None:
    """Checks labels against the videos they are of: names, times, frame rates, rotation, scale; can mend them.

    Exit code 1 where something is wrong and was not mended.

    Example: facetally truth check labels --videos videos/ --run out --fix labels-fixed
    """
    from facetally.truth.check.checkup import check_folder, fix_labels
    from facetally.truth.files import write_truth

    checkup = check_folder(folder, videos, run)
    for finding in checkup.findings:
        click.echo(f"{finding}\n  Fix: {finding.fix}")
    people = sum(map(len, checkup.truth.people.values()))
    click.echo(f"{people} people in {len(checkup.truth.people)} videos, {len(checkup.findings)} findings", err=True)
    if fix and checkup.findings:
        write_truth(fix_labels(checkup), fix)
        click.echo(fix)
    elif checkup.findings:
        sys.exit(1)
