"""The commands of facetally: where each one is, and what its help begins with."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command that is not loaded yet."""

    module: str
    """In `facetally.cli`."""
    help: str
    """The first paragraph of its help."""


COMMANDS = {
    "compact": Command(
        "compact",
        "Joins a run's many small files into a few large ones, in OUT/compacted/, for runs of many thousand videos.",
    ),
    "compare": Command(
        "truth", "Compares two runs over the same videos: their shares, and the appearances that differ."
    ),
    "correct": Command(
        "correct", "Corrects the machine where it took somebody for another gender or age, or saw a face where none is."
    ),
    "doctor": Command(
        "main", "Lists what is missing in the installation and the command that fixes it; exit code 1 if anything is."
    ),
    "draw": Command(
        "draw", "Writes copies of the videos with boxes, gender and age at every face, or with all faces covered."
    ),
    "evaluate": Command(
        "train",
        "Evaluates a classifier on labelled images: accuracy by class, set, group and age, plots, and its worst "
        "mistakes.",
    ),
    "export": Command(
        "export", "Writes a run's tables for spreadsheets and databases, or its tracks for labelling tools."
    ),
    "info": Command("main", "Shows what a video's container states, and whether the video decodes to its end."),
    "label": Command(
        "label", "Labels a random sample of a run in your browser, until the accuracy is known well enough."
    ),
    "live": Command(
        "live",
        "Shows the faces of a camera or a stream as they come, with perceived gender and age; counts appearances.",
    ),
    "models": Command("models", "Lists, verifies, downloads and bundles weights."),
    "predict": Command("predict", "Finds the faces in images and estimates perceived gender and age of each."),
    "report": Command(
        "tally",
        "Writes a self-contained HTML page: shares, groups, over time, per video, failures, models, method and limits.",
    ),
    "run": Command(
        "run", "Finds, tracks and classifies the people in videos; writes Parquet tables and their tallies to OUT."
    ),
    "show": Command("show", "Lists appearances with their clock times, and shows a contact sheet of their faces."),
    "status": Command("run", "Shows the state of a run: what is done, what failed and why, what is left or damaged."),
    "tally": Command(
        "tally", "Sums up runs by group, perceived gender and age, and prints the sums. Files in OUT stay as they are."
    ),
    "train": Command("train", "Trains a classifier by RECIPE and writes its weights, model card and evaluation."),
    "truth": Command("truth", "Creates, imports, exports and checks hand labels."),
    "validate": Command(
        "truth", "Checks a run against hand labels: accuracy, intervals, shares, errors, and a verdict on the target."
    ),
}
"""By name. With these `facetally --help` need not load the commands; a test compares the texts with theirs."""
