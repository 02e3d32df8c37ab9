"""Compares two builds of facetally: each command is run by the one and the other in turn, in a process of its own.

    python -m scripts.benchmark_against --against ../before clips ../shared/videos
    python -m scripts.benchmark_against --against ../before films ../shared/videos
    python -m scripts.benchmark_against --against ../before stills photos/

A build is a checkout with an environment in `.venv`, in which it is installed. Repeats are interleaved and medians
compared, as in `scripts/benchmark/`. On a busy machine compare the processor time: it depends less on what else runs.

`clips` tells the time to the first decoded frame and from the last one to the end of the process, the time of the whole
job, and the largest memory; `films` the time of the whole job in that of decoding alone, as each build's own
`scripts.benchmark films` measures it; `memory` the largest memory over long films; `help` the time of `facetally
--help`, in that of an empty Python; `stills` the time of `facetally predict`, and `evaluate` that of `facetally
evaluate`.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import click

from facetally.inputs import find_videos
from scripts.benchmark_against.builds import BEFORE, OURS, Build
from scripts.benchmark_against.comparison import Run
from scripts.benchmark_against.measurements import (
    Job,
    evaluated,
    films_in_decoding,
    help_times,
    memory,
    predicted,
    start_and_end,
    whole_run,
)
from scripts.long_films import Film, distinct_copy, looped

FEW_CLIPS = 2
"""For the time to the first frame and from the last: one for each of two workers."""


@click.group(help=__doc__)
@click.option("--against", type=click.Path(path_type=Path, exists=True), required=True, help="The other checkout.")
@click.option("--repeats", default=5, show_default=True)
@click.option("--busy", is_flag=True, help="Note in the figures that the machine was busy with other work.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports/benchmarks"), show_default=True)
@click.pass_context
def main(context: click.Context, against: Path, repeats: int, busy: bool, reports: Path) -> None:
    context.obj = Run((Build(BEFORE, against.resolve()), Build(OURS, Path.cwd())), repeats, busy, reports)


@main.command(name="clips")
@click.argument("inputs", nargs=-1, required=True)
@click.option("--every-th", default=1, show_default=True, help="Use every so many clips.")
@click.pass_obj
def clips(run: Run, inputs: tuple[str, ...], every_th: int) -> None:
    """Start, end, whole job and memory of runs over clips."""
    videos = [str(video.path.resolve()) for video in find_videos(inputs)][::every_th]
    few = sorted(videos, key=lambda path: Path(path).stat().st_size)[:FEW_CLIPS]
    jobs: list[Job] = [
        lambda build: start_and_end(build, few),
        lambda build: whole_run(build, videos),
        lambda build: memory(build, videos),
    ]
    run.write("clips", jobs, videos=len(videos))


@main.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option("--count", "counts", type=int, multiple=True, default=[1, 2], show_default=True, help="Films in a job.")
@click.pass_obj
def films(run: Run, inputs: tuple[str, ...], counts: tuple[int, ...]) -> None:
    """The whole job over films of a minute, in decoding them alone."""
    paths = [str(Path(path).resolve()) for path in inputs]
    run.write("films", [partial(films_in_decoding, inputs=paths, count=count) for count in counts])


@main.command(name="memory")
@click.argument("inputs", nargs=-1, required=True)
@click.option("--count", default=1, show_default=True, help="Films in a run.")
@click.option("--minutes", default=60.0, show_default=True, help="Length of each.")
@click.pass_obj
def memory_(run: Run, inputs: tuple[str, ...], count: int, minutes: float) -> None:
    """The largest memory of runs over films of 1080p."""
    with tempfile.TemporaryDirectory() as folder:
        film = looped([video.path for video in find_videos(inputs)], Path(folder) / "film.mp4", minutes, Film())
        films = [str(film), *(str(distinct_copy(film, number)) for number in range(1, count))]
        run.write(f"memory-{count}-films", [lambda build: memory(build, films)], films=count, minutes=minutes)


@main.command(name="help")
@click.pass_obj
def help_(run: Run) -> None:
    """The time of `facetally --help`."""
    run.write("help", [help_times])


@main.command(name="stills")
@click.argument("images", nargs=-1, required=True)
@click.pass_obj
def stills(run: Run, images: tuple[str, ...]) -> None:
    """The time of `facetally predict`."""
    run.write("stills", [lambda build: predicted(build, [str(Path(image).resolve()) for image in images])])


@main.command(name="evaluate")
@click.argument("data")
@click.option("--limit", default=3000, show_default=True)
@click.pass_obj
def evaluate(run: Run, data: str, limit: int) -> None:
    """The time of `facetally evaluate`."""
    run.write("evaluate", [lambda build: evaluated(build, str(Path(data).resolve()), limit)], images=limit)


if __name__ == "__main__":
    main()
