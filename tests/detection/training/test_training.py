from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

pytest.importorskip("torch")
import onnxruntime
import torch
from drawn_scenes import drawn_scene, drawn_scenes
from prepared_squares import prepared, prepared_from
from small_scrfd import SCORE_SHIFT, SmallScrfd

from facetally.detection.evaluation import LabelledFaces, matched
from facetally.detection.scrfd import NORMALISED, ScrfdDetector, ScrfdOptions
from facetally.detection.training.augment import SceneAugmentOptions
from facetally.detection.training.export import export_scrfd
from facetally.detection.training.losses import LossOptions
from facetally.detection.training.network import ScrfdNetwork, ScrfdNetworkOptions
from facetally.detection.training.prepared import write_shard
from facetally.detection.training.recipe import ScrfdRecipe
from facetally.detection.training.teacher import Teacher
from facetally.detection.training.training import ScrfdTrainer, TrainingOptions, as_input

SMALL = ScrfdNetworkOptions((8, 8), (1, 1, 1, 1), (16, 24, 32, 48), 16, 16, 1)
TINY = ScrfdRecipe(
    name="tiny",
    network=SMALL,
    augment=SceneAugmentOptions(scales=(0.8, 1.0), shrink_prob=0, jpeg_prob=0, blur_prob=0),
    size_px=96,
    batch_size=8,
    epochs=2,
    epoch_scenes=16,
    learning_rate=1e-2,
    average_decay=0.9,
    loss=LossOptions(teacher_weight=0),
)
TAUGHT = replace(TINY, loss=LossOptions(teacher_score=0.0))
"""For a teacher that knows nothing: its boxes are learnt from at any score."""


def trainer(folder: Path, recipe: ScrfdRecipe = TINY, options: TrainingOptions | None = None) -> ScrfdTrainer:
    squares = prepared(folder / "squares", recipe)
    torch.manual_seed(0)
    return ScrfdTrainer(ScrfdNetwork(recipe.network), squares, recipe, 0, folder / "state", options=options)


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().float() for value in network.state_dict().values()])


def test_a_network_learns_to_find_drawn_faces(tmp_path: Path) -> None:
    learner = trainer(tmp_path, replace(TINY, epochs=8, epoch_scenes=96))
    results = list(learner.run())
    assert results[-1].loss < 0.6 * results[0].loss
    export_scrfd(learner.network, tmp_path / "tiny.onnx", {})
    images = torch.zeros(1, 3, 64, 64)
    raw = onnxruntime.InferenceSession(tmp_path / "tiny.onnx").run(["score_8"], {"input": images.numpy()})[0]
    with torch.no_grad():  # the scores are not shifted unless that is asked for
        assert raw[..., 0] == pytest.approx(learner.network(images)[0][0].sigmoid().numpy(), abs=1e-4)
    detector = ScrfdDetector(tmp_path / "tiny.onnx", ScrfdOptions(input_px=160, min_score=0.02, wide_px=0))
    others = drawn_scenes(12, seed=1)
    found = [detector.detect([scene.image_bgr()])[0] for scene in others]
    labels = [LabelledFaces(scene.boxes, ~scene.is_ignored) for scene in others]
    assert matched(found, labels).average_precision > 0.8


def test_an_interrupted_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "halves").mkdir()
    whole = trainer(tmp_path / "whole")
    list(whole.run())
    stopped = trainer(tmp_path / "halves")
    next(stopped.run())
    resumed = trainer(tmp_path / "halves")
    assert [result.epoch for result in resumed.run()] == [1, 2]
    assert torch.equal(weights(whole.network), weights(resumed.network))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_training_stopped_at_any_step_resumes_to_the_same_weights(tmp_path: Path, steps: int) -> None:
    whole = trainer(tmp_path / "whole")
    losses = [result.loss for result in whole.run()]
    asked: list[bool] = []

    def should_stop() -> bool:
        asked.append(True)
        return len(asked) == steps

    stopped = trainer(tmp_path / "parts", options=TrainingOptions(should_stop=should_stop))
    list(stopped.run())
    assert not stopped.is_finished
    resumed = trainer(tmp_path / "parts")
    assert [result.loss for result in resumed.run()] == pytest.approx(losses)
    assert torch.equal(weights(whole.network), weights(resumed.network))


def test_the_state_is_saved_within_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facetally.detection.training.training.SAVE_EVERY_S", 0.0)
    state = tmp_path / "state"
    seen: list[bool] = []

    def should_stop() -> bool:
        seen.append(state.exists())
        return False

    list(trainer(tmp_path, replace(TINY, epochs=1), TrainingOptions(should_stop=should_stop)).run())
    assert seen == [False, True]


def test_shards_that_are_added_are_used_from_the_next_epoch_on(tmp_path: Path) -> None:
    learner = trainer(tmp_path)
    epochs = learner.run()
    assert next(epochs).shards == 1
    for number, row in enumerate(range(2), start=1):
        write_shard(learner.squares.folder, number, [learner.squares.shards(1)[0].square(row)])
    assert next(epochs).shards == 3


def test_the_losses_in_bfloat16_are_about_those_in_float32(tmp_path: Path) -> None:
    exact = next(trainer(tmp_path / "float32").run())
    rounded = next(trainer(tmp_path / "bfloat16", options=TrainingOptions(bfloat16=True)).run())
    assert rounded.loss != exact.loss
    assert rounded.loss == pytest.approx(exact.loss, rel=0.05)


def test_a_longer_training_resumes_from_before_the_rate_fell_in_a_shorter_one(tmp_path: Path) -> None:
    (tmp_path / "short").mkdir()
    (tmp_path / "long").mkdir()
    short = trainer(tmp_path / "short")
    assert [result.learning_rate < TINY.learning_rate for result in short.run()] == [False, True]
    whole = trainer(tmp_path / "long", replace(TINY, epochs=4))
    list(whole.run())
    longer = trainer(tmp_path / "short", replace(TINY, epochs=4))
    with pytest.raises(ValueError, match=r"put .*held_state in its place"):
        next(longer.run())
    short.held_path.replace(short.state_path)
    assert len(list(longer.run())) == 4
    assert torch.equal(weights(whole.network), weights(longer.network))


def test_a_training_shortened_to_where_its_rate_falls_keeps_that_state(tmp_path: Path) -> None:
    next(trainer(tmp_path, replace(TINY, epochs=4)).run())
    before = (tmp_path / "state").read_bytes()
    shorter = trainer(tmp_path)
    list(shorter.run())
    assert shorter.held_path.read_bytes() == before


def test_a_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    next(trainer(tmp_path).run())
    with pytest.raises(ValueError, match="recipe differ"):
        next(trainer(tmp_path, replace(TINY, learning_rate=2e-2)).run())


def test_too_few_squares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"4 squares in .* too few for a batch"):
        ScrfdTrainer(ScrfdNetwork(SMALL), prepared(tmp_path, TINY, count=1), TINY, 0, tmp_path / "state")


def test_a_teacher_predicts_at_the_networks_own_anchors(small_scrfd: SmallScrfd) -> None:
    torch.manual_seed(0)
    images = torch.randint(0, 255, (2, 96, 96, 3), dtype=torch.uint8)
    predictions = Teacher(small_scrfd.exported).predictions(images)
    with torch.no_grad():
        levels = small_scrfd.network(as_input(images))
    scores = torch.cat([(level[0] + SCORE_SHIFT).sigmoid() for level in levels], dim=1)
    boxes = torch.cat([level[1] for level in levels], dim=1)
    assert predictions.scores.numpy() == pytest.approx(scores.numpy(), abs=1e-4)
    assert predictions.boxes.numpy() == pytest.approx(boxes.numpy(), abs=1e-3)


def test_the_teacher_is_not_run_on_images_labelled_as_faceless(tmp_path: Path) -> None:
    class Forbidden:
        def predictions(self, _: torch.Tensor) -> None:
            raise AssertionError("the teacher was run")

    scenes = [drawn_scene(np.zeros((0, 4)), seed=seed) for seed in range(8)]
    recipe = replace(TINY, epoch_scenes=8)
    squares = prepared_from(scenes, tmp_path, recipe, teacher=cast(Teacher, Forbidden()))
    learner = ScrfdTrainer(ScrfdNetwork(SMALL), squares, recipe, 0, tmp_path / "s")
    assert all(result.loss > 0 for result in learner.run())


def test_scenes_without_labels_are_learnt_from_a_teacher(tmp_path: Path, small_scrfd: SmallScrfd) -> None:
    scenes = [replace(scene, is_labelled=number % 2 == 0) for number, scene in enumerate(drawn_scenes(16))]
    squares = prepared_from(scenes, tmp_path, TAUGHT, teacher=Teacher(small_scrfd.exported))
    assert set(squares.shards(1)[0].kinds) == {"labelled", "taught"}
    learner = ScrfdTrainer(ScrfdNetwork(SMALL), squares, TAUGHT, 0, tmp_path / "s")
    assert all(result.loss > 0 for result in learner.run())


def test_pixels_are_normalised_in_training_as_in_detection() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(3).reshape(1, 16, 16, 3)
    in_detection = NORMALISED[images.numpy()[..., ::-1]].transpose(0, 3, 1, 2)  # BGR -> RGB
    np.testing.assert_allclose(as_input(images).numpy(), in_detection, atol=1e-6)
