"""Shares of women in a run are corrected by a validation, in memory and from its file; expected values by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from labelled_world import CLASSIFIER, stored, track_outcome, track_row

from facetally.errors import TruthError
from facetally.quantification.intervals import Interval
from facetally.quantification.run_shares import (
    METHODS,
    _source_names,
    as_figures,
    classifier_sha256,
    corrections,
    known_sources,
    numbered_source,
    read_calibration,
    run_corrections,
    run_tracks,
    sources_by_content,
)
from facetally.results.ledger import VideoRow
from facetally.validation.outcomes import TrackOutcome, labelled_tracks

MODELS = {"classifier": {"sha256": CLASSIFIER}}
LABELLED = labelled_tracks(
    track_outcome(gender, 0.9 if number < predicted_female else 0.2, f"s{number % 5}", seconds=2.0)
    for gender, predicted_female in (("female", 8), ("male", 1))
    for number in range(10)
)
"""10 women of whom 8 are predicted female, and 10 men of whom 1 is."""


def run_of(*groups: tuple[int, float, float, str]) -> pd.DataFrame:
    """The tracks of a run from (count, female_prob, seconds, source)."""
    rows = [(prob, seconds, 40.0, source) for count, prob, seconds, source in groups for _ in range(count)]
    return pd.DataFrame(rows, columns=["female_prob", "screen_time_s", "face_height_px", "source"])


def report(folder: Path, labelled: pd.DataFrame = LABELLED, models: dict[str, Any] = MODELS) -> Path:
    """The report.json of a validation."""
    (folder / "report.json").write_text(json.dumps({"verdict": "pass", "calibration": as_figures(labelled, models)}))
    return folder / "report.json"


def test_only_tracks_of_labelled_men_and_women_are_used() -> None:
    others = (track_outcome(truth, 0.9) for truth in ("unsure", "ignore", "not_a_face", "nobody"))
    tracks: Sequence[TrackOutcome] = [
        track_outcome("female", 0.3, "tv", seconds=7),
        track_outcome("male", 0.1),
        *others,
    ]
    assert labelled_tracks(tracks).values.tolist() == [[0.3, True, 7.0, "tv"], [0.1, False, 2.0, "s"]]


def test_the_tracks_of_a_run_come_with_their_sources(tmp_path: Path) -> None:
    videos = {"a/x.mp4": [track_row(0, 0.75, 2, 20), track_row(1, 0.25, 3, 30)], "b/y.mp4": [track_row(0, 0.5, 4, 40)]}
    ledger = stored(tmp_path, {**videos, "b/empty.mp4": []}, failed=["c/bad.mp4"])
    by_folder = run_tracks(ledger, ledger.rows())
    assert by_folder.values.tolist() == [[0.75, 2.0, 20.0, "a"], [0.25, 3.0, 30.0, "a"], [0.5, 4.0, 40.0, "b"]]
    known = run_tracks(ledger, ledger.rows(), {"b/y.mp4": "news"})
    assert known["source"].tolist() == ["a", "a", "news"]


@pytest.mark.parametrize("failed", [["a.mp4"], []])
def test_a_run_without_tracks_has_nothing_to_correct(tmp_path: Path, failed: list[str]) -> None:
    ledger = stored(tmp_path, {} if failed else {"b.mp4": []}, failed=failed)
    tracks = run_tracks(ledger, ledger.rows())
    assert (len(tracks), list(tracks)) == (0, ["female_prob", "screen_time_s", "face_height_px", "source"])
    assert corrections(LABELLED, tracks, "appearances") == {}


def test_the_adjusted_count_inverts_the_recalls() -> None:
    run = run_of((45, 0.9, 1, "a"), (55, 0.2, 1, "b"))
    corrected = corrections(LABELLED, run, "appearances")
    assert corrected["raw"].share == pytest.approx(0.45)
    assert corrected["adjusted_count"].share == pytest.approx(0.5)  # (0.45 - 0.1) / (0.8 - 0.1)
    # mean predictions: women 0.8 * 0.9 + 0.2 * 0.2 = 0.76, men 0.1 * 0.9 + 0.9 * 0.2 = 0.27, the run 0.515
    assert corrected["probabilistic_adjusted_count"].share == pytest.approx(0.5)
    assert set(corrected) == METHODS.keys() - {"prediction_powered"}


def test_tracks_are_weighted_by_screen_time() -> None:
    run = run_of((1, 0.9, 6, "a"), (2, 0.2, 1, "b"))
    assert corrections(LABELLED, run, "appearances")["raw"].share == pytest.approx(1 / 3)
    assert corrections(LABELLED, run, "screen_time_s")["raw"].share == 0.75


def test_labels_are_weighted_by_screen_time_too() -> None:
    longer = LABELLED.assign(screen_time_s=[6.0 if prob > 0.5 else 4.0 for prob in LABELLED["female_prob"]])
    run = run_of((1, 0.9, 1, "a"), (1, 0.2, 1, "b"))
    # recalls 48 of 56 s and 6 of 42 s: (1/2 - 1/7) / (6/7 - 1/7)
    assert corrections(longer, run, "screen_time_s")["adjusted_count"].share == pytest.approx(0.5)
    assert corrections(longer, run, "appearances")["adjusted_count"].share == pytest.approx(4 / 7)  # 0.4 / 0.7


def test_a_source_in_labels_and_run_is_resampled_in_both_together() -> None:
    # each source is half women, so if drawn together, the error of the labels always offsets that of the run
    labelled = labelled_tracks(
        track_outcome(gender, 0.1 * (source + (gender == "male")), f"s{source}")
        for source in range(6)
        for gender in ("female", "male")
    )
    for unit in ("appearances", "screen_time_s"):
        powered = corrections(labelled, labelled, unit, labels_sampled=True)["prediction_powered"]
        assert powered.share == pytest.approx(0.5)
        assert powered.interval is not None
        assert (powered.interval.low, powered.interval.high) == pytest.approx((0.5, 0.5))


def test_too_few_labels_are_refused_with_a_reason() -> None:
    corrected = corrections(labelled_tracks([]), run_of((9, 0.9, 1, "a"), (1, 0.2, 1, "b")), "appearances")
    assert corrected["raw"].share == pytest.approx(0.9)
    assert all("0 and 0" in correction.refusal for name, correction in corrected.items() if name != "raw")


def test_a_report_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = report(tmp_path)
    for given in (path, tmp_path):
        back = read_calibration(given, MODELS)
        columns = ["female_prob", "is_female", "screen_time_s"]
        pd.testing.assert_frame_equal(back[columns], LABELLED[columns])
        assert back["source"].tolist() == [number % 5 for number in range(10)] * 2


def test_a_report_contains_no_names(tmp_path: Path) -> None:
    kept = json.loads(report(tmp_path, labelled_tracks([track_outcome("female", 1 / 3, "secret", 1 / 3)])).read_text())
    assert kept["calibration"] == {
        **{"classifier_sha256": CLASSIFIER, "female_prob": [0.3333], "is_female": [True]},
        **{"screen_time_s": [0.333], "source": [0]},
    }


def test_sources_are_kept_by_the_content_of_videos_and_never_by_name() -> None:
    labelled = labelled_tracks(track_outcome("female", 0.9, source) for source in ("b", "a", "b"))
    found = sources_by_content(labelled, {"hash-a": "a", "hash-of-nobody": "c", "hash-b": "b", "hash-b2": "b"})
    assert found == {"hash-a": 1, "hash-b": 0, "hash-b2": 0, "hash-of-nobody": 2}


def test_a_run_has_the_sources_of_its_labels_where_it_has_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"sources": {"same": 3}}))
    rows = [VideoRow(name, name, "/in", "ok", content_sha256=sha) for name, sha in (("a", "same"), ("b", "other"))]
    assert known_sources(tmp_path, rows) == {"a": numbered_source(3)}
    for content in ("{}", '{"sources": [1]}', '{"sources": {"same": "a"}}'):
        (tmp_path / "report.json").write_text(content)
        assert known_sources(tmp_path, rows) == {}


def test_labels_and_run_of_one_source_are_one_cluster_and_no_folder_is_taken_for_it() -> None:
    labelled = labelled_tracks(track_outcome(gender, 0.5, "s") for gender in ("female", "male")).assign(source=0)
    run = run_of((1, 0.9, 1, "x"), (1, 0.2, 1, "0"))
    run["source"] = [numbered_source(0), "0"]
    names = pd.concat([_source_names(labelled["source"]), run["source"]])
    assert pd.factorize(names)[0].tolist() == [0, 0, 0, 1]


def test_a_report_without_labels_is_read_as_an_empty_table(tmp_path: Path) -> None:
    back = read_calibration(report(tmp_path, labelled_tracks([])), MODELS)
    assert (len(back), list(back)) == (0, ["female_prob", "is_female", "screen_time_s", "source"])


def test_another_runs_shares_are_corrected_from_the_file(tmp_path: Path) -> None:
    rows = [track_row(i, 0.9 if i < 9 else 0.2, seconds=1 if i < 9 else 9 / 11) for i in range(20)]
    ledger = stored(tmp_path / "run", {"a/x.mp4": rows[::2], "b/y.mp4": rows[1::2]})
    corrected = run_corrections(ledger, list(ledger.rows()), report(tmp_path))
    assert list(corrected) == ["appearances", "screen_time_s"]
    assert corrected["appearances"]["adjusted_count"].share == pytest.approx(0.5)
    assert corrected["screen_time_s"]["raw"].share == pytest.approx(0.5)
    assert isinstance(corrected["appearances"]["em"].interval, Interval)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="other weights than this run: classifier cccccccccccc, here eeeeeeeeeeee"):
        read_calibration(report(tmp_path), {"classifier": {"sha256": "e" * 64}})
    assert classifier_sha256({}) == ""


@pytest.mark.parametrize(
    "damage",
    [
        '{"calibration": {}}',
        "{}",
        "[]",
        "",
        "not json",
        '{"calibration": null}',
        '{"calibration": {"classifier_sha256": null, "female_prob": [], "is_female": [], "screen_time_s": []}}',
    ],
)
def test_an_invalid_report_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "report.json").write_text(damage)
    with pytest.raises(TruthError, match="is not a validation report") as caught:
        read_calibration(tmp_path, MODELS)
    assert "facetally validate" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("female_prob", [1.5] * 20),
        ("female_prob", [None] * 20),
        ("female_prob", ["high"] * 20),
        ("screen_time_s", [-1] * 20),
        ("is_female", [True]),
        ("source", ["tv"] * 20),
    ],
)
def test_a_report_with_impossible_values_is_refused(tmp_path: Path, name: str, values: list[Any]) -> None:
    kept = json.loads(report(tmp_path).read_text())
    kept["calibration"][name] = values
    (tmp_path / "report.json").write_text(json.dumps(kept))
    with pytest.raises(TruthError, match="is not a validation report"):
        read_calibration(tmp_path, MODELS)


def test_a_missing_report_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match=r"gone\.json"):
        read_calibration(tmp_path / "gone.json", MODELS)
    with pytest.raises(TruthError, match=r"report\.json"):
        read_calibration(tmp_path, MODELS)


def test_a_report_of_a_newer_schema_is_refused_in_words(tmp_path: Path) -> None:
    path = report(tmp_path, LABELLED)
    figures = json.loads(path.read_text())
    path.write_text(json.dumps(figures | {"schema_version": 3}))
    with pytest.raises(TruthError, match="written by a newer facetally: its schema version is 3"):
        read_calibration(path, MODELS)


def test_a_report_of_0_1_which_had_no_schema_version_is_read(tmp_path: Path) -> None:
    path = report(tmp_path, LABELLED)
    figures = json.loads(path.read_text())
    figures.pop("schema_version", None)
    path.write_text(json.dumps(figures))
    assert len(read_calibration(path, MODELS)) == len(LABELLED)
