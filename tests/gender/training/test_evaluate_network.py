from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
from drawn_faces import drawn_corpus

import facetally.gender.training.trainer
from facetally.gender.data.face_sets import FaceCorpus
from facetally.gender.model.networks import FaceNetwork, NetworkOptions
from facetally.gender.model.outputs import OutputLayout
from facetally.gender.training.recipes import RECIPES
from facetally.gender.training.trainer import evaluate_network


@pytest.mark.parametrize(
    ("layout", "accuracy", "age_mae"),
    [
        (OutputLayout("two_logits", "per_100"), 2 / 3, 10),  # 50 years for 60, 40, unknown and 60
        (OutputLayout("two_logits", "none"), 2 / 3, math.nan),
        (OutputLayout("none", "per_100"), math.nan, 10),
    ],
)
def test_an_evaluation_gives_the_metrics_of_what_is_predicted(
    monkeypatch: pytest.MonkeyPatch, layout: OutputLayout, accuracy: float, age_mae: float
) -> None:
    output = np.array([[1, 0, 0.5], [2, 0, 0.5], [0, 3, 0.5], [4, 0, 0.5]], np.float32)
    columns = {2: slice(0, 2), 1: slice(2, 3), 3: slice(0, 3)}[layout.column_count]
    monkeypatch.setattr(facetally.gender.training.trainer, "predict_output", lambda *_: output[:, columns])
    corpus = drawn_corpus()
    faces = corpus.only(np.arange(len(corpus)) < 4)
    network = FaceNetwork(NetworkOptions("five_blocks"), 3)  # not run: its output is given above
    labels = {"female": [1.0, 0.0, 0.0, math.nan], "age_years": [60.0, 40.0, math.nan, 60.0]}
    faces = FaceCorpus(faces.sets, faces.faces.assign(**labels))
    loss, *rest = evaluate_network(network, faces, replace(RECIPES["genderage"], layout=layout), 32, "cpu")
    assert rest == pytest.approx([accuracy, age_mae], nan_ok=True)
    gender_loss = (math.log1p(math.exp(-1)) + math.log1p(math.exp(2)) + math.log1p(math.exp(-3))) / 3
    expected = gender_loss * (layout.gender != "none") + 2 * 0.01 * (layout.age != "none")
    assert loss == pytest.approx(expected, rel=1e-4)
