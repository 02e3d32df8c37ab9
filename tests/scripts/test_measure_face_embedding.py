from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")
from click.testing import CliRunner
from drawn_identities import drawn_folder
from drawn_world import Film, Shot, Square, SquareDetector, filmed
from labelled_world import boxes_of, corpus

from facetally.detection.crops import CropRecipe
from facetally.detection.tracker import NO_TRACK
from facetally.detection.training.embedding_export import export_embedding
from facetally.detection.training.embedding_network import EmbeddingNetwork, EmbeddingNetworkOptions
from facetally.truth.files import write_truth
from facetally.truth.labels import LabelledBoxes
from scripts.measure_face_embedding import __main__ as measuring
from scripts.measure_face_embedding.faces import SeenFace, labelled_frames, matched_boxes
from scripts.measure_face_embedding.figures import b_cubed, joined_tracks, mean_area, pair_table
from scripts.measure_face_embedding.vectors import grey_vectors_of

EAST, NORTH = (1.0, 0.0), (0.0, 1.0)


def face(
    person: str,
    track_id: int,
    time_s: float,
    towards: Sequence[float] = EAST,
    height_px: float = 50.0,
    video: str = "v",
) -> SeenFace:
    return SeenFace(video, "s", person, time_s, height_px, track_id, {"own": np.array(towards, np.float32)})


# Pairs


def test_pairs_are_of_one_video_and_split_by_time_and_height() -> None:
    seen = [face("a", 0, 0.0), face("a", 0, 0.5, height_px=30), face("b", 1, 0.5, NORTH), face("a", 2, 0, video="w")]
    table = pair_table(seen, "own")
    counts = {name: (own["same_count"], own["different_count"]) for name, own in table.items()}
    assert counts == {"all": (1, 2), "0.2-0.6 s": (1, 1), "24-40 px": (1, 1)}
    assert table["all"]["area"] == 1.0


def test_two_boxes_of_one_person_at_one_time_are_no_pair() -> None:
    seen = [face("a", 0, 0.0), face("a", 1, 0.0), face("a", 0, 1.0), face("b", 2, 1.0, NORTH)]
    assert pair_table(seen, "own")["all"]["same_count"] == 2


def test_every_video_with_several_people_weighs_the_same() -> None:
    clear = [face("a", 0, 0.0), face("a", 0, 1.0), face("b", 1, 1.0, NORTH)]
    blind = [face(name, 0, time_s, EAST, video="w") for name in "ab" for time_s in range(5)]
    alone = [face("a", 0, time_s, video="x") for time_s in range(3)]
    assert mean_area([*clear, *blind, *alone], "own") == {"videos": 2, "area": 0.75}
    assert mean_area(alone, "own") == {"videos": 0, "area": None}


# Joined tracks


def test_similar_tracks_are_joined_unless_they_are_in_view_at_once() -> None:
    apart = [face("a", 0, 0.0), face("a", 1, 1.0), face("b", 2, 2.0, NORTH)]
    people = joined_tracks(apart, "own", 0.5)
    assert people[0] == people[1] != people[2]
    together = [face("a", 0, 0.0), face("b", 1, 0.0)]
    assert len(set(joined_tracks(together, "own", 0.5).values())) == 2
    assert len(set(joined_tracks(apart, "own", np.inf).values())) == 3


def test_b_cubed_of_hand_computed_clusters() -> None:
    seen = [face("a", 0, 0.0), face("a", 1, 1.0), face("b", 1, 2.0), face("b", 2, 3.0, NORTH), face("b", NO_TRACK, 4.0)]
    figures = b_cubed(seen, "own", np.inf)  # tracks: {a}, {a, b}, {b}
    assert figures["precision"] == pytest.approx((1 + 0.5 + 0.5 + 1) / 4)
    assert figures["recall"] == pytest.approx(0.5)
    assert (figures["faces"], figures["people_labelled"], figures["people_counted"]) == (4, 2, 3)
    assert b_cubed(seen, "own", 0.5)["people_counted"] == 2


# Faces of labels


def test_a_label_belongs_to_the_nearest_sampled_frame() -> None:
    boxes = LabelledBoxes.of(boxes_of("a", [0.0, 0.52, 9.0]))
    assert labelled_frames([(0, 0.0), (5, 0.2), (10, 0.4), (15, 0.6)], boxes) == {0: [0], 15: [1]}


def test_boxes_are_matched_once_and_only_where_they_overlap() -> None:
    first = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    second = np.array([[1, 0, 11, 10], [90, 90, 95, 95]], np.float32)
    assert matched_boxes(first, second) == [(1, 0)]
    assert matched_boxes(first, np.zeros((0, 4), np.float32)) == []


def test_grey_crops_ignore_brightness() -> None:
    crop = np.random.default_rng(0).integers(0, 100, (1, 32, 32, 3), np.uint8)
    (dark,), (bright,) = grey_vectors_of(crop), grey_vectors_of(crop + 50)
    assert dark @ bright == pytest.approx(1, abs=1e-4)
    assert dark @ grey_vectors_of(crop[:, ::-1])[0] < 0.9


# The whole script


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The report and the Markdown of films of a red and a blue square, in a run that found both."""
    folder = tmp_path_factory.mktemp("measured")
    people = [("female", 0.9, 2.0), ("male", 0.1, 2.0)]
    ledger, truth = corpus(folder / "out", {f"s{number}/a.mp4": people for number in range(2)})
    names = {row.video_id: row.video for row in ledger.rows()}
    ledger.store_names(names)
    write_truth(truth, folder / "truth")
    squares = Square("red", (0, 10)), Square("blue", (100, 10))
    for name in names.values():
        (folder / "videos" / name).parent.mkdir(parents=True)
        filmed(folder / "videos" / name, Film((Shot(2.0, squares),)))
    drawn_folder(folder / "drawn")
    network = EmbeddingNetwork(EmbeddingNetworkOptions(32, (8, 16), (0, 1)))
    export_embedding(network, folder / "small.onnx", CropRecipe(32, 0.9), {})
    words = ["--embedder", folder / "small.onnx", "--out", ledger.out, "--videos", folder / "videos"]
    words += ["--truth", folder / "truth", "--held-out", folder / "drawn", "--report", folder / "r.json"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "ScrfdDetector", lambda *_, **__: SquareDetector())
        words += ["--markdown", folder / "r.md"]
        CliRunner().invoke(measuring.main, list(map(str, words)), catch_exceptions=False)
    return json.loads((folder / "r.json").read_text()), (folder / "r.md").read_text()


def test_both_halves_of_the_sources_are_measured(measured: tuple[dict[str, Any], str]) -> None:
    figures, _ = measured
    for half in ("chosen_on", "reported_on"):
        pairs = figures["pairs"][half]["network"]["all"]
        assert (pairs["same_count"], pairs["different_count"]) == (2 * 6, 4 * 4)
        assert pairs["area"] > 0.9, "red and blue are easily told apart"
        assert figures["people"]["network"][half]["people_counted"] == 2


def test_held_out_persons_are_measured_with_and_without_degradation(measured: tuple[dict[str, Any], str]) -> None:
    own = measured[0]["held_out"]["drawn"]
    assert own["persons"] > 0
    assert own["teacher"]["area"] == 1.0
    assert {"network", "network, degraded", "grey crops"} <= own.keys()


def test_the_report_holds_figures_and_no_vector(measured: tuple[dict[str, Any], str]) -> None:
    figures, text = measured
    assert "[" not in json.dumps({**figures, "command": ""}), "a list of numbers may be a vector"
    assert "| network, degraded |" in text
    assert "not joined" in text
    assert all(count in figures["embedder"]["ms_per_face"] for count in ("1", "16"))
