"""The commands that create, import, export and check hand labels, and that evaluate runs with them."""

from __future__ import annotations

import sys
from pathlib import Path

import rich_click as click

from facetally.cli.options import FINISHED_OUTPUT, FOLDER, OUT
from facetally.errors import OptionError
from facetally.exports.formats import formats_of
from facetally.formatting import command, counted, place

TRUTH = click.option("--truth", "truth_folder", type=FOLDER, required=True, help="Folder with hand labels.")


@click.command()
@OUT
@TRUTH
@click.option(
    "--target", type=float, default=0.85, show_default=True, help="Accuracy over people that the run should reach."
)
@click.option(
    "--min-accuracy",
    type=float,
    default=0.95,
    show_default=True,
    help="Propose a --min-confidence for `facetally tally` with which the known genders reach this accuracy.",
)
@click.option(
    "--labels-sampled",
    is_flag=True,
    help="The labelled videos were drawn at random from the run's: allows one more method of correction.",
)
@click.option("-o", "--out", "report_folder", type=FOLDER, help="Folder for the report.  [default: OUT/validation]")
@click.option("--with-crops", is_flag=True, help="Also write errors.png: face crops of the people misclassified.")
def validate(
    out: Path,
    truth_folder: Path,
    target: float,
    min_accuracy: float,
    labels_sampled: bool,
    report_folder: Path | None,
    with_crops: bool,
) -> None:
    """Checks a run against hand labels: accuracy, intervals, shares, errors, and a verdict on the target.

    OUT is the folder that `facetally run` wrote. Exit codes: 0 pass, 1 fail (or a problem to fix), 3 not enough labels.

    Example: facetally validate out --truth truth --target 0.85
    """
    from facetally.cli.printing_validation import print_validation
    from facetally.jobs.labels import validate_run

    result = validate_run(
        out,
        truth_folder,
        target=target,
        min_accuracy=min_accuracy,
        labels_sampled=labels_sampled,
        report_folder=report_folder,
        with_crops=with_crops,
    )
    print_validation(result.figures, out)
    click.echo(f"All figures: {place(result.report_path)} and report.json beside it", err=True)
    sys.exit(result.exit_code)


@click.command()
@click.argument("run_a", type=FINISHED_OUTPUT)
@click.argument("run_b", type=FINISHED_OUTPUT)
@click.option(
    "--truth",
    "truth_folder",
    type=FOLDER,
    help="Folder with hand labels: also says which run is correct more often.",
)
@click.option(
    "-o", "--out", "path", type=click.Path(path_type=Path, dir_okay=False), help="Also write all figures as JSON."
)
def compare(run_a: Path, run_b: Path, truth_folder: Path | None, path: Path | None) -> None:
    """Compares two runs over the same videos: their shares, and the appearances that differ.

    With labels also: which one is correct more often, and is that more than chance? RUN_A and RUN_B are folders that
    `facetally run` wrote.

    Example: facetally compare out-a out-b

    Example: facetally compare out-a out-b --truth truth
    """
    from facetally.cli.printing_comparison import print_comparison
    from facetally.jobs.labels import compare_runs

    print_comparison(compare_runs(run_a, run_b, truth_folder, path=path), str(run_a), str(run_b))


@click.group(cls=click.RichGroup)
def truth() -> None:
    """Creates, imports, exports and checks hand labels.

    Example: facetally truth template videos/ -o truth
    """


@truth.command("template")
@click.argument("videos", nargs=-1)
@click.option("-o", "--out", type=FOLDER, required=True, help="New folder.")
@click.option(
    "--run",
    type=FOLDER,
    help="Instead of VIDEOS: draw appearances of this run at random. Only their genders are left to fill in.",
)
@click.option("--appearances", type=click.IntRange(1), help="How many to draw from the run.  [default: 40]")
@click.option("--seed", type=click.IntRange(0), help="Of the draw.  [default: 1]")
def truth_template(
    videos: tuple[str, ...], out: Path, run: Path | None, appearances: int | None, seed: int | None
) -> None:
    """Writes a truth folder to fill in: with an empty line for each video, or with appearances drawn from a run.

    Drawn appearances have their times and boxes already, and pictures of their faces with the same numbers.

    Example: facetally truth template videos/ -o truth

    Example: facetally truth template --run out --appearances 40 --seed 1 -o truth
    """
    if bool(videos) == bool(run):
        raise OptionError(
            "both VIDEOS and --run are given" if run else "neither VIDEOS nor --run is given",
            fix="give VIDEOS to label everybody in them, or --run OUT to label appearances drawn from a run",
        )
    if run:
        _write_drawn(run, out, 40 if appearances is None else appearances, 1 if seed is None else seed)
        return
    if appearances is not None or seed is not None:
        raise OptionError("--appearances and --seed need a run", fix="add --run OUT")
    from facetally.inputs import find_videos
    from facetally.truth.formats.importer import write_template

    write_template(find_videos(videos), out)
    click.echo(out / "people.csv")


def _write_drawn(run: Path, out: Path, appearances: int, seed: int) -> None:
    from facetally.jobs.labels import draw_template

    drawn = draw_template(run, out, appearances=appearances, seed=seed)
    click.echo(drawn.people_path)
    first, *_, last = [*drawn.sheets.paths, drawn.sheets.paths[-1]]
    sheets = first.name if first == last else f"{first.name} to {last.name}"
    if missing := drawn.sheets.without_picture:
        click.echo(f"{counted(missing, 'appearance')} without a picture: the video is not where it was", err=True)
    click.echo(
        f"{drawn.drawn_count} of {counted(drawn.appearance_count, 'appearance')}, drawn at random. Their faces are in "
        f"{sheets}, numbered like the lines.\n"
        "Type the gender of each in people.csv, from the top down: female, male, unsure or not_a_face. You may stop "
        "anywhere.\n"
        "If your folders are channels, write the programme of each video as its source in clips.csv.\n"
        f"Then: {command('facetally', 'validate', run, '--truth', out)}",
        err=True,
    )


@truth.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["cvat", "mot", "label-studio", "via", "coco", "datumaro", "csv"]),
    required=True,
    help="CVAT for video 1.1 XML, MOT gt.txt, Label Studio video JSON, VIA 3 project, COCO or Datumaro JSON with "
    "tracks, or a CSV of times in view.",
)
@click.option("-o", "--out", type=FOLDER, required=True, help="New truth folder.")
@click.option("--videos", multiple=True, help="The labelled videos, to read the times of their frames.")
@click.option(
    "--fps", type=float, help="Frames per second, if the videos are not available and their rate is constant."
)
@click.option("--video", help="Name of the labelled video, if the file does not state it.")
@click.option(
    "--attributes",
    type=click.Path(path_type=Path, dir_okay=False),
    help="CSV with the columns person, gender, ...: for MOT, which holds no gender.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    help="Label that means a face in the tool, if there are several; may be repeated. Of other shapes than rectangles "
    "the box around them is taken.",
)
def truth_import(
    files: tuple[Path, ...],
    format_name: str,
    out: Path,
    videos: tuple[str, ...],
    fps: float | None,
    video: str | None,
    attributes: Path | None,
    labels: tuple[str, ...],
) -> None:
    """Converts the labels of other tools into a truth folder.

    Example: facetally truth import job.xml --format cvat --videos videos/ -o truth
    """
    from facetally.inputs import find_videos
    from facetally.truth.files import write_truth
    from facetally.truth.formats.importer import import_truth

    found = find_videos(videos) if videos else ()
    imported = import_truth(files, format_name, found, fps=fps, video=video, attributes=attributes, labels=labels)
    write_truth(imported.truth, out)
    for note in imported.notes:
        click.echo(f"Note: {note}")
    people = counted(len(imported.truth.everybody), "person")
    click.echo(f"{people} in {counted(len(imported.truth.people), 'video')}: {out}")


@truth.command("export")
@click.argument("folder", type=FOLDER)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(formats_of("labels"))),
    required=True,
    help="CVAT for video 1.1 XML, MOTChallenge sequences, Label Studio JSON, or COCO JSON with tracks.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--videos", multiple=True, required=True, help="The labelled videos: labels are placed on their frames.")
@click.option("--force", is_flag=True, help="Also replace files that are there.")
def truth_export(folder: Path, format_name: str, out: Path, videos: tuple[str, ...], force: bool) -> None:
    """Writes hand labels for labelling tools.

    `facetally truth import` reads them back as they were; README.txt says how a tool opens them.

    Example: facetally truth export truth --format cvat --videos videos/ -o for-cvat
    """
    from facetally.cli.printing_export import print_exported, shown_export_progress
    from facetally.jobs.export import export_truth

    with shown_export_progress() as on_video:
        exported = export_truth(folder, format_name, out, videos=videos, force=force, on_video=on_video)
    print_exported(exported)


@truth.command("check")
@click.argument("folder", type=FOLDER)
@click.option("--videos", multiple=True, required=True, help="The labelled videos.")
@click.option("--run", type=FINISHED_OUTPUT, help="A run over these videos: its faces help to check times and boxes.")
@click.option(
    "--fix",
    type=FOLDER,
    metavar="NEW_FOLDER",
    help="Write the fixed labels to this new folder, if all findings can be fixed.",
)
def truth_check(folder: Path, videos: tuple[str, ...], run: Path | None, fix: Path | None) -> None:
    """Checks labels against their videos: names, times, frame rates, rotation, scale; can fix them.

    Exit code 1 if there are findings that were not fixed.

    Example: facetally truth check truth --videos videos/ --run out --fix truth-fixed
    """
    from facetally.cli.printing_validation import print_check
    from facetally.jobs.labels import check_labels
    from facetally.truth.check.checkup import fix_labels
    from facetally.truth.files import write_truth

    check = check_labels(folder, videos, run)
    checkup = check.checkup
    print_check(checkup, check.unmatched, run or "OUT")
    if fix and checkup.findings:
        write_truth(fix_labels(checkup), fix)
        click.echo(fix)
    elif checkup.findings:
        sys.exit(1)
