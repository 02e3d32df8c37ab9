"""Prints how a run compares with hand labels, or with another run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click
from rich.table import Column, Table

from facetally.cli.printing import add_ratio, console
from facetally.formatting import command, counted, percent, printable
from facetally.quantification.run_shares import METHODS
from facetally.truth.check.checkup import Checkup
from facetally.validation.labelling import exceeds_run
from facetally.validation.metrics import Figures
from facetally.validation.unmatched import Reason, sentences

FEW_SOURCES = 5
"""Of labels; with fewer, intervals from a bootstrap over sources are far too narrow or far too wide."""
UNIT_NAMES = {"share": "appearance", "screen_time": "screen time"}


def print_validation(figures: Figures, out: Path | str = "OUT") -> None:
    """Prints the verdict and the figures it is based on, who cannot be matched, and the figure to quote.

    Args:
        figures: the content of report.json.
        out: the run's folder, for suggested commands.
    """
    _print_accuracy(figures)
    for line in [*_labelling(figures), *_compared(figures), *_quoted(figures)]:
        click.echo(printable(line))
    print_unmatched(sentences(figures["unmatched"], out))
    if sample := figures.get("sample"):
        at = sample["accuracy"]
        click.echo(
            f"All {sample['appearances']} appearances of the run, from {sample['labelled']} labelled at random: "
            f"accuracy {percent(at['share'])}, 95 % interval {percent(at['low'])} – {percent(at['high'])} "
            "however often one looks"
        )
    click.echo(f"Target {percent(figures['target'])}: {figures['verdict']}{_advice(figures, out)}")


def print_unmatched(lines: Iterable[tuple[str, str]], err: bool = False) -> None:
    """Prints who cannot be matched to a track and why, with what to do about it."""
    for line, fix in lines:
        click.echo(f"{printable(line)}\n  Fix: {printable(fix)}", err=err)


def print_check(checkup: Checkup, unmatched: Mapping[Reason, Sequence[str]], out: Path | str) -> None:
    """Prints the findings on stdout, and on stderr how far the labelling is and who cannot be matched.

    Args:
        checkup: the findings.
        unmatched: people to whom no track can be given, by reason.
        out: the run's folder, for suggested commands.
    """
    for finding in checkup.findings:
        click.echo(f"{printable(str(finding))}\n  Fix: {printable(finding.fix)}")
    truth = checkup.truth
    fates = ("cannot be matched to a track", "cannot be matched to a track")
    print_unmatched(sentences(unmatched, out, fates=fates), err=True)
    if note := labelled_so_far(
        len(truth.everybody) - len(truth.unlabelled), len(truth.everybody), truth.sample is not None
    ):
        click.echo(note, err=True)
    left_out = sum(map(len, unmatched.values()))
    people, videos = counted(len(truth.everybody), "person"), counted(len(truth.people), "video")
    more = f", {counted(left_out, 'person')} who cannot be matched" if left_out else ""
    click.echo(f"{people} in {videos}, {counted(len(checkup.findings), 'finding')}{more}", err=True)


def labelled_so_far(labelled: int, of: int, is_drawn: bool) -> str:
    """How far the labelling is; empty where every gender is filled in."""
    what = counted(of, "appearance" if is_drawn else "person")
    return "" if labelled == of else f"{labelled} of {what} labelled so far; the others do not count yet"


def _print_accuracy(figures: Figures) -> None:
    table = Table("", *(Column(name, justify="right") for name in ("correct", "of", "accuracy", "95 % interval")))
    people = figures["people"]
    groups = {
        "people found": people,
        "  women": people["female"],
        "  men": people["male"],
        "  gender predicted": people["predicted"],
        "end to end, a missed person is an error": people["end_to_end"],
        "tracks": figures["tracks"],
    }
    if _is_drawn(figures):  # from what the run found, so nobody is missed; a person is an appearance
        groups = {"appearances": people, **{name: groups[name] for name in list(groups)[1:4]}}
    for label, group in groups.items():
        add_ratio(table, label, group)
    console().print(table)


def _is_drawn(figures: Figures) -> bool:
    return figures["labelling"]["seed"] is not None


def _labelling(figures: Figures) -> Iterable[str]:
    """What the labels are of, how far the labelling is, and what a drawn sample says about false detections."""
    labelling, is_drawn = figures["labelling"], _is_drawn(figures)
    if is_drawn:
        recall = figures.get("sample", {}).get("recall")
        in_view = (
            f"recall of faces in view {percent(recall['share'])}" if recall and recall["share"] is not None else ""
        )
        missed = in_view or "they cannot say whom the run missed"
        yield f"The labels are of appearances drawn at random from {labelling['drawn_from']}; {missed}"
        no_face, of = figures["tracks"]["on_no_face"], counted(labelling["labelled_in_run"], "labelled appearance")
        yield f"{no_face} of {of} {'shows' if no_face == 1 else 'show'} no face"
    if note := labelled_so_far(labelling["labelled"], labelling["of"], is_drawn):
        yield note
    if 1 <= (sources := figures["people"]["sources"]) < FEW_SOURCES:
        yield (
            f"The labels are from {counted(sources, 'source')}, too few for reliable intervals: label videos from "
            "further sources, or write narrower ones (programme, camera, day) in the column source of clips.csv"
        )
    if labelling["not_a_sample"]:
        yield f"The labels do not count as a random sample: {labelling['not_a_sample']}"


def _compared(figures: Figures) -> Iterable[str]:
    """Predicted and labelled shares, or why they are not compared."""
    labelling = figures["labelling"]
    if labelling["not_compared"]:
        yield f"Predicted and labelled shares of women are not compared: {labelling['not_compared']}"
        return
    for name, unit in UNIT_NAMES.items():
        women = figures[name]["female"]
        predicted, true = (percent(women[key]) for key in ("raw", "true"))
        whole = counted(labelling["videos_compared"], "wholly labelled video")
        over = f" (of {whole})" if _is_part(figures) else ""
        yield f"Share of women by {unit}: predicted {predicted}, labelled {true}{_matchable(figures, name)}{over}"
    if nobody := figures["tracks"]["on_nobody_labelled"]:
        show = "shows" if nobody == 1 else "show"
        yield (
            f"{counted(nobody, 'appearance')} in the labelled time {show} nobody who is labelled: "
            "false detections, or people still to label"
        )


def _is_part(figures: Figures) -> bool:
    return bool(figures["labelling"]["videos_compared"] < figures["truth"]["videos"])


def _quoted(figures: Figures) -> Iterable[str]:
    """The one corrected figure for each way to count."""
    quotes = {unit: figures[name]["female"]["quote"] for name, unit in UNIT_NAMES.items()}
    refusals = dict.fromkeys(quote["refusal"] for quote in quotes.values() if quote["refusal"])
    for unit, quote in quotes.items():
        if quote["method"]:
            method = METHODS[quote["method"]]
            yield (
                f"To quote for the whole run, by {unit}: {percent(quote['share'])} women "
                f"({_interval(quote, figures['people']['sources'])}; {method})"
            )
    for refusal in refusals:
        yield f"No corrected share of women for the whole run: {refusal}"


def _interval(quote: Figures, sources: int) -> str:
    """The interval of the figure to quote, or why there is none."""
    if sources < FEW_SOURCES:
        return f"no interval: the labels are from {counted(sources, 'source')}, it needs at least {FEW_SOURCES}"
    return f"95 % interval {percent(quote['low'])} – {percent(quote['high'])}"


def _matchable(figures: Figures, name: str) -> str:
    """The labelled share of the people to whom tracks can be given, where these are not all."""
    if not figures["truth"]["left_out"]:
        return ""
    return f" (people who can be matched: {percent(figures[name]['female']['matchable'])})"


def _advice(figures: Figures, out: Path | str) -> str:
    if figures["exit_code"] != 3:
        return ""
    if not figures["people"]["count"]:
        return "; no labelled man or woman has a track that could be right or wrong"
    more = figures["further_people"]
    if not more:
        return "; more labels would not decide it at this accuracy"
    one, several = ("appearance", "appearances") if _is_drawn(figures) else ("person", "people")
    if text := exceeds_run(figures):
        return f"; {text}"
    return f"; label about {more:,} more {one if more == 1 else several}{_where_from(figures, more, out)}"


def _where_from(figures: Figures, more: int, out: Path | str) -> str:
    """Where more appearances to label come from, if a draw has too few that are not labelled; empty otherwise."""
    labelling = figures["labelling"]
    left = labelling["left_in_run"]
    if not _is_drawn(figures) or more <= left or "sample" in figures:  # that one has drawn the others already
        return ""
    only = f"; only {left:,} {'is' if left == 1 else 'are'} left" if left else "; all that were drawn are labelled"
    drawn, of_run = labelling["of"], labelling["drawn_from"]
    if drawn >= of_run:
        return f"{only}, and the run has no others"
    count, seed = min(drawn + more - left, of_run), labelling["seed"]
    template = command(
        *("facetally", "truth", "template", "--run", out, "--appearances", count, "--seed", seed, "-o", "NEW")
    )
    return f"{only}: draw more, of which the first {drawn:,} are the same: {template}"
