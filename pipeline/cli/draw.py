"""The command that draws the results of a run onto its videos."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import rich_click as click

from facetally.cli.options import DEVICE, FOLDER, MODELS_DIR, OUT

if TYPE_CHECKING:
    from facetally.cli.printing_draw import DrawingBar
    from facetally.options import Device


@click.command()
@OUT
@click.argument("video", nargs=-1, metavar="[VIDEO]...")
@click.option("--videos", multiple=True, type=FOLDER, help="Folder that the videos were moved to; may be repeated.")
@click.option(
    "-o", "--out", "path", type=FOLDER, default=Path("drawn"), show_default=True, help="The folder for the copies."
)
@click.option("--blur", is_flag=True, help="Cover faces with grey instead of drawing boxes.")
@click.option(
    "--except",
    "uncovered",
    multiple=True,
    metavar="VIDEO:TRACK",
    help="With --blur: leave this track uncovered; may be repeated.",
)
@click.option(
    "--no-search",
    is_flag=True,
    help="With --blur: cover only what the run found, without searching again in more frames; faster.",
)
@click.option("--only-sampled", is_flag=True, help="Draw boxes only on the frames that the run sampled.")
@click.option(
    "--subtitles",
    type=click.Choice(["ass", "srt", "vtt"]),
    help="Write subtitles that say who is in view, instead of videos; ass has boxes, too.",
)
@click.option("--crf", type=int, default=20, show_default=True, help="Quality, 0 (lossless) to 51 (worst).")
@click.option("--height", type=int, default=0, help="Height of the copies in pixels.  [default: that of the video]")
@click.option(
    "--container",
    type=click.Choice(["auto", "mp4", "mkv"]),
    default="auto",
    show_default=True,
    help="Kind of file; auto: mkv for Matroska, and where mp4 cannot hold the sound.",
)
@click.option("--no-audio", is_flag=True, help="Leave the sound out.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@DEVICE
@MODELS_DIR
def draw(
    out: Path,
    video: tuple[str, ...],
    videos: tuple[Path, ...],
    path: Path,
    blur: bool,
    uncovered: tuple[str, ...],
    no_search: bool,
    only_sampled: bool,
    subtitles: Literal["ass", "srt", "vtt"] | None,
    crf: int,
    height: int,
    container: str,
    no_audio: bool,
    force: bool,
    device: Device,
    models_dir: Path | None,
) -> None:
    """Writes copies of the videos with boxes, gender and age at every face, or with all faces covered.

    OUT is the folder that `facetally run` wrote; VIDEO is the name of one of its videos, a part of it, or a glob.
    Boxes move smoothly between sampled frames. Sound is copied as it is. An interrupted command resumes when it is
    given again. The copies show people, unless --blur is given: delete them when you no longer need them.

    Example: facetally draw out --videos videos/ -o drawn/

    Example: facetally draw out interview.mp4 --blur --except interview.mp4:0 -o covered/
    """
    from facetally.cli.printing_draw import print_drawn
    from facetally.jobs.draw import draw_run

    with _shown() as progress:
        drawn = draw_run(
            out,
            path,
            video,
            videos=videos,
            blur=blur,
            uncovered=uncovered,
            only_sampled=only_sampled,
            subtitles=subtitles,
            crf=crf,
            height=height,
            container="" if container == "auto" else container,
            audio=not no_audio,
            search=not no_search,
            device=device,
            models_dir=models_dir,
            force=force,
            progress=progress,
        )
    print_drawn(drawn, path)
    sys.exit(int(bool(drawn.failed)))


@contextmanager
def _shown() -> Iterator[DrawingBar]:
    from facetally.cli.printing_draw import shown_drawing

    with shown_drawing() as progress:
        yield progress
