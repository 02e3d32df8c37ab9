"""The command `facetally label`: folders of something else, options that contradict, missing packages."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result
from label_server import DrawnRun, LabelServer

from facetally.cli.label import resumed_at
from facetally.cli.main import main
from facetally.errors import OptionError, TruthError
from facetally.jobs.label import Ready, SampleRequest, open_sample
from facetally.labelling.design import Design
from facetally.labelling.design_file import read_design
from facetally.labelling.journal import Entry, Journal
from facetally.labelling.truth_folder import TruthFolder
from facetally.local_page import check_packages
from facetally.results.ledger import Ledger


def opened(run: DrawnRun, folder: Path, request: SampleRequest | None = None, videos: tuple[str, ...] = ()) -> Design:
    return open_sample(run.ledger, TruthFolder(folder), request or SampleRequest(), videos)[0].design


def label(*words: object) -> Result:
    return CliRunner().invoke(main, ["label", *map(str, words)])


def test_the_sample_is_drawn_once(drawn_run: DrawnRun, tmp_path: Path) -> None:
    first = opened(drawn_run, tmp_path, SampleRequest(seed=3, moments=2))
    assert opened(drawn_run, tmp_path) == first
    assert opened(drawn_run, tmp_path, SampleRequest(seed=3, moments=2)) == first
    assert (len(first.tracks), len(first.moments), first.seed) == (12, 2, 3)


@pytest.mark.parametrize(
    ("request_", "word"),
    [
        (SampleRequest(seed=4), "--seed"),
        (SampleRequest(moments=5), "--moments"),
        (SampleRequest(appearances=5), "--appearances"),
        (SampleRequest(mode="uncertain"), "a random sample"),
    ],
)
def test_another_sample_in_the_same_folder_is_refused(
    drawn_run: DrawnRun, tmp_path: Path, request_: SampleRequest, word: str
) -> None:
    opened(drawn_run, tmp_path)
    before = (tmp_path / "design.json").read_bytes()
    with pytest.raises(OptionError, match=word) as caught:
        opened(drawn_run, tmp_path, request_)
    assert "-o" in caught.value.fix
    assert (tmp_path / "design.json").read_bytes() == before


def test_labels_of_another_run_are_refused(drawn_run: DrawnRun, tmp_path: Path) -> None:
    opened(drawn_run, tmp_path)
    design = json.loads((tmp_path / "design.json").read_text())
    (tmp_path / "design.json").write_text(json.dumps({**design, "run_digest": "0" * 64}))
    with pytest.raises(TruthError, match="another run"):
        opened(drawn_run, tmp_path)


def test_a_folder_with_other_labels_is_refused(drawn_run: DrawnRun, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("video,person,gender\n")
    with pytest.raises(TruthError, match=r"holds people\.csv from elsewhere"):
        opened(drawn_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["people.csv"]


def test_labels_are_not_written_among_the_results_of_a_run(drawn_run: DrawnRun) -> None:
    before = sorted(drawn_run.out.iterdir())
    with pytest.raises(TruthError, match="holds the results of a run"):
        opened(drawn_run, drawn_run.out)
    assert sorted(drawn_run.out.iterdir()) == before


def test_a_journal_without_its_design_is_refused(drawn_run: DrawnRun, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text("{}\n")
    with pytest.raises(TruthError, match=r"restore|design\.json"):
        opened(drawn_run, tmp_path)
    assert (tmp_path / "journal.jsonl").read_text() == "{}\n"


def test_nothing_is_written_when_a_video_is_missing(drawn_run: DrawnRun, tmp_path: Path) -> None:
    done = label(drawn_run.out, "--videos", drawn_run.videos / "a", "-o", tmp_path / "truth")
    assert done.exit_code == 1
    assert "not found in --videos, by name or by content: second.mp4" in done.output
    assert not (tmp_path / "truth").exists()


def test_no_sample_is_drawn_while_the_run_goes_on(drawn_run: DrawnRun, tmp_path: Path) -> None:
    with drawn_run.ledger.locked():
        done = label(drawn_run.out, "-o", tmp_path / "truth")
    assert done.exit_code == 1
    assert "a run is writing" in done.output
    assert "Fix: wait until it is done" in done.output


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    with pytest.raises(OptionError, match="needs the package uvicorn") as caught:
        check_packages("the labelling page", "label")
    assert caught.value.fix == "pip install 'facetally[label]'"


@pytest.mark.parametrize("target", ["0", "1", "85", "nan"])
def test_a_target_is_a_ratio(drawn_run: DrawnRun, tmp_path: Path, target: str) -> None:
    done = label(drawn_run.out, "-o", tmp_path / "truth", "--target", target)
    assert done.exit_code == 1
    assert "is not between 0 and 1" in done.output


@pytest.mark.parametrize("name", ["", " ", "a\nb"])
def test_an_annotator_has_a_name(drawn_run: DrawnRun, tmp_path: Path, name: str) -> None:
    done = label(drawn_run.out, "-o", tmp_path / "truth", "--annotator", name)
    assert done.exit_code == 1
    assert "is no name" in done.output


def test_agreement_is_printed_with_what_is_to_be_settled(drawn_run: DrawnRun, tmp_path: Path) -> None:
    design = opened(drawn_run, tmp_path)
    journal = Journal(tmp_path)
    for name, answer in (("anna", "female"), ("ben", "male")):
        journal.append(Entry(name, 0, "track", "random", "", "", *design.tracks[1].key, {"answer": answer}))
    done = label(drawn_run.out, "-o", tmp_path, "--agreement")
    assert done.exit_code == 0
    assert "anna and ben: 0 of 1 alike (0.0 %), Cohen's kappa 0.00" in done.output
    assert f"  2  {design.tracks[1].video}, " in done.output
    assert f"To settle: facetally label {drawn_run.out} -o {tmp_path} --settle" in done.output


def test_agreement_needs_two_annotators(drawn_run: DrawnRun, tmp_path: Path) -> None:
    opened(drawn_run, tmp_path)
    done = label(drawn_run.out, "-o", tmp_path, "--agreement")
    assert "needs two annotators; nobody has labelled so far" in done.output


@pytest.mark.parametrize(
    ("tracks", "moments", "moments_drawn", "said"),
    [
        (0, 0, 30, ""),
        (25, 3, 30, "Resumed: 25 of 32 appearances labelled, 3 of 30 moments searched."),
        (0, 1, 30, "Resumed: 0 of 32 appearances labelled, 1 of 30 moments searched."),
        (25, 0, 0, "Resumed: 25 of 32 appearances labelled."),
    ],
)
def test_it_is_said_where_a_labelling_is_resumed(tracks: int, moments: int, moments_drawn: int, said: str) -> None:
    assert resumed_at(Ready("address", "once", tracks, 32, moments, moments_drawn)) == said


def test_the_command_says_how_far_its_annotator_is(drawn_run: DrawnRun, tmp_path: Path) -> None:
    design = opened(drawn_run, tmp_path, SampleRequest(moments=2))
    for track in design.tracks[:5]:
        Journal(tmp_path).append(Entry("anna", 0, "track", "random", "", "", *track.key, {"answer": "female"}))
    for name, said in (("anna", ["Resumed: 5 of 12 appearances labelled, 0 of 2 moments searched."]), ("ben", [])):
        server = LabelServer([str(drawn_run.out), "-o", str(tmp_path), "--annotator", name]).start()
        assert [line for line in server.end().splitlines() if line.startswith("Resumed")] == said


def test_a_run_that_grew_extends_the_sample_and_says_so(drawn_run: DrawnRun, tmp_path: Path) -> None:
    out, truth = tmp_path / "out", tmp_path / "truth"
    copytree(drawn_run.out, out)
    ledger = Ledger(out)
    later = next(row for row in ledger.rows() if row.video == "second.mp4")
    held = {name: ledger.path(name, later.video_id).read_bytes() for name in ("videos", "faces", "tracks")}
    ledger.remove(later.video_id)
    first, _ = open_sample(ledger, TruthFolder(truth), SampleRequest(moments=4), ())
    key = first.design.tracks[0].key
    Journal(truth).append(
        Entry("me", 0, "track", "random", "", video_id=key[0], place=key[1], values={"answer": "male"})
    )
    for name, content in held.items():
        ledger.path(name, later.video_id).write_bytes(content)
    sample, extension = open_sample(ledger, TruthFolder(truth), SampleRequest(), ())
    assert extension is not None
    assert "1 video was added to the run after the sample was drawn." in extension.notice["what"]
    assert "includes 6 of the 6 new appearances and 4 new moments" in extension.notice["what"]
    assert sample.design.tracks[0] == first.design.tracks[0]
    assert read_design(truth / "design.json", ledger) == sample.design
    assert open_sample(ledger, TruthFolder(truth), SampleRequest(), ())[1] is None
