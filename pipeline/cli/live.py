"""The command that looks at a camera, a stream or a file as it comes."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from facetally.cli.browser import announce
from facetally.cli.options import CLASSIFIER, DETECTOR, DEVICE, FOLDER, MODELS_DIR, VERBOSE
from facetally.formatting import command, counted, printable
from facetally.options import Device, RunOptions, Sampling

if TYPE_CHECKING:
    from facetally.detection.faces import ImageArray
    from facetally.jobs.live import Watched
    from facetally.live.views import Status, View, Wish

LINE_S = 1.0
"""Between two status lines on a terminal."""


@click.command()
@click.argument("source", required=False)
@click.option("-o", "--out", type=FOLDER, help="Store the tables of a run in this folder, which must be new or empty.")
@click.option("--page", is_flag=True, help="Show the picture in a browser at 127.0.0.1, not in a window.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.  [default: any free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address of the page.")
@click.option("--headless", is_flag=True, help="Show no picture.")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, help="End after so many seconds.  [default: at q]")
@click.option(
    "--every",
    "every_s",
    type=float,
    help=f"Seconds between two sampled frames; 0: every frame.  [default: {Sampling.every_s}]",
)
@DETECTOR
@CLASSIFIER
@MODELS_DIR
@DEVICE
@click.option("--threads", type=click.IntRange(0), default=1, show_default=True, help="Threads of each network.")
@click.option("--join", is_flag=True, help="Only make the tables of a recording in OUT that was ended by force.")
@VERBOSE
def live(
    source: str | None,
    out: Path | None,
    page: bool,
    port: int,
    no_browser: bool,
    headless: bool,
    seconds: float,
    every_s: float | None,
    detector: str,
    classifier: str,
    models_dir: Path | None,
    device: Device,
    threads: int,
    join: bool,
) -> None:
    """Shows the faces of a camera or a stream as they come, with perceived gender and age; counts appearances.

    SOURCE is the number of a camera (0), /dev/video0, a video file, or an address of rtsp, rtsps, http or https. Its
    picture is shown in a window, or on a page for this machine only where there is no screen. Always the newest frame
    is looked at: what this machine is too slow for is left out and counted. With -o, the tables of a run are stored.
    The detector "none" takes the whole picture for one face.

    Keys: q ends, p pauses, s saves the tables so far.

    Example: facetally live 0 -o out
    """
    import cv2  # noqa: F401 - before PyAV: otherwise its windows hang (both bring a libxcb along)

    from facetally.jobs.live import join_recording, watch
    from facetally.live.sources import parse_source

    if join:
        if out is None or source:
            raise click.UsageError("--join takes the folder of the recording alone: facetally live --join -o OUT")
        _print_tables(join_recording(out).out)
        return
    if source is None:
        raise click.UsageError("Missing argument 'SOURCE': the number of a camera, a file, or an address.")
    shown = parse_source(source).shown
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    watched = watch(
        source,
        out,
        options=RunOptions(detector=detector, classifier=classifier),
        every_s=every_s,
        seconds=seconds,
        device=device,
        threads=threads,
        models_dir=models_dir,
        view=lambda: _View(_chosen_view(shown, out, page=page, port=port, no_browser=no_browser, headless=headless)),
    )
    _print_watched(watched)
    if watched.run:
        _print_tables(watched.run.out)


def _chosen_view(shown: str, out: Path | None, *, page: bool, port: int, no_browser: bool, headless: bool) -> View:
    """A window where there is a screen, else a page.

    Raises:
        OptionError: the packages of the page are missing, or its port is taken.
    """
    from facetally.live.views import NoView
    from facetally.local_page import check_packages

    if headless:
        return NoView()
    if not page:
        from facetally.live.window_view import WindowView, why_no_window

        reason = why_no_window()
        if not reason:
            return WindowView(shown)
        click.echo(f"{reason}: the picture is on a page", err=True)
    check_packages("the page with the live picture", "live", "; or show no picture: --headless")
    from facetally.live.page_view import PageView

    return PageView(
        shown,
        can_save=out is not None,
        port=port,
        is_ready=lambda address, once: announce(address, once, "Ctrl+C here ends it.", no_browser=no_browser),
    )


class _View:
    """A view, and its status on the terminal."""

    def __init__(self, view: View) -> None:
        self._view, self._written_s, self._width = view, 0.0, 0
        self.max_fps = view.max_fps

    def wants_picture(self) -> bool:
        return self._view.wants_picture()

    def show(self, image_bgr: ImageArray, status: Status) -> None:
        self._view.show(image_bgr, status)

    def tell(self, status: Status) -> None:
        self._view.tell(status)
        now_s = time.monotonic()
        if sys.stderr.isatty() and now_s - self._written_s >= LINE_S:
            self._written_s = now_s
            text = f"{status.counts} | {status.speed}"
            click.echo(f"\r{text.ljust(self._width)}", err=True, nl=False)
            self._width = len(text)

    def wishes(self) -> Iterable[Wish]:
        return self._view.wishes()

    def close(self) -> None:
        self._view.close()
        if self._width:
            click.echo(err=True)


def _print_watched(watched: Watched) -> None:
    total = sum(watched.genders.values())
    genders = ", ".join(f"{count} {name}" for name, count in sorted(watched.genders.items()))
    click.echo(f"{counted(total, 'appearance')}{f': {genders}' if genders else ''}")
    median_s, high_s = watched.latency_s
    rate = watched.sampled_count / watched.watched_s if watched.watched_s else 0.0
    click.echo(
        f"{printable(watched.source)}: {watched.watched_s:.1f} s, {counted(watched.frame_count, 'frame')}, {rate:.1f} "
        f"samples per second, {watched.dropped_count} dropped; results {median_s:.2f} s after the frame (median), "
        f"{high_s:.2f} s (95 %)",
        err=True,
    )
    for gap in watched.gaps[:10]:
        click.echo(f"gap from {gap.start_s:.1f} s to {gap.stop_s:.1f} s: {gap.reason}", err=True)


def _print_tables(out: Path) -> None:
    click.echo(f"Tables are in {printable(str(out))}. Next: {command('facetally', 'report', out)}", err=True)
