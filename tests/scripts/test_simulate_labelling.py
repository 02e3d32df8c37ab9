"""The simulation of labelling, in short: a few dozen corpora in place of thousands."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts.simulate_labelling.__main__ import started
from scripts.simulate_labelling.corpora import KINDS, make_corpus
from scripts.simulate_labelling.markdown import as_text
from scripts.simulate_labelling.prices import fixed_size, labels_needed
from scripts.simulate_labelling.simulation import Result, simulate, summary

CLUSTERED = replace(next(kind for kind in KINDS if kind.video_spread and kind.person_spread), tracks=240)
CORPORA = 40


@pytest.fixture(scope="module")
def figures() -> Result:
    """Means over corpora whose errors come together by video and by person."""
    return summary(simulate(CLUSTERED, seed) for seed in range(CORPORA))


def test_a_verdict_is_wrong_in_few_corpora_however_often_one_looks(figures: Result) -> None:
    assert figures["wrong verdict: pass, accuracy just below the target"] <= 0.025 + 2 * np.sqrt(0.025 / CORPORA)
    assert figures["wrong verdict: fail, accuracy at the target"] <= 0.025 + 2 * np.sqrt(0.025 / CORPORA)


def test_intervals_cover_the_truth(figures: Result) -> None:
    covers = {name: value for name, value in figures.items() if name.startswith("covers") and "100" in name}
    assert len(covers) == 9
    assert min(covers.values()) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / CORPORA)


def test_a_corpus_has_the_accuracy_of_its_kind() -> None:
    outcomes = make_corpus(replace(KINDS[0], tracks=20_000), np.random.default_rng(0)).table["outcome"]
    counts = outcomes.value_counts()
    assert counts["correct"] / (counts["correct"] + counts["incorrect"]) == pytest.approx(KINDS[0].accuracy, abs=0.01)


def test_a_fixed_size_is_the_first_that_decides_often_enough() -> None:
    assert fixed_size(0.95, 0.5) == 45
    assert fixed_size(0.95, 0.9) > 80


def test_a_verdict_needs_fewer_labels_the_farther_the_accuracy_is_from_the_target() -> None:
    needed = [np.mean([labels_needed(1000, accuracy, seed) for seed in range(20)]) for accuracy in (0.97, 0.92, 0.89)]
    assert needed == sorted(needed)
    assert needed[0] < 100


@pytest.fixture
def report(figures: Result) -> dict[str, Any]:
    """As it is stored, with one kind of corpus."""
    price = {"accuracy": 0.95, "mean, run of 300": 64.0}
    kinds = {"clustered": {"settings": {}, "figures": figures}}
    fixed = {"date": "2026-01-01", "machine": "m", "command": "c", "versions": {"facetally": "1", "numpy": "2"}}
    return {**fixed, "corpora": CORPORA, "kinds": kinds, "labels_needed": [price]}


def test_the_text_has_a_row_for_each_kind_in_each_table(report: dict[str, Any]) -> None:
    text = as_text(report)
    assert text.count("| clustered |") == 10
    assert "| 95% | 64 |" in text


def test_an_interrupted_simulation_resumes_only_if_it_is_the_same(tmp_path: Path) -> None:
    options = argparse.Namespace(output=tmp_path / "s.json", corpora=7, seed=0, workers=1)
    new = started(options)
    assert new["kinds"] == {}
    new["kinds"]["other"] = {"settings": {}, "figures": {}}
    options.output.write_text(json.dumps(new))
    assert started(options)["kinds"] == new["kinds"]
    options.corpora = 8
    assert started(options)["kinds"] == {}
