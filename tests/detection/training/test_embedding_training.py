from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_identities import drawn_folder

pytest.importorskip("torch")
import torch

from facetally.detection.training.embedding_faces import FaceStore
from facetally.detection.training.embedding_network import EmbeddingNetworkOptions, as_input
from facetally.detection.training.embedding_training import EmbeddingRecipe, EmbeddingTrainer, centred

RECIPE = EmbeddingRecipe(
    network=EmbeddingNetworkOptions(32, (8, 16), (0, 1), dimensions=16), batch_size=16, warm_up=2, learning_rate=5e-3
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FaceStore:
    return FaceStore([drawn_folder(tmp_path_factory.mktemp("faces"), dimensions=16)])


def trainer_of(store: FaceStore, folder: Path, steps: int = 4, recipe: EmbeddingRecipe = RECIPE) -> EmbeddingTrainer:
    return EmbeddingTrainer(store, recipe, steps, 0, folder / "state")


def test_the_loss_falls(store: FaceStore, tmp_path: Path) -> None:
    sums = [sum(progress.parts.values()) for progress in trainer_of(store, tmp_path, steps=40).run(10)]
    assert sums[-1] < 0.8 * sums[0]


def test_a_training_that_was_stopped_gives_the_same_weights(store: FaceStore, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    whole = trainer_of(store, tmp_path / "a")
    list(whole.run(2))
    stopped = trainer_of(store, tmp_path)
    next(stopped.run(2))
    resumed = trainer_of(store, tmp_path)
    assert resumed.step == 2
    list(resumed.run(2))
    for name, value in whole.average.state_dict().items():
        torch.testing.assert_close(resumed.average.state_dict()[name], value)


def test_a_request_to_stop_ends_it_with_its_state_saved(store: FaceStore, tmp_path: Path) -> None:
    assert list(trainer_of(store, tmp_path).run(1, should_stop=lambda: True)) == []
    assert (tmp_path / "state").exists()


def test_another_recipe_does_not_resume(store: FaceStore, tmp_path: Path) -> None:
    list(trainer_of(store, tmp_path, steps=1).run(1))
    with pytest.raises(ValueError, match="another recipe"):
        trainer_of(store, tmp_path, recipe=replace(RECIPE, learning_rate=1e-3))


def test_half_of_a_batch_shows_persons_several_times(store: FaceStore, tmp_path: Path) -> None:
    crops, faces = trainer_of(store, tmp_path).batch(0)
    persons = store.persons[faces]
    assert crops.shape == (16, 32, 32, 3)
    assert [len(set(persons[first : first + 4])) for first in (0, 4)] == [1, 1]
    assert "" not in persons[:8]
    assert not set(faces.tolist()) & set(store.held_out().tolist())


def test_too_few_faces_are_refused(store: FaceStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="too few"):
        trainer_of(store, tmp_path, recipe=replace(RECIPE, batch_size=128))


def test_another_training_can_start_from_the_weights(store: FaceStore, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first, second = trainer_of(store, tmp_path), trainer_of(store, tmp_path / "b")
    list(first.run(4))
    second.start_from(tmp_path / "state")
    for name, value in first.average.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value)
    assert second.step == 0


def test_centred_vectors_of_strangers_are_not_alike(store: FaceStore) -> None:
    vectors = centred(store.vectors, store.training())
    _, first = np.unique(store.vectors, axis=0, return_index=True)
    raw, own = store.vectors[first] @ store.vectors[first].T, (vectors[first] @ vectors[first].T).numpy()
    off = ~np.eye(len(first), dtype=bool)
    assert raw[off].mean() > 0.7
    assert abs(own[off].mean()) < 0.2
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_crops_are_embedded_by_the_averaged_weights(store: FaceStore, tmp_path: Path) -> None:
    trainer = trainer_of(store, tmp_path)
    list(trainer.run(4))
    crops = trainer.batch(0)[0]
    with torch.no_grad():
        expected = trainer.average.eval()(as_input(torch.from_numpy(crops[:3])))
    expected = torch.nn.functional.normalize(expected, dim=1)
    np.testing.assert_allclose(trainer.embed(crops)[:3], expected.numpy(), atol=1e-4)
