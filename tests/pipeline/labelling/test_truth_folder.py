"""The tables that are written from labels: read back, validated, and left alone where somebody else changed them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from label_server import DrawnRun

from facetally.errors import OutputError
from facetally.labelling.labels import Labels, MissedFace, MomentKey, MomentLabel, TrackKey, TrackLabel
from facetally.labelling.sample import Sample
from facetally.labelling.truth_folder import WRITTEN, TruthFolder, truth_of
from facetally.truth.files import read_truth
from facetally.truth.sample import sample_flaw
from facetally.validation.validate import ValidateOptions, validate_run


def right(sample: Sample, count: int) -> dict[TrackKey, TrackLabel]:
    """The first tracks, each labelled as predicted."""
    keys = [track.key for track in sample.design.tracks[:count]]
    return {key: TrackLabel("female" if sample.predictions[key].female_prob > 0.5 else "male") for key in keys}


def moment(sample: Sample, place: int) -> MomentKey:
    return sample.design.moments[place].video_id, sample.design.moments[place].time_s


def test_the_tables_are_read_back_as_a_random_sample(sample: Sample, tmp_path: Path) -> None:
    TruthFolder(tmp_path).write(sample, Labels(right(sample, 5)))
    truth = read_truth(tmp_path)
    assert len(truth.everybody) == 5
    assert truth.sample and truth.sample.appearance_count == 12
    assert [drawn.track_id for drawn in truth.sample.drawn] == [track.track_id for track in sample.design.tracks[:5]]
    assert sample_flaw(truth) == ""
    assert set(truth.sources.values()) == {"a", "second.mp4"} & set(truth.sources.values())


def test_a_person_has_the_boxes_of_the_track(sample: Sample) -> None:
    track = sample.design.tracks[0]
    truth = truth_of(sample, Labels(right(sample, 1)))
    faces, boxes = sample.track_faces(track.key), truth.boxes[track.video]
    np.testing.assert_allclose(boxes.times_s, faces.times_s)
    np.testing.assert_allclose(boxes.boxes, faces.boxes)


@pytest.mark.parametrize("wrong", [0, 3])
def test_validate_counts_the_labelled_tracks_alone(
    sample: Sample, tmp_path: Path, drawn_run: DrawnRun, wrong: int
) -> None:
    labels = right(sample, 8)
    for key in list(labels)[:wrong]:
        labels[key] = replace(labels[key], answer="male" if labels[key].answer == "female" else "female")
    TruthFolder(tmp_path).write(sample, Labels(labels))
    figures = validate_run(drawn_run.ledger, read_truth(tmp_path), ValidateOptions()).figures
    assert (figures["people"]["right"], figures["people"]["count"]) == (8 - wrong, 8)
    assert figures["tracks"]["false"] == 0


def test_a_gap_is_an_unlabelled_person(sample: Sample, tmp_path: Path) -> None:
    labels = right(sample, 4)
    del labels[sample.design.tracks[1].key]
    TruthFolder(tmp_path).write(sample, Labels(labels))
    truth = read_truth(tmp_path)
    assert len(truth.unlabelled) == 1
    assert "later appearances are labelled" in sample_flaw(truth)


def test_two_tracks_of_one_person_are_one_person_with_one_box_at_a_time(sample: Sample, tmp_path: Path) -> None:
    first, second = next(tracks for tracks in sample.by_video.values())[:2]
    labels = {first.key: TrackLabel("female"), second.key: TrackLabel("female", person=first.key)}
    TruthFolder(tmp_path).write(sample, Labels(labels))
    truth = read_truth(tmp_path)
    assert [person.person for person in truth.everybody if person.is_labelled] == [f"track-{first.track_id}"]
    times = {*sample.track_faces(first.key).times_s, *sample.track_faces(second.key).times_s}
    assert len(truth.boxes[first.video].of_person(f"track-{first.track_id}").nonzero()[0]) == len(times)


def test_missed_faces_are_in_a_table_of_their_own(sample: Sample, tmp_path: Path) -> None:
    missed = MomentLabel((MissedFace((1, 2, 3, 4), "male"),))
    labels = Labels({}, {moment(sample, 0): missed, moment(sample, 1): MomentLabel()})
    TruthFolder(tmp_path).write(sample, labels)
    with (tmp_path / "missed.csv").open(newline="") as file:
        rows = {(row["video"], float(row["time_s"])): row for row in csv.DictReader(file)}
    assert len(rows) == 2
    one = rows[sample.design.moments[0].video, sample.design.moments[0].time_s]
    assert [one[name] for name in ("x1", "y1", "x2", "y2", "gender")] == ["1", "2", "3", "4", "male"]
    assert not (tmp_path / "people.csv").exists()


@pytest.mark.parametrize("name", ["people.csv", "boxes.csv", "clips.csv", "sample.json"])
def test_a_table_that_somebody_changed_is_left_alone(sample: Sample, tmp_path: Path, name: str) -> None:
    TruthFolder(tmp_path).write(sample, Labels(right(sample, 2)))
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=f"{name} in .* was changed by somebody else") as caught:
        TruthFolder(tmp_path).write(sample, Labels(right(sample, 3)))
    assert (tmp_path / name).read_text() == "mine"
    assert caught.value.fix.startswith("move it away")
    (tmp_path / name).unlink()
    TruthFolder(tmp_path).write(sample, Labels(right(sample, 3)))
    assert len(read_truth(tmp_path).everybody) == 3


def test_a_process_that_is_killed_while_it_writes_is_nobody_else(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    TruthFolder(tmp_path).write(sample, Labels(right(sample, 2)))
    replace_file, replaced = Path.replace, []

    def killed(path: Path, target: Path) -> Path:
        if path.name in WRITTEN:
            replaced.append(path.name)
            if len(replaced) == 2:
                raise KeyboardInterrupt
        return replace_file(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            TruthFolder(tmp_path).write(sample, Labels(right(sample, 4)))
    assert TruthFolder(tmp_path).edited() == []
    TruthFolder(tmp_path).write(sample, Labels(right(sample, 5)))
    assert len(read_truth(tmp_path).everybody) == 5


def test_two_processes_write_one_folder(sample: Sample, tmp_path: Path) -> None:
    one, two = TruthFolder(tmp_path), TruthFolder(tmp_path)
    for count, folder in enumerate((one, two, one, two), 1):
        folder.write(sample, Labels(right(sample, count)))
    assert len(read_truth(tmp_path).everybody) == 4


def test_tables_of_labels_that_were_all_undone_are_removed(sample: Sample, tmp_path: Path) -> None:
    TruthFolder(tmp_path).write(sample, Labels(right(sample, 2)))
    TruthFolder(tmp_path).write(sample, Labels())
    assert not [name for name in WRITTEN if (tmp_path / name).exists()]


def test_a_damaged_state_is_an_error_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "labelling.json").write_text("[1")
    with pytest.raises(OutputError, match="cannot be read") as caught:
        _ = TruthFolder(tmp_path).request
    assert "written again from the journal" in caught.value.fix
