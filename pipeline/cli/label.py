"""The command that labels a sample of a run in a browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from facetally.cli.browser import announce
from facetally.cli.options import FOLDER, OUT

if TYPE_CHECKING:
    from facetally.jobs.label import Ready
    from facetally.labelling.agreement import Agreement


@click.command()
@OUT
@click.option("-o", "--out", "truth", type=FOLDER, required=True, help="The truth folder; the same command resumes.")
@click.option("--videos", multiple=True, help="Where the run's videos are now, if they were moved or renamed.")
@click.option("--annotator", default="me", show_default=True, help="Who labels; each annotator sees the whole sample.")
@click.option("--appearances", type=click.IntRange(1), help="Draw at most this many.  [default: all, up to 5000]")
@click.option("--moments", type=click.IntRange(0), help="Frames to search for missed people.  [default: 30]")
@click.option("--seed", type=click.IntRange(0), help="Of the draw.  [default: 0]")
@click.option(
    "--uncertain-first",
    is_flag=True,
    help="To find errors: the most uncertain predictions first. No random sample, so there is no verdict.",
)
@click.option("--target", type=float, default=0.85, show_default=True, help="Accuracy that the verdict is about.")
@click.option("--show-predictions", is_flag=True, help="Show what the run predicted. It leads those who label.")
@click.option("--agreement", is_flag=True, help="Do not label: print how far the annotators agree, and on what not.")
@click.option("--settle", is_flag=True, help="Show only what annotators differ about; your label then counts.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the page.  [default: any free one]")
@click.option("--no-browser", is_flag=True, help="Only print the address of the page.")
def label(
    out: Path,
    truth: Path,
    videos: tuple[str, ...],
    annotator: str,
    appearances: int | None,
    moments: int | None,
    seed: int | None,
    uncertain_first: bool,
    target: float,
    show_predictions: bool,
    agreement: bool,
    settle: bool,
    port: int,
    no_browser: bool,
) -> None:
    """Labels a random sample of a run in your browser, until the accuracy is known well enough.

    OUT is the folder that `facetally run` wrote. The page is for this machine only; no picture is stored or sent.

    Example: facetally label out --videos videos/ -o truth
    """
    from facetally.formatting import command
    from facetally.jobs.label import SampleRequest, label_agreement, label_run
    from facetally.labelling.open_items import LabelOptions

    if agreement:
        print_agreement(label_agreement(out, truth), command("facetally", "label", out, "-o", truth, "--settle"))
        return
    done = label_run(
        out,
        truth,
        videos=videos,
        request=SampleRequest(seed, appearances, moments, "uncertain" if uncertain_first else "random"),
        options=LabelOptions(annotator, show_predictions, settle),
        target=target,
        port=port,
        is_ready=lambda ready: _announce(ready, truth, no_browser, settle),
    )
    searched = f", {done.moments} moments searched" if done.moments else ""
    click.echo(f"\n{done.tracks} appearances labelled{searched}: {truth}", err=True)
    if done.verdict:
        click.echo(done.verdict)
    if done.problem:
        click.echo(f"Error: {done.problem}\nFix: {done.fix}", err=True)
        sys.exit(1)
    if done.tracks and not uncertain_first:
        click.echo(f"Next: {command('facetally', 'validate', out, '--truth', truth)}", err=True)


def _announce(ready: Ready, truth: Path, no_browser: bool, settle: bool) -> None:
    if not settle and (resumed := resumed_at(ready)):
        click.echo(resumed, err=True)
    if ready.extension:
        click.echo("{what} {fix}".format(**ready.extension.notice), err=True)
    note = f"Labels are saved in {truth}; Ctrl+C here ends it."
    announce(ready.address, ready.address_once, note, no_browser=no_browser)


def resumed_at(ready: Ready) -> str:
    """Where a labelling is resumed, as a sentence; empty where nothing is labelled yet."""
    if not ready.tracks and not ready.moments:
        return ""
    searched = f", {ready.moments:,} of {ready.moments_drawn:,} moments searched" if ready.moments_drawn else ""
    return f"Resumed: {ready.tracks:,} of {ready.tracks_drawn:,} appearances labelled{searched}."


def print_agreement(found: Agreement, settle: str) -> None:
    """Prints the agreement of each pair of annotators, and what they differ about."""
    from facetally.formatting import clock, percent

    if len(found.annotators) < 2:
        names = found.annotators[0] if found.annotators else "nobody"
        click.echo(f"Agreement needs two annotators; {names} has labelled so far. Label with --annotator NAME.")
        return
    for pair in found.pairs:
        kappa = "–" if pair.kappa != pair.kappa else f"{pair.kappa:.2f}"
        click.echo(
            f"{pair.first} and {pair.second}: {pair.agree} of {pair.both} alike ({percent(pair.share)}), "
            f"Cohen's kappa {kappa}"
        )
    for dispute in found.disputes:
        answers = ", ".join(f"{name}: {answer}" for name, answer in dispute.answers.items())
        click.echo(f"  {dispute.number}  {dispute.video}, {clock(dispute.first_s)}  {answers}")
    if found.disputes:
        click.echo(f"To settle: {settle}", err=True)
