from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import torch
from drawn_faces import drawn_corpus, drawn_crops
from torch import nn

import facetally.gender.training.trainer
from facetally.gender.data.face_sets import FaceCorpus, FaceSet, pixel_digest
from facetally.gender.model.networks import BACKBONES, FaceNetwork, NetworkOptions
from facetally.gender.model.outputs import OutputLayout
from facetally.gender.training.inference import predict_output
from facetally.gender.training.losses import LossOptions
from facetally.gender.training.recipes import RECIPES, Recipe, Stage
from facetally.gender.training.trainer import EpochResult, Trainer, autocast, evaluate_network

CORPUS = drawn_corpus()
TINY = replace(
    RECIPES["genderage"],
    network=NetworkOptions("tiny", hidden=8, dropout=0.1),
    size_px=32,
    batch_size=8,
    stages=(Stage(2, 1e-2),),
    early_stop_epochs=None,
)
COSINE = replace(TINY, schedule="cosine")
ALL_AT_ONCE = replace(
    TINY,
    stages=(Stage(2, 1e-2, frozen_blocks=None), Stage(3, 1e-2, frozen_blocks=1)),
    patience_epochs=0,
    early_stop_epochs=2,
    average_decay=0.9,
    weight_decay=0.01,
    epoch_faces=24,
)
AVERAGED = replace(TINY, schedule="cosine", average_decay=0.5)
HALFWAY = replace(
    AVERAGED, stages=(Stage(2, 1e-2, start_share=0.5), Stage(2, 1e-2, start_share=0.5)), early_stop_epochs=3
)


def tiny_backbone() -> tuple[nn.Sequential, int]:
    """Three blocks of a convolution and a batch norm."""
    sizes = [(3, 4, 4), (4, 8, 2), (8, 8, 2)]
    blocks = [nn.Sequential(nn.Conv2d(a, b, s, s), nn.BatchNorm2d(b), nn.ReLU()) for a, b, s in sizes]
    return nn.Sequential(*blocks), 8


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", tiny_backbone)


def network_of(recipe: Recipe) -> FaceNetwork:
    torch.manual_seed(0)
    return FaceNetwork(recipe.network, recipe.layout.column_count)


def trained(
    recipe: Recipe, state: Path, corpus: FaceCorpus = CORPUS, *, seed: int = 3, identity: str = "", workers: int = 0
) -> tuple[FaceNetwork, list[EpochResult]]:
    network = network_of(recipe)
    trainer = Trainer(network, corpus, recipe, seed, state, identity, workers=workers)
    return network, list(trainer.run())


def weights(network: FaceNetwork) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def learning_blocks(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    """The blocks "0" to "2" of the backbone, and "classifier", if any of their weights changed."""
    changed = [name for name, tensor in after.items() if not torch.equal(tensor, before[name])]
    return {name.split(".")[1] if name.startswith("features.") else "classifier" for name in changed}


def with_other_pixels(corpus: FaceCorpus, split: str) -> FaceCorpus:
    """The corpus with new faces and new labels in one split."""
    (faces,) = corpus.sets
    theirs = (corpus.faces["split"] == split).to_numpy()
    crops = np.where(theirs[:, None, None, None], drawn_crops(1 - corpus.faces["female"], seed=99), faces.crops)
    rows = corpus.faces.assign(digest=[pixel_digest(crop) for crop in crops])
    rows.loc[theirs, "age_years"] = 77.0
    return FaceCorpus((FaceSet(faces.name, crops, faces.labels, faces.margin_px),), rows)


def scripted(losses: list[float]) -> Callable[..., tuple[float, float, float]]:
    """Replaces `evaluate_network`: gives these selection losses, one per epoch."""
    remaining = iter(losses)
    return lambda *_: (next(remaining), 0.5, 10.0)


def test_gender_and_age_of_bright_and_dark_crops_are_learnt(tmp_path: Path) -> None:
    recipe = replace(COSINE, stages=(Stage(20, 1e-2),))
    before = evaluate_network(network_of(recipe), CORPUS.split("selection"), recipe, 32, "cpu")
    network, results = trained(recipe, tmp_path / "state")
    assert [(r.stage, r.epoch) for r in results] == [(0, epoch) for epoch in range(1, 21)]
    assert results[-1].train_loss < results[0].train_loss
    assert before[1] < results[-1].selection_accuracy == 1
    assert results[-1].selection_age_mae < 10 < before[2]
    assert evaluate_network(network, CORPUS.split("test"), recipe, 32, "cpu")[1] == 1


@pytest.mark.parametrize(
    ("recipe", "kill_step"),
    [(COSINE, 6), (AVERAGED, 5), (HALFWAY, 6), (HALFWAY, 16), (ALL_AT_ONCE, 5), (ALL_AT_ONCE, 7), (ALL_AT_ONCE, 11)],
    ids=[
        *("cosine", "averaged", "halfway in stage 1", "halfway in stage 2"),
        *("all in stage 1", "all between the stages", "all in stage 2"),
    ],
)
def test_an_interrupted_training_resumes_to_the_same_weights(tmp_path: Path, recipe: Recipe, kill_step: int) -> None:
    def kill(step: int, _steps: int, _loss: float) -> None:
        if step == kill_step:
            raise KeyboardInterrupt

    uninterrupted, whole = trained(recipe, tmp_path / "uninterrupted")
    with pytest.raises(KeyboardInterrupt):
        list(Trainer(network_of(recipe), CORPUS, recipe, 3, tmp_path / "state").run(kill))
    resumed, rest = trained(recipe, tmp_path / "state")
    assert same(weights(resumed), weights(uninterrupted))
    assert [replace(r, seconds=0) for r in rest] == [replace(r, seconds=0) for r in whole]


def test_teachers_are_learnt_from_beside_the_labels(tmp_path: Path) -> None:
    is_train = CORPUS.faces["split"] == "train"
    female = CORPUS.faces["female"].mask(is_train, 1 - CORPUS.faces["female"])
    corpus = FaceCorpus(CORPUS.sets, CORPUS.faces.assign(female=female))
    targets = np.zeros((is_train.sum(), 102), np.float32)
    targets[:, 0] = CORPUS.faces["female"][is_train]
    targets[:, 1 + 33] = 1
    layout = OutputLayout("two_logits", "distribution")
    recipe = replace(COSINE, layout=layout, loss=LossOptions(teachers_share=0.9), stages=(Stage(20, 1e-2),))
    network = network_of(recipe)
    trainer = Trainer(network, corpus, recipe, 3, tmp_path / "state", targets=targets)
    assert list(trainer.run())[-1].selection_accuracy == 1
    years = layout.age_years(predict_output(network, corpus.split("test"), recipe, 32))
    assert years == pytest.approx(33, abs=6)


@pytest.mark.parametrize("recipe", [TINY, ALL_AT_ONCE], ids=["plain", "all at once"])
def test_a_finished_training_is_loaded_and_not_repeated(tmp_path: Path, recipe: Recipe) -> None:
    network, results = trained(recipe, tmp_path / "state")
    again, same_results = trained(recipe, tmp_path / "state")
    assert same_results == results  # seconds too
    assert same(weights(again), weights(network)) and not same(weights(again), weights(network_of(recipe)))


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": replace(TINY, loss=replace(TINY.loss, age_weight=1.0))},
        {"corpus": with_other_pixels(CORPUS, "test")},
        {"seed": 4},
        {"identity": "another backbone"},
    ],
    ids=["recipe", "data", "seed", "starting weights"],
)
def test_the_state_of_another_training_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    trained(TINY, tmp_path / "state")
    with pytest.raises(ValueError, match="other options or data; delete it"):
        trained(**{"recipe": TINY, "state": tmp_path / "state", **change})


@pytest.mark.parametrize("recipe", [TINY, ALL_AT_ONCE, replace(TINY, schedule="constant")])
def test_a_longer_training_resumes_from_a_shorter_one(tmp_path: Path, recipe: Recipe) -> None:
    def ending_after(epochs: int) -> Recipe:
        return replace(recipe, stages=(*recipe.stages[:-1], replace(recipe.stages[-1], epochs=epochs)))

    uninterrupted, whole = trained(ending_after(3), tmp_path / "uninterrupted")
    _, first = trained(ending_after(1), tmp_path / "state")
    longer, rest = trained(ending_after(3), tmp_path / "state")
    assert len(first) == len(whole) - 2 and rest[: len(first)] == first
    assert same(weights(longer), weights(uninterrupted))
    with pytest.raises(ValueError, match="already 3 epochs into the last stage: ask for at least that"):
        trained(ending_after(2), tmp_path / "state")


def test_neither_a_cosine_schedule_nor_an_earlier_stage_can_be_made_longer(tmp_path: Path) -> None:
    for name, recipe in [("cosine", COSINE), ("earlier", ALL_AT_ONCE)]:
        trained(recipe, tmp_path / name)
        longer = replace(recipe, stages=(replace(recipe.stages[0], epochs=3), *recipe.stages[1:]))
        with pytest.raises(ValueError, match="other options or data"):
            trained(longer, tmp_path / name)


@pytest.mark.parametrize("counts", [(7, 1), (8, 0)])
def test_too_few_faces_are_refused(tmp_path: Path, counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"{counts[0]} faces to train on and {counts[1]} to select by are too few"):
        Trainer(network_of(TINY), drawn_corpus(*counts), TINY, 0, tmp_path / "state")


def test_test_faces_do_not_influence_the_training(tmp_path: Path) -> None:
    network, results = trained(ALL_AT_ONCE, tmp_path / "first")
    other, same_results = trained(ALL_AT_ONCE, tmp_path / "second", with_other_pixels(CORPUS, "test"))
    assert same(weights(other), weights(network))
    assert [r.selection_loss for r in same_results] == [r.selection_loss for r in results]


def test_selection_faces_do_not_influence_the_weights_without_early_stopping(tmp_path: Path) -> None:
    network, results = trained(AVERAGED, tmp_path / "first")
    other, other_results = trained(AVERAGED, tmp_path / "second", with_other_pixels(CORPUS, "selection"))
    assert same(weights(other), weights(network))
    assert [r.selection_loss for r in other_results] != [r.selection_loss for r in results]


def test_the_weights_depend_on_the_train_faces_and_the_seed(tmp_path: Path) -> None:
    network, _ = trained(COSINE, tmp_path / "first")
    other, _ = trained(COSINE, tmp_path / "second", with_other_pixels(CORPUS, "train"))
    reseeded, _ = trained(COSINE, tmp_path / "third", seed=4)
    assert not same(weights(other), weights(network))
    assert not same(weights(reseeded), weights(network))


@pytest.mark.parametrize("average_decay", [None, 0.9])
def test_early_stopping_keeps_the_best_epochs_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, average_decay: float | None
) -> None:
    evaluated: list[dict[str, torch.Tensor]] = []
    losses = scripted([3, 1, 2, 1, 0, 0])

    def evaluate(network: FaceNetwork, *_: Any) -> tuple[float, float, float]:
        evaluated.append(weights(network))
        return losses()

    monkeypatch.setattr(facetally.gender.training.trainer, "evaluate_network", evaluate)
    recipe = replace(TINY, stages=(Stage(6, 1e-3),), early_stop_epochs=2, average_decay=average_decay)
    network, results = trained(recipe, tmp_path / "state")
    assert [r.selection_loss for r in results] == [3, 1, 2, 1]  # the fourth is no better than the second
    assert same(weights(network), evaluated[1])


def test_the_next_stage_starts_from_the_best_epoch_and_stops_early_on_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facetally.gender.training.trainer, "evaluate_network", scripted([1, 2, 9, 8, 9, 9]))
    recipe = replace(TINY, stages=(Stage(2, 1e-2), Stage(6, 1e-9)), early_stop_epochs=2)
    network = network_of(recipe)
    epochs = []
    for result in Trainer(network, CORPUS, recipe, 3, tmp_path / "state").run():
        epochs.append((result.stage, result.epoch, weights(network)["classifier.1.weight"]))
    assert [epoch[:2] for epoch in epochs] == [(0, 1), (0, 2), (1, 3), (1, 4), (1, 5), (1, 6)]
    assert torch.allclose(epochs[2][2], epochs[0][2], atol=1e-6)  # close to the best epoch
    assert not torch.allclose(epochs[2][2], epochs[1][2], atol=1e-3)


def test_a_plateau_lowers_the_rate_of_the_following_epochs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facetally.gender.training.trainer, "evaluate_network", scripted([2, 1, 1, 1, 1]))
    recipe = replace(TINY, stages=(Stage(5, 0.004),), patience_epochs=1)
    _, results = trained(recipe, tmp_path / "state")
    assert [r.learning_rate for r in results] == pytest.approx([0.001, 0.004, 0.004, 0.004, 0.002])


def test_stages_have_their_own_frozen_blocks_and_sizes(tmp_path: Path) -> None:
    stages = Stage(1, 1e-2, frozen_blocks=None, size_px=40), Stage(1, 1e-2, frozen_blocks=2), Stage(1, 1e-2)
    recipe = replace(COSINE, stages=stages)
    network, sides, after = network_of(recipe), [], [weights(network_of(recipe))]
    network.register_forward_pre_hook(lambda _, crops: sides.append(crops[0].shape[2:]))
    for _ in Trainer(network, CORPUS, recipe, 3, tmp_path / "state").run():
        after.append(weights(network))
    # four batches and one evaluation in each stage
    assert sides == [(40, 40)] * 5 + [(32, 32)] * 10
    blocks = [learning_blocks(*pair) for pair in pairwise(after)]
    assert blocks == [{"classifier"}, {"2", "classifier"}, {"0", "1", "2", "classifier"}]


def test_the_result_is_the_running_average_of_the_weights(tmp_path: Path) -> None:
    recipe = replace(AVERAGED, stages=(Stage(1, 1e-2),))
    network, seen = network_of(recipe), [weights(network_of(recipe))]
    run = Trainer(network, CORPUS, recipe, 3, tmp_path / "state").run(lambda *_: seen.append(weights(network)))
    assert len(list(run)) == 1
    expected = seen[0]["classifier.1.weight"]
    for step, own in enumerate(seen[1:], start=1):
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * own["classifier.1.weight"]
    assert torch.allclose(weights(network)["classifier.1.weight"], expected, atol=1e-6)
    assert weights(network)["features.0.1.num_batches_tracked"] == 4


def test_the_average_is_evaluated_and_not_trained(tmp_path: Path) -> None:
    _, averaged = trained(AVERAGED, tmp_path / "averaged")
    _, plain = trained(replace(AVERAGED, average_decay=None), tmp_path / "plain")
    assert [r.train_loss for r in averaged] == [r.train_loss for r in plain]
    assert [r.selection_loss for r in averaged] != [r.selection_loss for r in plain]


@pytest.mark.parametrize("average_decay", [None, 0.5])
@pytest.mark.parametrize("start_share", [0.25, 1.0])
def test_the_result_has_a_share_of_the_starting_weights(
    tmp_path: Path, average_decay: float | None, start_share: float
) -> None:
    plain = replace(COSINE, average_decay=average_decay)
    before = weights(network_of(plain))
    after = weights(trained(plain, tmp_path / "plain")[0])
    stage = replace(plain.stages[0], start_share=start_share)
    between = weights(trained(replace(plain, stages=(stage,)), tmp_path / "between")[0])
    for name, value in between.items():
        if value.dtype.is_floating_point:
            assert torch.allclose(value, start_share * before[name] + (1 - start_share) * after[name], atol=1e-6), name


def test_the_next_stage_starts_from_the_result(tmp_path: Path) -> None:
    still = replace(COSINE, stages=(Stage(2, 1e-2, start_share=1.0), Stage(1, 0.0, frozen_blocks=None)))
    after, before = weights(trained(still, tmp_path / "state")[0]), weights(network_of(still))
    assert all(torch.equal(value, before[name]) for name, value in after.items() if value.dtype.is_floating_point)


def test_worker_processes_do_not_change_the_result(tmp_path: Path) -> None:
    alone, results = trained(COSINE, tmp_path / "alone")
    parallel, same_results = trained(COSINE, tmp_path / "parallel", workers=2)
    assert same(weights(parallel), weights(alone))
    assert [r.train_loss for r in same_results] == [r.train_loss for r in results]


def test_every_step_is_reported_with_the_total(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    recipe = replace(COSINE, stages=(Stage(1, 1e-3), Stage(2, 1e-3)), epoch_faces=17)
    trainer = Trainer(network_of(recipe), CORPUS, recipe, 3, tmp_path / "state")
    list(trainer.run(lambda step, steps, _: calls.append((step, steps))))
    assert calls == [(step, 6) for step in range(1, 7)]  # 17 faces are two batches of 8; three epochs


def test_a_finished_epoch_leaves_its_state_and_no_temporary_file(tmp_path: Path) -> None:
    run = Trainer(network_of(TINY), CORPUS, TINY, 3, tmp_path / "state").run()
    next(run)
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize(
    ("features", "backbones"),
    [
        ((), ()),
        (("avx512_bf16",), ("five_blocks", "resnet34", "resnet50")),
        (("avx512_bf16", "amx_tile"), ("efficientnet_b0", "five_blocks", "mobilenet_v2", "resnet34", "resnet50")),
    ],
)
def test_bfloat16_is_used_where_the_processor_and_the_backbone_gain_by_it(
    monkeypatch: pytest.MonkeyPatch, features: tuple[str, ...], backbones: tuple[str, ...]
) -> None:
    for feature in ("avx512_bf16", "amx_tile"):
        monkeypatch.setattr(torch.cpu, f"_is_{feature}_supported", lambda has=feature in features: has, raising=False)
    known = sorted(BACKBONES.keys() - {"tiny"})
    assert tuple(name for name in known if autocast("cpu", name)._enabled) == backbones
