"""Tests runs under faults: kills, damaged files, a full disk, broken outputs, two runs at once, and so on.

    python -m scripts.campaign ../shared/videos --report reports/campaign.json

Every run is `facetally run` in a separate process, as users start it. The full campaign takes about two hours on 2
cores; --kills, --s3-kills, --ray-kills, --mutants, --minutes, --live-minutes and --examples shorten it. The same seed
gives the same faults. The report is rewritten after each part, as JSON and, beside it, in Markdown.
"""

from __future__ import annotations

import inspect
import random
import sys
import tempfile
import time
from datetime import date
from functools import partial
from pathlib import Path

import click

from facetally.inputs import find_videos
from scripts.campaign.broken_output import broken_outputs, full_disk, two_runs, vanished_folder
from scripts.campaign.damaged_input import damaged_files, parsers
from scripts.campaign.kills import killed_ray_runs, killed_runs
from scripts.campaign.long_videos import live_picture, long_video
from scripts.campaign.report import Result, earlier_parts, print_table, write_report
from scripts.campaign.runs import unbroken_run
from scripts.campaign.storage import s3_killed_runs
from scripts.clip_links import linked

FILE = click.Path(path_type=Path, dir_okay=False)
KILLED_CLIPS = 40
RAY_CLIPS = 10
S3_CLIPS = 10


@click.command(help=__doc__)
@click.argument("videos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--kills", default=200, show_default=True)
@click.option("--s3-kills", default=50, show_default=True, help="Of runs from S3 to S3; 0: none.")
@click.option("--ray-kills", default=50, show_default=True, help="Of runs on Ray; 0: none.")
@click.option("--mutants", default=2000, show_default=True)
@click.option("--minutes", default=60.0, show_default=True, help="Length of the 1080p video; 0: no such video.")
@click.option("--live-minutes", default=20.0, show_default=True, help="Length of the live picture; 0: none.")
@click.option("--examples", default=5000, show_default=True, help="For each parser of labels, settings and names.")
@click.option("--seed", default=0, show_default=True)
@click.option("--report", type=FILE, help="JSON to write.")
@click.option("--part", "only", multiple=True, help="Run only this part; the report keeps its results of the others.")
def main(
    videos: Path,
    kills: int,
    ray_kills: int,
    s3_kills: int,
    mutants: int,
    minutes: float,
    live_minutes: float,
    examples: int,
    seed: int,
    report: Path | None,
    only: tuple[str, ...],
) -> None:
    clips = sorted((video.path for video in find_videos([str(videos)])), key=lambda path: path.stat().st_size)
    results: dict[str, Result] = earlier_parts(report) if report and only else {}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        small = linked(clips[:KILLED_CLIPS], folder / "clips")
        whole = unbroken_run(small, folder / "unbroken")
        parts: dict[str, partial[Result]] = {
            "kills": partial(killed_runs, small, folder / "kills", whole, kills, random.Random(f"{seed} kills")),
            "damaged files": partial(
                damaged_files, clips[:KILLED_CLIPS], folder / "mutants", mutants, random.Random(f"{seed}")
            ),
            "full disk": partial(full_disk, small, folder / "disk", whole),
            "broken outputs": partial(broken_outputs, small, folder / "unbroken"),
            "vanished folder": partial(vanished_folder, small, folder / "gone"),
            "two runs at once": partial(two_runs, small, folder / "lock", whole),
        }
        if s3_kills:
            few, rng = linked(clips[:S3_CLIPS], folder / "few"), random.Random(f"{seed} S3 kills")
            parts["kills over S3"] = partial(s3_killed_runs, few, folder / "s3", s3_kills, rng)
        if ray_kills:
            ten, rng = linked(clips[:RAY_CLIPS], folder / "ten"), random.Random(f"{seed} ray")
            parts["kills on Ray"] = partial(killed_ray_runs, ten, folder / "ray", ray_kills, rng)
        if minutes:
            parts["long video"] = partial(long_video, clips, folder / "long", minutes)
        if live_minutes:
            parts["live picture"] = partial(live_picture, clips, folder / "live", live_minutes)
        if examples:
            parts["parsers"] = partial(parsers, examples)
        if unknown := set(only) - set(parts):
            given, known = ", ".join(sorted(unknown)), ", ".join(parts)
            raise click.BadParameter(f"{given}; choose from: {known}", param_hint="--part")
        for name in only or parts:
            part = parts[name]
            started_s = time.monotonic()
            result = part()
            result["minutes taken"] = round((time.monotonic() - started_s) / 60, 1)
            results[name] = {"what": inspect.getdoc(part.func), **result, "date": str(date.today())}
            if report:
                write_report(results, report)
    print_table(results)
    if not all(result["passed"] for result in results.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
