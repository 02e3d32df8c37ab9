"""The report of a validation: every figure is described, tables are well-formed, and names are escaped."""

from __future__ import annotations

import copy
import html
import json
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from labelled_world import VIDEO, corpus, person, stored, truth_of
from markdown_it import MarkdownIt

from facetally.errors import OutputError
from facetally.quantification import correction
from facetally.validation.metrics import Figures
from facetally.validation.report import as_markdown, cell, summary_figure, write_json, write_validation
from facetally.validation.validate import ValidateOptions, Validation, validate_run

DESCRIPTIONS = Path(__file__).resolve().parents[3] / "reports" / "validation" / "README.md"
RATIO = {"accuracy", "recall", "share", "low", "high", "right", "count", "refusal"}
"""What <ratio> stands for in a described name; <name> stands for one part or more, other placeholders for one."""
NASTY = "<script>a|b</script> `c` *d* _e_ ~~f~~ [g](h) ![i](j) \\| &amp; <k@l.m>\n\n# n"

Name = tuple[str, ...]
"""The parts of a dotted name; those that come from data may hold dots themselves."""


@pytest.fixture(autouse=True, scope="module")
def few_resamples() -> Iterator[None]:
    """Fewer resamples: these tests do not depend on the ends of intervals."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correction, "RESAMPLES", 50)
        yield


@pytest.fixture(scope="module")
def validation(tmp_path_factory: pytest.TempPathFactory) -> Validation:
    """14 sources of 2 women and a man, labelled mid, predicted young; 5 women misclassified, a man missed."""
    videos = {
        f"s{number:02}/a.mp4": [("female", 0.9, 1.0), ("female", 0.8 if number % 3 else 0.2, 1.0), ("male", 0.1, 1.0)]
        for number in range(14)
    }
    videos["s00/a.mp4"].append(("male", math.nan, 1.0))
    ledger, truth = corpus(tmp_path_factory.mktemp("out"), videos)
    aged = {video: tuple(replace(p, age_band="mid") for p in people) for video, people in truth.people.items()}
    return validate_run(ledger, replace(truth, people=aged), ValidateOptions(labels_sampled=True))


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Validation:
    """A run of one broken video in which someone is labelled by time."""
    ledger = stored(tmp_path_factory.mktemp("out"), {}, failed=[VIDEO])
    return validate_run(ledger, truth_of(person("ann", "female", (0, 2))), ValidateOptions())


@pytest.fixture
def figures(validation: Validation) -> Figures:
    """Figures that may be changed."""
    return copy.deepcopy(validation.figures)


def names_in(figures: Any, before: Name = ()) -> Iterator[Name]:
    """The name of each figure; figures in a list of groups are named after the list."""
    if isinstance(figures, dict) and figures:
        for name, inner in figures.items():
            yield from names_in(inner, (*before, name))
    elif isinstance(figures, list) and figures and isinstance(figures[0], dict):
        for inner in figures:
            yield from names_in(inner, before)
    else:
        yield before


def described() -> list[Name]:
    """The names in the table of the README; a list's meaning gives the names within it."""
    names: list[Name] = []
    _, _, text = DESCRIPTIONS.read_text(encoding="utf-8").partition("## Names in report.json")
    for line in text.splitlines():
        first, _, meaning = line.partition(" | ")
        fields = re.findall(r"`([^`]+)`", meaning) if meaning.startswith("list of") else []
        for name in re.findall(r"`([^`]+)`", first) if first.startswith("| ") else ():
            names += [(*name.split("."), field) for field in fields] or [tuple(name.split("."))]
    return names


def fits(name: Name, pattern: Name) -> bool:
    if pattern[-1] == "<name>":
        name = (*name[: len(pattern) - 1], "<name>")
    return len(name) == len(pattern) and all(
        part in RATIO if wanted == "<ratio>" else wanted.startswith("<") or part == wanted
        for part, wanted in zip(name, pattern, strict=True)
    )


def rendered(figures: Figures) -> str:
    """The page as HTML."""
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(as_markdown(figures)))


def rows_in(page: str) -> list[list[str]]:
    """The cells of all tables of an HTML page, as text."""
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [[html.unescape(c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def test_every_figure_is_described(validation: Validation) -> None:
    patterns = described()
    unknown = {".".join(n) for n in names_in(validation.figures) if not any(fits(n, pattern) for pattern in patterns)}
    assert not unknown


def test_every_described_figure_exists(validation: Validation, tmp_path: Path) -> None:
    refused = validate_run(*corpus(tmp_path, {"a.mp4": [("female", 0.9, 1.0)]}), ValidateOptions()).figures
    names = [*names_in(validation.figures), *names_in(refused)]
    here = [pattern for pattern in described() if pattern[0] != "sample"]  # the others: tests/pipeline/labelling
    assert not {".".join(pattern) for pattern in here if not any(fits(name, pattern) for name in names)}


def test_three_files_are_written(validation: Validation, tmp_path: Path) -> None:
    path = write_validation(validation, tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "report.md"
    assert {file.name for file in path.parent.iterdir()} == {"report.json", "report.md", "validation.png"}
    assert json.loads((path.parent / "report.json").read_text(encoding="utf-8")) == validation.figures
    assert path.read_text(encoding="utf-8") == as_markdown(validation.figures)
    plots = cv2.imread(str(path.parent / "validation.png"))
    assert plots is not None
    assert plots.shape == (720, 990, 3)


def test_the_same_validation_gives_the_same_bytes(validation: Validation, tmp_path: Path) -> None:
    folders = [write_validation(validation, tmp_path / name).parent for name in "ab"]
    for name in ("report.json", "report.md", "validation.png"):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1


def test_a_run_that_found_nobody_still_gives_a_report(nobody: Validation, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = write_validation(nobody, tmp_path).read_text(encoding="utf-8")
    assert "# Validation: not enough labels" in page
    assert "**–** of 0 labelled people" in page
    assert "Not readable, so everyone in them is missed: film/a.mp4." in page
    assert "labelled boxes with a face" not in page


def test_the_plots_show_the_figures(validation: Validation) -> None:
    plots = summary_figure(validation).axes
    heights, reliability, abstention, shares = (
        {(round(x, 4), round(y, 4)) for line in axes.lines for x, y in np.array(line.get_xydata(), float).tolist()}
        for axes in plots
    )
    assert (0, 0.881) in heights
    assert [text.get_text() for text in plots[0].get_xticklabels()] == ["40-79\n(42)"]
    # 14 tracks of 0.1, 5 of 0.2, and 9 of 0.8 with 14 of 0.9: none, all and all of them women
    assert reliability >= {(0.1, 0), (0.2, 1), (0.8609, 1)}
    assert [text.get_text() for text in plots[1].texts] == ["14", "5", "23"]
    assert abstention == {(1.0, 0.881), (0.881, 1.0), (0.6667, 1.0)}
    assert shares >= {(0.5476, 0.12), (0.5476, -0.12), (0.6667, 1.12)}


def test_plots_leave_the_backend_and_the_figures_of_pyplot_alone(
    validation: Validation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    monkeypatch.setattr(mpl, "use", used.append)
    before = mpl.rcParams["backend"], plt.get_fignums()
    write_validation(validation, tmp_path)
    assert (mpl.rcParams["backend"], plt.get_fignums()) == before
    assert used == []


def test_the_figures_are_in_the_tables(validation: Validation) -> None:
    rows = {row[0]: row[1:] for row in rows_in(rendered(validation.figures))}
    assert rows["women"][::2] == ["82.1 %", "23 of 28"]
    assert rows["men"][::2] == ["100.0 %", "14 of 14"]
    assert rows["end to end: a miss is an error"][2] == "37 of 43"
    assert rows["by appearance"] == ["54.8 %", "65.1 %", "-10", "66.7 %", "54.8 %"]
    assert rows["labelled boxes with a face"][::2] == ["97.7 %", "84 of 86"]
    assert rows["40-79"] == ["88.1 %", "75.0 % – 94.8 %", "37 of 42", "1"]


def test_the_identity_of_tracks_has_its_table(figures: Figures) -> None:
    rows = {row[0]: row[1:] for row in rows_in(rendered(figures))}
    assert (rows["IDF1"][0], rows["IDF1"][2]) == ("98.8 %", "86 labelled boxes")  # two of them have no face
    assert rows["tracks that show several people"][::2] == ["0.0 %", "0 of 42"]
    assert rows["IDF1 by person"][0] == "98.8 %"
    assert "B-cubed" not in as_markdown(figures)
    figures["tracking"]["people"] |= {"b_cubed": {"f1": 0.9, "precision": 0.85, "recall": 0.95}, "counted": 40}
    figures["tracking"]["people"]["labelled"] = 42
    rows = {row[0]: row[1:] for row in rows_in(rendered(figures))}
    assert rows["B-cubed F1 of the tracks joined to people"][::2] == ["90.0 %", "40 people counted, 42 labelled"]


def test_tracks_that_mix_people_are_named(figures: Figures) -> None:
    assert "Tracks that show several people:" not in as_markdown(figures)
    figures["tracking"]["mixed_tracks"] = ["a.mp4: track 1: p|0, p1", "b.mp4: track 2: p0, p1"]
    named = "Tracks that show several people: a.mp4: track 1: p&#124;0, p1; b.mp4: track 2: p0, p1."
    assert named in as_markdown(figures)


def test_without_labelled_boxes_there_is_no_table_of_identity(figures: Figures) -> None:
    figures["tracking"]["boxes"] = 0
    assert "No boxes of men or women are labelled" in as_markdown(figures)
    assert "IDF1" not in as_markdown(figures)


def test_every_error_has_its_row_with_its_time(figures: Figures) -> None:
    figures["errors"][0] |= {"first_s": 31.0, "last_s": 3725.9}
    figures["errors"][5] |= {"first_s": None, "last_s": None}
    rows = rows_in(rendered(figures))
    errors = rows[next(place for place, row in enumerate(rows) if row[:3] == ["video", "time", "person"]) :]
    assert errors[1] == ["s00/a.mp4", "0:31-1:02:05", "p1", "female", "male", "0.2", "40", "", "mid"]
    assert errors[6] == ["s00/a.mp4", "–", "p3", "male", "missed", "–", "40", "", "mid"]


def test_every_table_is_well_formed(validation: Validation, nobody: Validation) -> None:
    for validated in (validation, nobody):
        page = as_markdown(validated.figures)
        tables = [list(lines) for is_row, lines in groupby(page.splitlines(), lambda line: line[:1] == "|") if is_row]
        assert all(len({line.count("|") for line in table}) == 1 for table in tables)
        assert rendered(validated.figures).count("<table>") == len(tables) > 8


def test_names_are_text_and_never_markup(figures: Figures) -> None:
    def named(name: str) -> str:
        figures["errors"][0] |= {"video": name, "person": name}
        figures["by"]["face_quality"] = {name: figures["by"]["people_in_view"]["many"]}
        figures["run"]["models"]["classifier"]["name"] = name
        figures["truth"] |= {key: [name, name] for key in ("videos_not_in_run", "videos_failed")}
        figures["unmatched"]["never_alone"] = [name, name]
        figures["share"]["female"]["run"]["em"] = {"share": None, "refusal": name}
        return rendered(figures)

    flat = " ".join(NASTY.split())
    page = named(NASTY)
    assert re.findall(r"</?\w+", page) == re.findall(r"</?\w+", named("plain"))
    assert sum(flat in text for row in rows_in(page) for text in row) == 5
    assert html.unescape(page).count(f"{flat}, {flat}") == 3


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a.mp4", "a.mp4"), ("a|b", "a&#124;b"), ("a\n b\t", "a b"), ("<i>", "&#60;i&#62;"), ("é_ü", "é&#95;ü")],
)
def test_a_cell_is_one_line_without_markup(name: str, shown: str) -> None:
    assert cell(name) == shown


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"verdict": "pass"}, "The interval lies above the target: **pass**."),
        ({"verdict": "fail"}, "The interval lies below the target: **fail**."),
        (
            {"verdict": "not enough labels", "further_people": 900},
            "about 900 more labelled people would be needed, but",
        ),
        ({"verdict": "not enough labels", "further_people": None}, "**no number of labels would decide**"),
    ],
)
def test_the_verdict_is_explained(figures: Figures, changes: Figures, sentence: str) -> None:
    page = as_markdown(figures | changes)
    assert f"# Validation: {changes['verdict']}\n" in page
    assert sentence in page


def test_no_more_labels_are_asked_for_than_the_run_allows(figures: Figures) -> None:
    figures |= {"verdict": "not enough labels", "further_people": 7}
    figures["labelling"]["appearances_left"] = 7
    assert "About 7 more people would decide" in as_markdown(figures)
    figures["labelling"]["appearances_left"] = 6
    assert "the run has only 6 appearances without a label: labelling all of it does not settle it" in as_markdown(
        figures
    )


def test_a_threshold_comes_with_the_command_to_use_it(figures: Figures) -> None:
    assert "No threshold reaches 95.0 %" in as_markdown(figures)
    figures["abstention"]["min_confidence"] = 0.81
    assert "`facetally tally OUT --min-confidence 0.81`" in as_markdown(figures)


def test_corrections_follow_the_share_as_counted(figures: Figures) -> None:
    rows = rows_in(rendered(figures))
    place = rows.index(["method", "share of women", "95 % interval"])
    assert [row[:2] for row in rows[place + 1 : place + 3]] == [["as counted", "54.8 %"], ["adjusted count", "66.7 %"]]


def test_a_refused_correction_gives_the_reason(figures: Figures) -> None:
    refusal = {"share": None, "low": None, "high": None, "refusal": "too alike"}
    figures["share"]["female"]["run"]["em"] = refusal
    assert ["EM", "–", "refused: too alike"] in rows_in(rendered(figures))


def test_a_mix_of_options_is_reported(figures: Figures) -> None:
    assert "The run mixes" not in as_markdown(figures)
    figures["run"]["option_sets"] = 2
    assert "**The run mixes 2 sets of options or weights.**" in as_markdown(figures)


def test_ages_are_shown_only_where_there_are_any(figures: Figures) -> None:
    assert "0.0 % of 42 age bands are correct" in as_markdown(figures)
    figures["age"]["confusion"]["young/mid"] = {"mid": 1, "old": 2}
    rows = rows_in(rendered(figures))
    assert ["mid", "young 42"] in rows
    assert ["young/mid", "mid 1, old 2"] in rows
    figures["age"]["count"] = 0
    assert "The run predicts no ages." in as_markdown(figures)


def test_age_bands_are_listed_by_age(tmp_path: Path) -> None:
    labelled = ("unsure", "old", "young/mid", "child", "young", "mid", "teen")
    ledger, truth = corpus(tmp_path, {"s/a.mp4": [("female", 0.9, 1.0)] * len(labelled)})
    aged = tuple(replace(p, age_band=band) for p, band in zip(truth.people["s/a.mp4"], labelled, strict=True))
    rows = rows_in(rendered(validate_run(ledger, replace(truth, people={"s/a.mp4": aged}), ValidateOptions()).figures))
    by_age = ["child", "teen", "young", "young/mid", "mid", "old"]
    accuracies = rows.index(["age band", "accuracy", "95 % interval", "correct", "missed"])
    assert [row[0] for row in rows[accuracies + 1 : accuracies + 8]] == [*by_age, "unsure"]
    confusion = rows.index(["labelled", "predicted"])
    assert [row[0] for row in rows[confusion + 1 : confusion + 7]] == by_age


def test_a_folder_that_cannot_be_written_is_an_error(validation: Validation, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "validation.png").mkdir(parents=True)
    for folder in ("file", "folder"):
        with pytest.raises(OutputError, match="cannot write") as caught:
            write_validation(validation, tmp_path / folder)
        assert "-o" in caught.value.fix


def test_json_never_contains_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"accuracy": math.nan}, tmp_path / "report.json")
    write_json({"name": "\udcff"}, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == {"name": "\udcff"}


def test_the_report_says_why_shares_are_not_compared_and_which_to_quote(figures: Figures) -> None:
    quote = {"method": "em", "share": 0.45, "low": 0.4, "high": 0.5, "refusal": ""}
    figures["share"]["female"]["quote"] = quote
    assert "To quote: **45.0 %** women (40.0 % – 50.0 %), by the method *EM*." in as_markdown(figures)
    figures["labelling"]["not_compared"] = "somebody has no gender yet"
    assert "shares are not compared: somebody has no gender yet" in as_markdown(figures)
