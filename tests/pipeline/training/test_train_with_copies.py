"""The splits of a training that repeats published figures, and what its card says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
from drawn_faces import face_set

from facetally.errors import OptionError
from facetally.gender.data.splits import HeldOut
from facetally.gender.training.recipes import RECIPES
from facetally.training.train import TrainingJob, _corpus

FACES = face_set([number % 2.0 for number in range(100)], [number % 60.0 for number in range(100)])


def job(copies: int | None) -> TrainingJob:
    return TrainingJob(RECIPES["genderage"], (), Path("out"), None, copies=copies)


def test_a_training_with_copies_tests_on_a_fifth_of_them_and_others_on_the_usual_split() -> None:
    with_copies, usual = (_corpus([FACES], job(copies), None) for copies in (2, None))
    assert [len(with_copies.split(name)) for name in ("train", "selection", "test")] == [160, 40, 40]
    assert len(usual) == 100


def test_only_images_without_a_copy_in_training_are_recorded_as_held_out() -> None:
    faces = _corpus([FACES], job(2), None).faces
    held_out = HeldOut.of(faces)
    learned = set(faces["digest"][faces["split"] == "train"])
    assert {digest for digest in faces["digest"] if held_out.split_of(digest)} == set(faces["digest"]) - learned
    assert 0 < len(set(faces["digest"]) - learned) < 20


def test_too_few_faces_for_a_draw_are_a_clear_error() -> None:
    with pytest.raises(OptionError, match="too few"):
        _corpus([face_set([1.0], 30.0)], job(1), None)
