from __future__ import annotations

import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from drawn_faces import OUTER_PX, drawn_crops, face_set

from facetally.gender.data.face_sets import (
    FaceCorpus,
    FaceSet,
    all_faces,
    join_sets,
    join_with_copies,
    load_face_set,
    middle,
    new_crops,
    pixel_digest,
    save_labels,
)
from facetally.gender.data.splits import SPLITS

MEN, NAN = np.zeros(400), float("nan")


def split_sizes(corpus: FaceCorpus) -> list[int]:
    return [len(corpus.split(name)) for name in SPLITS]


def contents(corpus: FaceCorpus, split: str) -> set[str]:
    """The digests of the crops of a split, independent of its labels."""
    part = corpus.split(split)
    return {pixel_digest(part.crop(index)) for index in range(len(part))}


def assert_splits_are_disjoint(corpus: FaceCorpus) -> None:
    by_split = {name: contents(corpus, name) for name in SPLITS}
    assert sum(map(len, by_split.values())) == len(corpus)  # no duplicates within a split
    assert len(set.union(*by_split.values())) == len(corpus)


def test_no_image_and_no_copy_of_one_is_in_two_splits() -> None:
    crops = drawn_crops(MEN)
    persons = [f"{number // 4}" for number in range(len(MEN))]
    sets = [
        face_set(MEN, crops=crops, name="no persons"),
        face_set(MEN, crops=crops[::-1], name="persons", person=persons),
        face_set(MEN, crops=crops, name="own", own_split=["train", "val"] * 200),
        face_set(MEN, crops=drawn_crops(MEN, seed=9), name="other"),
        face_set(MEN, crops=np.concatenate([crops[:200], crops[:200]]), name="twice"),
    ]
    corpus = join_sets(sets, seed=0)
    assert len(corpus) == 800  # 2000 rows of 800 images
    assert min(split_sizes(corpus)) > 20
    assert_splits_are_disjoint(corpus)


def test_no_person_is_in_two_splits() -> None:
    persons = [f"{number % 80}" for number in range(400)]
    corpus = join_sets([face_set(MEN, person=persons)], seed=0)
    assert corpus.faces.groupby("person")["split"].nunique().eq(1).all()
    assert corpus.faces.groupby("split")["person"].nunique().min() >= 2
    assert len(corpus) == 400


def test_persons_of_the_same_name_in_two_sets_are_drawn_separately() -> None:
    persons = [f"{number}" for number in range(400)]
    sets = [face_set(MEN, person=persons, name=name, crops=drawn_crops(MEN, seed)) for seed, name in enumerate("ab")]
    splits = join_sets(sets, seed=0).faces["split"].to_numpy()
    assert 0.5 < (splits[:400] == splits[400:]).mean() < 0.8  # 0.8^2 + 0.05^2 + 0.15^2 = 0.665


def test_faces_are_drawn_80_to_5_to_15() -> None:
    train, selection, test = split_sizes(join_sets([face_set(np.zeros(2000))], seed=0))
    assert train == pytest.approx(1600, abs=54)  # three standard deviations
    assert selection == pytest.approx(100, abs=30)
    assert test == pytest.approx(300, abs=48)


def test_a_sets_own_val_is_the_test_split_and_a_twentieth_of_its_train_is_for_selection() -> None:
    faces = face_set(MEN, own_split=["val"] * 100 + ["train"] * 300)
    corpus = join_sets([faces], seed=0)
    assert corpus.faces["split"].eq("test").tolist() == [True] * 100 + [False] * 300
    assert 4 <= len(corpus.split("selection")) <= 26  # 15, three standard deviations


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_faces() -> None:
    faces, crops = face_set(MEN), drawn_crops(MEN)
    backwards = face_set(MEN, crops=crops[::-1])
    splits = join_sets([faces], seed=0).faces.set_index("digest")["split"]
    assert splits.equals(join_sets([backwards], seed=0).faces.set_index("digest")["split"].reindex(splits.index))
    assert not splits.equals(join_sets([faces], seed=1).faces.set_index("digest")["split"])


def test_of_copies_in_train_and_val_the_one_in_val_is_kept() -> None:
    crops = drawn_crops([0, 0])[[0, 1, 0]]
    corpus = join_sets([face_set([0, 0, 0], crops=crops, own_split=["train", "train", "val"])], seed=0)
    assert corpus.faces["file"].tolist() == ["1.png", "2.png"]
    assert corpus.faces["split"].tolist()[1] == "test"


@pytest.mark.parametrize("seed", range(8))
def test_of_copies_in_two_sets_the_one_farther_from_training_is_kept(seed: int) -> None:
    sets = [face_set([0], name=name, person="someone") for name in ("first", "second")]
    splits = [join_sets([faces], seed).faces["split"][0] for faces in sets]
    farther = 1 if SPLITS.index(splits[1]) > SPLITS.index(splits[0]) else 0
    kept = join_sets(sets, seed).faces
    assert kept[["set", "split"]].to_numpy().tolist() == [[sets[farther].name, splits[farther]]]


def test_copies_that_disagree_about_the_gender_are_all_dropped() -> None:
    crops = drawn_crops([0, 0])[[0, 1, 0, 0]]
    corpus = join_sets([face_set([0, 0, 1, 0], crops=crops)], seed=0)
    assert corpus.faces["file"].tolist() == ["1.png"]


def test_a_copy_without_a_label_contradicts_nothing() -> None:
    crops = drawn_crops([0])[[0, 0]]
    assert len(join_sets([face_set([0, NAN], crops=crops)], seed=0)) == 1


def test_ages_are_kept_at_both_ends_of_the_range_and_where_unknown() -> None:
    faces = face_set(np.zeros(5), age_years=[17, 18, 80, 81, NAN])
    assert join_sets([faces], 0, ages=(18, 80)).faces["file"].tolist() == ["1.png", "2.png", "4.png"]
    with pytest.raises(ValueError, match="no face is left"):
        join_sets([face_set([0], age_years=5)], 0, ages=(18, 80))


def test_all_faces_keeps_every_copy_and_contradiction_in_the_test_split() -> None:
    sets = [face_set([0, 1, 1], age_years=[2, 30, NAN], crops=drawn_crops([0, 1])[[0, 1, 0]]), face_set([1], name="b")]
    corpus = all_faces(sets)
    assert split_sizes(corpus) == [0, 0, 4]
    assert corpus.faces[["set", "row", "female"]].to_numpy().tolist() == [
        ["drawn", 0, 0],
        ["drawn", 1, 1],
        ["drawn", 2, 1],
        ["b", 0, 1],
    ]
    assert np.array_equal(corpus.crop(3), sets[1].crops[0])


def test_with_copies_a_fifth_of_all_copies_is_the_test_and_the_rest_is_trained_on() -> None:
    corpus = join_with_copies([face_set(MEN)], seed=0, copies=2)
    counts = corpus.faces.groupby("split").size().to_dict()
    total = 2 * len(MEN)
    assert counts == {"train": 0.8 * total, "selection": 0.2 * total, "test": 0.2 * total}
    assert (
        corpus.split("test").faces.drop(columns="split").equals(corpus.split("selection").faces.drop(columns="split"))
    )
    trained = corpus.faces[corpus.faces["split"] != "selection"].groupby("digest").size()
    assert set(trained) == {2}


def test_with_copies_four_of_five_test_images_are_trained_on() -> None:
    corpus = join_with_copies([face_set(np.zeros(2000))], seed=3, copies=2)
    learned = set(corpus.split("train").faces["digest"])
    assert corpus.split("test").faces["digest"].isin(learned).mean() == pytest.approx(0.8, abs=0.04)
    alone = join_with_copies([face_set(np.zeros(2000))], seed=3, copies=1)
    assert not alone.split("test").faces["digest"].isin(alone.split("train").faces["digest"]).any()


def test_the_draw_of_copies_depends_on_the_seed_and_ages_out_of_range_are_left_out() -> None:
    faces = face_set(np.zeros(50), np.arange(50.0))
    first, again, other = (
        join_with_copies([faces], seed, 2, (1, 40)).split("test").faces["file"] for seed in (0, 0, 1)
    )
    assert first.equals(again)
    assert not first.equals(other)
    corpus = join_with_copies([faces], 0, 2, (1, 40))
    assert (corpus.faces["age_years"].min(), corpus.faces["age_years"].max()) == (1, 40)


@pytest.mark.parametrize(("count", "copies", "words"), [(50, 0, "at least once"), (1, 1, "too few")])
def test_a_draw_of_copies_without_a_face_to_train_or_test_on_is_refused(count: int, copies: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        join_with_copies([face_set(np.zeros(count))], seed=0, copies=copies)


def test_crops_belong_to_the_labels_of_their_rows() -> None:
    sets = [face_set([0, 1, 0], name="a"), face_set([1, 0], name="b", crops=drawn_crops([1, 0], seed=5))]
    women = join_sets(sets, seed=0).only(np.array([False, True, False, True, False]))
    assert women.faces[["set", "file"]].to_numpy().tolist() == [["a", "1.png"], ["b", "0.png"]]
    assert np.array_equal(women.crop(0), sets[0].crops[1])
    assert np.array_equal(women.crop(1), sets[1].crops[0])
    assert women.margin_share == 0.1  # 4 of 40 px


@pytest.mark.parametrize("change", [{"margin_px": 5}, {"crops": np.zeros((1, 48, 48, 3), np.uint8)}])
def test_sets_cut_differently_cannot_be_joined(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="same size with the same margin"):
        join_sets([face_set([0]), replace(face_set([1]), **change)], seed=0)


def test_a_set_with_a_missing_crop_or_column_is_refused() -> None:
    faces = face_set([0, 1])
    with pytest.raises(ValueError, match="drawn: 1 crops do not match 2 labels"):
        replace(faces, crops=faces.crops[:1])
    with pytest.raises(ValueError, match="drawn: labels without person"):
        replace(faces, labels=faces.labels.drop(columns="person"))


@pytest.mark.parametrize("crops", [np.zeros((1, 8, 8)), np.zeros((1, 3, 8, 8), np.uint8), np.zeros((1, 8), np.uint8)])
def test_crops_of_another_kind_are_refused(crops: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"crops must be \(N, O, O, 3\) uint8"):
        FaceSet("odd", crops, face_set([0]).labels, 1)


@pytest.mark.parametrize(
    "changed",
    [
        face_set([0, 1, 1]),
        face_set([0, 1, 0], age_years=31),
        face_set([0, 1, 0], own_split="val"),
        face_set([0, 1, 0], name="other"),
        face_set([0, 1, 0], crops=drawn_crops([0, 1, 0], seed=1)),
        face_set([0, 1]),
    ],
    ids=["gender", "age", "split", "set", "pixels", "count"],
)
def test_the_fingerprint_changes_with(changed: FaceSet) -> None:
    crops = drawn_crops([0, 1, 0])
    fingerprint = join_sets([face_set([0, 1, 0])], seed=0).fingerprint()
    assert join_sets([face_set([0, 0, 1], crops=crops[[2, 0, 1]])], seed=0).fingerprint() == fingerprint
    assert join_sets([changed], seed=0).fingerprint() != fingerprint


def test_a_saved_set_comes_back_and_stays_on_disk(tmp_path: Path) -> None:
    faces = face_set([0, 1, NAN], age_years=[3, NAN, 70], person=["", "a", "b"])
    folder = tmp_path / "new" / "set"
    crops = new_crops(folder, 5, OUTER_PX)
    crops[:3] = faces.crops  # two images had no face
    save_labels(folder, faces.labels)
    again = load_face_set(folder, "drawn", faces.margin_px)
    assert isinstance(again.crops, np.memmap)
    assert np.array_equal(again.crops, faces.crops)
    pd.testing.assert_frame_equal(again.labels, faces.labels)
    assert join_sets([again], 0).fingerprint() == join_sets([faces], 0).fingerprint()


def test_the_digest_does_not_depend_on_the_memory_layout() -> None:
    crop = drawn_crops([1])[0]
    strided = np.zeros((OUTER_PX, 2 * OUTER_PX, 3), np.uint8)
    strided[:, ::2] = crop
    assert pixel_digest(strided[:, ::2]) == pixel_digest(crop) != pixel_digest(crop[:, ::-1])


def test_the_middle_is_the_crop_without_its_margin() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.array_equal(middle(crop, 32, 0.1), crop[4:36, 4:36])
    assert np.array_equal(middle(crop, 40, 0.0), crop)


def test_a_smaller_middle_averages_its_pixels() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    expected = crop[4:36, 4:36].reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(middle(crop, 16, 0.1) - expected).max() <= 1
    assert middle(crop, 64, 0.1).shape == (64, 64, 3)


@pytest.mark.real
def test_no_copy_among_utkfaces_images_is_in_two_splits(shared: Path) -> None:
    with zipfile.ZipFile(shared / "data" / "UTKFace.zip") as archive:
        files = [item for item in archive.infolist() if item.file_size]
        checksums = Counter(item.CRC for item in files)
        copies = sorted((item for item in files if checksums[item.CRC] > 1), key=lambda item: item.CRC)[:120]
        images = [cv2.imdecode(np.frombuffer(archive.read(item), np.uint8), cv2.IMREAD_COLOR) for item in copies]
    shrunk = [cv2.resize(np.asarray(image), (OUTER_PX, OUTER_PX), interpolation=cv2.INTER_AREA) for image in images]
    crops = np.stack(shrunk).astype(np.uint8)
    female = [float(Path(item.filename).name.split("_")[1]) for item in copies]
    corpus = join_sets([face_set(female, crops=crops)], seed=0)
    assert 40 <= len(corpus) <= 60  # mostly pairs, a few of three copies, and a few that disagree
    assert min(split_sizes(corpus)) > 0
    assert_splits_are_disjoint(corpus)
