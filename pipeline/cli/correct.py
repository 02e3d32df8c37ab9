"""The command that corrects an appearance by hand."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from facetally.cli.options import OUT
from facetally.errors import OptionError
from facetally.formatting import command


@click.command()
@OUT
@click.argument("video", required=False)
@click.argument("track", type=click.IntRange(0), required=False)
@click.option(
    "--gender",
    default="",
    metavar="WORD",
    help="female, male, unknown, not_a_face, or ignore: not counted, as it is a poster or a statue.",
)
@click.option(
    "--age", "age_band", default="", metavar="WORD", help="child, teen, young, mid, old, unknown, or an age in years."
)
@click.option("--who", default="", metavar="NAME", help="Your name, stored with the correction.")
@click.option("--undo", is_flag=True, help="Remove the correction of this appearance: it counts as predicted again.")
@click.option("--list", "is_list", is_flag=True, help="List all corrections of the run.")
def correct(
    out: Path, video: str | None, track: int | None, gender: str, age_band: str, who: str, undo: bool, is_list: bool
) -> None:
    """Corrects the machine where it took somebody for another gender or age, or saw a face where none is.

    OUT is the folder that `facetally run` wrote, VIDEO the name of a video in it, or a part of the name, TRACK the
    number of an appearance: the column track_id of tracks/. The correction is stored in OUT/corrections.csv, which you
    can also edit in a spreadsheet. It counts for all videos of the run with the same content. `tally`, `report` and
    `export` count it and say so; `validate` does not, as it measures the machine.

    Example: facetally correct out news.mp4 3 --gender female --who anna
    """
    from facetally.jobs.corrections import correct_track, corrections_of

    if is_list:
        from facetally.cli.printing_corrections import print_corrections

        print_corrections(corrections_of(out))
        return
    if video is None or track is None:
        raise OptionError(
            "no VIDEO and TRACK: which appearance is meant?",
            fix="facetally correct OUT VIDEO TRACK --gender female; or see all corrections: "
            + command("facetally", "correct", out, "--list"),
        )
    click.echo(correct_track(out, video, track, gender=gender, age_band=age_band, who=who, undo=undo))
    tally = command("facetally", "tally", out, "--write")
    click.echo(f"tally, report and export count it so. To bring OUT/tallies/ up to date: {tally}", err=True)
