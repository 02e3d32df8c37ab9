"""The record of the images that a model was not trained on."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from drawn_faces import drawn_crops, face_set

from facetally.gender.data.face_sets import FaceCorpus, join_sets
from facetally.gender.data.splits import HeldOut

MEN = np.zeros(400)


def digests(count: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]


def splits(corpus: FaceCorpus) -> dict[str, str]:
    return dict(zip(corpus.faces["digest"], corpus.faces["split"], strict=True))


def test_held_out_images_are_recognised_and_no_others() -> None:
    names = digests(9)
    faces = pd.DataFrame({"digest": names, "split": ["train", "selection", "test"] * 3})
    held_out = HeldOut.from_dict(HeldOut.of(faces).to_dict())
    assert [held_out.split_of(name) for name in names] == [None, "selection", "test"] * 3
    assert held_out == HeldOut.of(faces[::-1])
    assert HeldOut.from_dict(HeldOut().to_dict()) == HeldOut() == HeldOut.of(faces[:1])


def test_other_images_of_a_set_that_held_some_out_were_learned_from() -> None:
    names = digests(6)
    held_out = HeldOut.of(pd.DataFrame({"digest": names[:3], "split": ["train", "selection", "test"]}))
    faces = pd.DataFrame({"digest": names, "set": ["old"] * 4 + ["new"] * 2})
    assert held_out.splits_of(faces).fillna("unknown").tolist() == [
        "train",
        "selection",
        "test",
        "train",
        "unknown",
        "unknown",
    ]
    assert HeldOut().splits_of(faces).tolist() == ["train"] * 6


def test_an_image_with_a_copy_in_training_is_not_held_out() -> None:
    one, other = digests(2)
    faces = pd.DataFrame({"digest": [one, one, other], "split": ["train", "test", "test"]})
    held_out = HeldOut.of(faces)
    assert [held_out.split_of(digest) for digest in (one, other)] == [None, "test"]


def test_the_record_takes_six_bytes_per_image() -> None:
    faces = pd.DataFrame({"digest": digests(3000), "split": "test"})
    assert len(HeldOut.of(faces).to_dict()["test"]) == 16_000


@pytest.mark.parametrize("values", [{"train": "AAAA"}, {"test": "!"}, {"test": 5}])
def test_an_invalid_record_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        HeldOut.from_dict(values)


def test_a_later_training_keeps_the_splits_whatever_its_seed() -> None:
    faces = face_set(MEN)
    first = join_sets([faces], seed=0)
    again = join_sets([faces], seed=1, before=HeldOut.of(first.faces))
    assert splits(again) == splits(first) != splits(join_sets([faces], seed=1))


def test_images_that_an_earlier_training_may_have_used_are_never_held_out() -> None:
    faces, few = face_set(MEN), face_set(MEN[:200])
    held_out = HeldOut.of(join_sets([few], seed=0).faces)
    later = splits(join_sets([faces], seed=1, before=held_out))
    assert {digest for digest, split in later.items() if split != "train"} == {
        digest for digest in few.labels["digest"] if held_out.split_of(digest)
    }


def test_a_new_set_is_drawn_independently() -> None:
    old, new = face_set(MEN, name="old"), face_set(MEN, name="new", crops=drawn_crops(MEN, seed=9))
    held_out = HeldOut.of(join_sets([old], seed=0).faces)
    both = join_sets([old, new], seed=1, before=held_out)
    assert splits(both.only(both.faces["set"] == "new")) == splits(join_sets([new], seed=1))
    assert splits(both.only(both.faces["set"] == "old")) == splits(join_sets([old], seed=0))
