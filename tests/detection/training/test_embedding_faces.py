from __future__ import annotations

from pathlib import Path

import numpy as np
from drawn_identities import PERSONS, SIDE, drawn_folder

from facetally.detection.training.embedding_faces import FaceStore, by_person, is_held_out, normalised_name


def test_one_person_has_one_name_in_all_data_sets() -> None:
    assert normalised_name("Halle_Berry") == normalised_name(" halle  BERRY") == "halle berry"
    assert is_held_out("Halle_Berry") == is_held_out("halle berry")


def test_about_a_fifth_of_the_persons_is_held_out_and_never_a_face_of_nobody() -> None:
    assert 160 < sum(is_held_out(f"person {number}") for number in range(1000)) < 240
    assert not is_held_out("")


def test_faces_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    folder = drawn_folder(tmp_path / "drawn", per_person=2, strangers=1)
    assert folder.persons == ("ada", "ada", "bo", "bo", "cleo", "cleo", "dan", "dan", "eve", "eve", "finn", "finn", "")
    assert folder.crops.shape == (13, SIDE, SIDE, 3)
    assert folder.vectors.shape == (13, 128)


def test_a_store_numbers_the_faces_of_its_folders_one_after_another(tmp_path: Path) -> None:
    first, second = drawn_folder(tmp_path / "a", per_person=1), drawn_folder(tmp_path / "b", per_person=2)
    store = FaceStore([first, second])
    assert len(store) == 10 + 16
    np.testing.assert_array_equal(store.crop(9), first.crops[9])
    np.testing.assert_array_equal(store.crop(10), second.crops[0])


def test_persons_are_either_in_training_or_held_out(tmp_path: Path) -> None:
    store = FaceStore([drawn_folder(tmp_path / "drawn")])
    training, held_out = set(store.persons[store.training()]), set(store.persons[store.held_out()])
    assert held_out == {name.casefold() for name in PERSONS if is_held_out(name)} != set()
    assert training.isdisjoint(held_out)
    assert "" in training


def test_faces_are_grouped_by_known_persons_with_enough_of_them(tmp_path: Path) -> None:
    store = FaceStore([drawn_folder(tmp_path / "drawn", per_person=3)])
    groups = by_person(store, np.arange(8), min_count=3)
    assert {name: faces.tolist() for name, faces in groups.items()} == {"ada": [0, 1, 2], "bo": [3, 4, 5]}
