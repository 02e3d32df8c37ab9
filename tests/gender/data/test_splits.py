"""What a model remembers of the pictures that it has not learnt from."""

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


def sides(corpus: FaceCorpus) -> dict[str, str]:
    return dict(zip(corpus.faces["digest"], corpus.faces["split"], strict=True))


def test_pictures_held_out_are_known_again_and_no_others() -> None:
    names = digests(9)
    faces = pd.DataFrame({"digest": names, "split": ["train", "selection", "test"] * 3})
    held_out = HeldOut.from_dict(HeldOut.of(faces).to_dict())
    assert [held_out.split_of(name) for name in names] == [None, "selection", "test"] * 3
    assert held_out == HeldOut.of(faces[::-1])
    assert HeldOut.from_dict(HeldOut().to_dict()) == HeldOut() == HeldOut.of(faces[:1])


def test_the_memory_takes_six_bytes_a_picture() -> None:
    faces = pd.DataFrame({"digest": digests(3000), "split": "test"})
    assert len(HeldOut.of(faces).to_dict()["test"]) == 16_000


@pytest.mark.parametrize("values", [{"train": "AAAA"}, {"test": "!"}, {"test": 5}])
def test_what_is_no_memory_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        HeldOut.from_dict(values)


def test_a_later_training_keeps_the_sides_whatever_its_seed() -> None:
    faces = face_set(MEN)
    first = join_sets([faces], seed=0)
    again = join_sets([faces], seed=1, before=HeldOut.of(first.faces))
    assert sides(again) == sides(first) != sides(join_sets([faces], seed=1))


def test_what_an_earlier_training_may_have_learnt_from_is_never_held_out() -> None:
    faces, few = face_set(MEN), face_set(MEN[:200])
    held_out = HeldOut.of(join_sets([few], seed=0).faces)
    later = sides(join_sets([faces], seed=1, before=held_out))
    assert {digest for digest, side in later.items() if side != "train"} == {
        digest for digest in few.labels["digest"] if held_out.split_of(digest)
    }


def test_a_set_that_is_new_is_drawn_as_ever() -> None:
    old, new = face_set(MEN, name="old"), face_set(MEN, name="new", crops=drawn_crops(MEN, seed=9))
    held_out = HeldOut.of(join_sets([old], seed=0).faces)
    both = join_sets([old, new], seed=1, before=held_out)
    assert sides(both.only(both.faces["set"] == "new")) == sides(join_sets([new], seed=1))
    assert sides(both.only(both.faces["set"] == "old")) == sides(join_sets([old], seed=0))
