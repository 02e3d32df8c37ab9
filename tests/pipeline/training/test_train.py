"""Every recipe trains, exports and evaluates in one call; the faces are drawn: women bright, men dark."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_faces import drawn_crops

pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("onnxscript")
import torch
from quick_training import skip_plots, skip_plots_and_export

from facetally.datasets.labelled_images import ImageSource
from facetally.errors import ModelError, OptionError
from facetally.files import sha256_of
from facetally.gender.attributes import FloatArray
from facetally.gender.calibration import Calibration
from facetally.gender.classifier import FaceGenderClassifier
from facetally.gender.data.face_sets import FaceCorpus
from facetally.gender.model.card import UNITS, commands_of
from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
from facetally.gender.model.outputs import OutputLayout
from facetally.gender.training.distillation import distillation_targets
from facetally.gender.training.recipes import RECIPES, Recipe, Stage
from facetally.gender.training.trainer import EpochResult, Trainer
from facetally.training import teachers as teachers_module
from facetally.training import train
from facetally.training.evaluate import evaluate_classifier
from facetally.training.face_crops import cut_sources
from facetally.training.train import TrainedModel, TrainingJob, train_model

MODELS = Path(__file__).resolve().parents[3] / "models"

TINY = replace(RECIPES["genderage"], size_px=32, stages=(Stage(3, 1e-3),), batch_size=16, early_stop_epochs=None)
"""A recipe that trains within a second."""


@dataclass
class Watching:
    """Keeps the results of the epochs, and stops the training after some of them."""

    stop_after: int = 1000
    results: list[EpochResult] = field(default_factory=list)

    def cutting(self, source: str, done: int, total: int) -> None: ...

    def teaching(self, done: int, total: int) -> None: ...

    def step(self, step: int, steps: int, loss: float) -> None: ...

    def epoch(self, result: EpochResult) -> None:
        self.results.append(result)
        if len(self.results) == self.stop_after:
            raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 images named as in UTKFace: women are about 60, men about 20."""
    folder = tmp_path_factory.mktemp("images")
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(90)])):
        cv2.imwrite(str(folder / f"{20 + 40 * (number % 2) + number % 3}_{number % 2}_0_{number}.png"), crop)
    return folder


def job(images: Path, out: Path, recipe: Recipe = TINY) -> TrainingJob:
    return TrainingJob(recipe, (ImageSource("drawn", (images,)),), out, detector=None, command="as asked")


@pytest.fixture
def unexported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings write no .onnx and empty plots, as both take seconds: for tests that do not use them."""
    skip_plots_and_export(monkeypatch)


@dataclass(frozen=True)
class Finished:
    """A finished training of `TINY`."""

    model: TrainedModel
    results: list[EpochResult]
    """As the training reported them."""

    @property
    def checkpoint(self) -> Path:
        return self.model.folder / "genderage.pth"


@pytest.fixture(scope="module")
def finished(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    watcher = Watching()
    with pytest.MonkeyPatch.context() as patched:
        skip_plots_and_export(patched)
        model = train_model(job(images, tmp_path_factory.mktemp("finished")), watcher)
    return Finished(model, watcher.results)


TRAINED_SMALLER = dict.fromkeys(("gender-utkface", "gender-focal", "gender-age-128"), "facetally") | {
    f"faces-{backbone}": f"age-{backbone}" for backbone in ("resnet50", "resnet34", "efficientnet-b0")
}
"""Recipes with the backbone of another. Each export of it takes seconds, so they get a smaller one; "gender-utkface" is
trained and exported as it is in tests/scripts/test_finetune_gender_classifier.py."""


def kinds_of_stages(recipe: Recipe) -> list[Stage]:
    """One stage of those that differ in nothing but their epochs and learning rate."""
    return list({(stage.frozen_blocks, stage.size_px, stage.start_share): stage for stage in recipe.stages}.values())


@pytest.fixture(scope="module", params=RECIPES)
def smoke(request: pytest.FixtureRequest, images: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    """A recipe, trained an epoch per kind of stage on crops of half its size; of the plots only curves are drawn."""
    recipe = RECIPES[request.param].shortened(1)
    stages = tuple(replace(stage, size_px=stage.size_px and stage.size_px // 2) for stage in kinds_of_stages(recipe))
    recipe = replace(recipe, size_px=recipe.size_px // 2, stages=stages)
    recipe = replace(recipe, batch_size=min(recipe.batch_size, 32), ages=(0, 200))
    if recipe.name in TRAINED_SMALLER:
        assert recipe.network.backbone == RECIPES[TRAINED_SMALLER[recipe.name]].network.backbone
        recipe = replace(recipe, network=replace(recipe.network, backbone="five_blocks"))
    with pytest.MonkeyPatch.context() as patched:
        skip_plots(patched)
        return train_model(job(images, tmp_path_factory.mktemp(request.param), recipe), Watching())


def test_every_recipe_trains_exports_and_evaluates(smoke: TrainedModel) -> None:
    name, layout = smoke.card.name, smoke.card.layout
    written = {path.name for path in smoke.folder.iterdir()}
    assert {f"{name}.pth", f"{name}.onnx", "README.md", "evaluation", "state.pth", "crops"} == written
    assert [result.epoch for result in smoke.history] == list(range(1, 1 + len(kinds_of_stages(RECIPES[name]))))
    assert smoke.metrics == json.loads((smoke.folder / "evaluation" / "metrics.json").read_text())
    assert smoke.metrics["count"] == smoke.card.data["sets"]["drawn"]["test"] > 3
    assert (smoke.metrics["gender"] is None) == (layout.gender == "none")
    assert (smoke.metrics["age"] is None) == (layout.age == "none")
    assert (smoke.folder / "evaluation" / "curves.png").stat().st_size > 5000
    assert f"| drawn | {smoke.metrics['count']} |" in (smoke.folder / "README.md").read_text()


def test_both_files_of_every_recipe_agree(smoke: TrainedModel) -> None:
    recipe = RECIPES[smoke.card.name]
    models = [FaceGenderClassifier(smoke.folder / f"{recipe.name}{suffix}") for suffix in (".pth", ".onnx")]
    side = smoke.card.crop["size_px"]
    crops = np.random.default_rng(0).integers(0, 256, (3, side, side, 3), dtype=np.uint8)
    from_pth, from_onnx = (model.predict(crops) for model in models)
    assert models[0].card == models[1].card == smoke.card
    assert np.allclose(from_pth.female_prob, from_onnx.female_prob, atol=1e-3)
    assert np.allclose(from_pth.age_years, from_onnx.age_years, atol=0.1, equal_nan=True)
    fitted = {"crop"} if recipe.tune_threshold else set(UNITS)
    assert set(smoke.card.calibration) == (set() if recipe.layout.gender == "none" else fitted)
    assert not recipe.tune_threshold or smoke.card.calibration["crop"]["slope"] == 1
    smoothing = recipe.loss.gender_smoothing
    assert [smoke.card.calibration_of(unit).smoothing for unit in UNITS] == [smoothing, smoothing]
    assert smoke.card.calibration_of("track") == Calibration(smoothing=smoothing)


@pytest.mark.usefixtures("unexported")
def test_a_stopped_training_resumes_and_ends_with_the_same_weights(
    finished: Finished, images: Path, tmp_path: Path
) -> None:
    stopped, resumed = Watching(stop_after=2), Watching()
    with pytest.raises(KeyboardInterrupt):
        train_model(job(images, tmp_path), stopped)
    assert not (tmp_path / "genderage.pth").exists()
    train_model(job(images, tmp_path), resumed)
    first, second = (load_checkpoint(path) for path in (finished.checkpoint, tmp_path / "genderage.pth"))
    assert first[1] == second[1]
    weights = second[0].state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in first[0].state_dict().items())
    assert [replace(r, seconds=0) for r in finished.results] == [replace(r, seconds=0) for r in resumed.results]


@pytest.mark.usefixtures("unexported")
def test_a_finished_network_continues_with_the_last_stage_and_keeps_the_same_images_held_out(
    finished: Finished, images: Path, tmp_path: Path
) -> None:
    first, stages = finished.model, (Stage(3, 1e-3), Stage(1, 0.0))
    recipe = replace(TINY, stages=stages, size_px=48).last_stage()
    asked = replace(job(images, tmp_path, recipe), start=finished.checkpoint, seed=5)
    second = train_model(asked, Watching())
    assert [result.learning_rate for result in second.history] == [0]
    weights = [dict(load_checkpoint(model.folder / "genderage.pth")[0].named_parameters()) for model in (first, second)]
    assert all(torch.equal(value, weights[0][name]) for name, value in weights[1].items())
    assert second.card.held_out == first.card.held_out
    assert second.card.data == first.card.data
    assert second.card.training["before"] == first.card.training
    assert second.card.crop["size_px"] == 48


def test_a_start_of_another_recipe_is_refused_before_anything_is_cut(
    finished: Finished, images: Path, tmp_path: Path
) -> None:
    other = replace(TINY, network=replace(TINY.network, hidden=64))
    for file, message in (
        ("genderage.pth", "not a network of recipe genderage"),
        ("state.pth", "not a facetally checkpoint"),
    ):
        asked = replace(job(images, tmp_path / "out", other), start=finished.model.folder / file)
        with pytest.raises(ModelError, match=message):
            train_model(asked, Watching())
    assert not list((tmp_path / "out").iterdir())


def test_earlier_weights_without_a_record_of_held_out_images_are_refused(
    finished: Finished, images: Path, tmp_path: Path
) -> None:
    network, card = load_checkpoint(finished.checkpoint)
    save_checkpoint(tmp_path / "old.pth", network, replace(card, held_out={}))
    new = job(images, tmp_path / "out")
    for asked in (replace(new, start=tmp_path / "old.pth"), replace(new, backbone=tmp_path / "old.pth")):
        with pytest.raises(ModelError, match="does not record which images"):
            train_model(asked, Watching())


LEARNER = replace(TINY, layout=OutputLayout("two_logits", "distribution"), stages=(Stage(1, 1e-3),))
"""A recipe that supports teachers."""


@pytest.fixture(scope="module")
def teacher(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of `LEARNER` after one epoch."""
    out = tmp_path_factory.mktemp("teacher")
    with pytest.MonkeyPatch.context() as patched:
        skip_plots(patched)
        train_model(job(images, out, LEARNER), Watching())
    return out / "genderage.onnx"


@pytest.mark.usefixtures("unexported")
def test_teachers_predict_once_and_are_named_in_the_card(
    images: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    larger = replace(LEARNER, size_px=48, stages=(Stage(2, 1e-3),))
    asked = replace(job(images, tmp_path, larger), teachers=(teacher, teacher.with_suffix(".pth")))
    with pytest.raises(KeyboardInterrupt):
        train_model(asked, Watching(stop_after=1))
    (targets,) = tmp_path.glob("targets-*.npy")
    monkeypatch.setattr(teachers_module, "distillation_targets", None)
    card = train_model(asked, Watching()).card
    assert card.training["teachers"] == [sha256_of(path) for path in asked.teachers]
    assert np.load(targets).shape == (card.data["sets"]["drawn"]["train"], 102)
    with pytest.raises(OptionError, match="other options or data"):
        train_model(replace(asked, teachers=()), Watching())


@pytest.mark.usefixtures("unexported")
def test_crops_are_cut_for_the_teacher_with_the_largest_input(
    images: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_model(job(images, tmp_path / "larger", replace(LEARNER, size_px=48)), Watching())
    teachers = (teacher, tmp_path / "larger" / "genderage.pth")
    trained_with_teachers: list[FaceCorpus] = []

    def recorded(teachers: Sequence[FaceGenderClassifier], faces: FaceCorpus, *rest: Any) -> FloatArray:
        trained_with_teachers.append(faces)
        return distillation_targets(teachers, faces, *rest)

    monkeypatch.setattr(teachers_module, "distillation_targets", recorded)
    card = train_model(replace(job(images, tmp_path / "out", LEARNER), teachers=teachers), Watching()).card
    sides = [round(corpus.sets[0].crops.shape[1] * (1 - 2 * corpus.margin_share)) for corpus in trained_with_teachers]
    assert sides == [48]
    assert card.crop["size_px"] == LEARNER.size_px == 32


@pytest.mark.usefixtures("unexported")
def test_what_the_first_teacher_held_out_stays_held_out_and_others_must_have_held_it_out_too(
    images: Path, teacher: Path, tmp_path: Path
) -> None:
    held_out = load_checkpoint(teacher.with_suffix(".pth"))[1].held_out
    taught = replace(job(images, tmp_path / "taught", LEARNER), teachers=(teacher,), seed=1)
    assert train_model(taught, Watching()).card.held_out == held_out
    continued = replace(taught, out=tmp_path / "continued", start=teacher.with_suffix(".pth"))
    assert train_model(continued, Watching()).card.held_out == held_out
    assert train_model(replace(job(images, tmp_path / "other", LEARNER), seed=1), Watching()).card.held_out != held_out
    both = replace(taught, out=tmp_path / "both", teachers=(teacher, tmp_path / "other" / "genderage.pth"))
    with pytest.raises(OptionError, match=r"may have been trained on \d+ images that this training holds out"):
        train_model(both, Watching())


def test_a_teacher_without_a_record_of_held_out_images_is_refused(images: Path, teacher: Path, tmp_path: Path) -> None:
    network, card = load_checkpoint(teacher.with_suffix(".pth"))
    save_checkpoint(tmp_path / "old.pth", network, replace(card, held_out={}))
    asked = replace(job(images, tmp_path / "out", LEARNER), teachers=(tmp_path / "old.pth",))
    with pytest.raises(OptionError, match=r"may have been trained on \d+ images that this training holds out"):
        train_model(asked, Watching())


@pytest.mark.usefixtures("unexported")
def test_a_teacher_may_be_older_than_some_of_the_sets(images: Path, teacher: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    for path in sorted(images.iterdir()):
        image = cv2.imread(str(path))
        assert image is not None
        cv2.imwrite(str(new / path.name), 255 - image)
    asked = replace(job(images, tmp_path / "out", LEARNER), teachers=(teacher,))
    asked = replace(asked, sources=(*asked.sources, ImageSource("new", (new,))), start=teacher.with_suffix(".pth"))
    assert train_model(asked, Watching()).card.data["sets"]["new"]["test"]


@pytest.mark.usefixtures("unexported")
def test_soft_labels_teach_the_faces_that_they_name(images: Path, teacher: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in images.iterdir())[:20]
    table = tmp_path / "other.csv"
    table.write_text("file,female_prob\n" + "".join(f"{name},0.75\n" for name in names))
    asked = replace(job(images, tmp_path / "out", LEARNER), teachers=(teacher,), soft_labels=(("drawn", table),))
    trained = train_model(asked, Watching())
    (targets,) = (tmp_path / "out").glob("targets-*.npy")
    taught = int((~np.isnan(np.load(targets)).any(axis=1)).sum())
    assert 0 < taught <= len(names) < trained.card.data["sets"]["drawn"]["train"]
    assert trained.card.training["soft_labels"] == {"drawn": sha256_of(table)}
    table.write_text("file,female_prob\n" + "".join(f"{name},0.25\n" for name in names))
    with pytest.raises(OptionError, match="other options or data"):
        train_model(asked, Watching())


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("drawn", "file,female\na.png,1\n", "has no column female_prob; its columns are file, female"),
        ("drawn", "file,female_prob\na.png,1.2\n", "female_prob of a.png is not a probability"),
        ("drawn", "file,female_prob\na.png,\n", "female_prob of a.png is not a probability"),
        ("drawn", "file,female_prob\na.png,1\na.png,0\n", "names a.png twice"),
        ("drawn", "", "No columns"),
        ("drawn", "file,female_prob\nunknown.png,1\n", "name no image that is learned from"),
        ("photos", "file,female_prob\na.png,1\n", "the soft labels photos are for no set of images"),
    ],
)
def test_wrong_soft_labels_are_refused(
    images: Path, teacher: Path, tmp_path: Path, name: str, text: str, problem: str
) -> None:
    table = tmp_path / "other.csv"
    table.write_text(text)
    asked = replace(job(images, tmp_path / "out", LEARNER), teachers=(teacher,), soft_labels=((name, table),))
    with pytest.raises(OptionError, match=problem):
        train_model(asked, Watching())


def test_soft_labels_without_a_teacher_are_refused(images: Path, tmp_path: Path) -> None:
    asked = replace(job(images, tmp_path, LEARNER), soft_labels=(("drawn", tmp_path / "none.csv"),))
    with pytest.raises(OptionError, match="soft labels need a teacher"):
        train_model(asked, Watching())


def test_a_teacher_with_other_outputs_is_refused_before_anything_is_cut(
    images: Path, teacher: Path, tmp_path: Path
) -> None:
    out, broken, other = tmp_path / "out", tmp_path / "broken.onnx", MODELS / "mobilenetv2_gender_utkface.onnx"
    broken.write_bytes(b"nothing")
    for path, message in ((other, "does not have the outputs of recipe"), (broken, "is not a facetally classifier")):
        with pytest.raises(ModelError, match=message):
            train_model(replace(job(images, out, LEARNER), teachers=(path,)), Watching())
    with pytest.raises(OptionError, match="recipe genderage does not support teachers"):
        train_model(replace(job(images, out), teachers=(teacher,)), Watching())
    assert not list(out.iterdir())


def test_another_recipe_in_the_same_folder_is_a_clear_error(images: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_model(job(images, tmp_path), Watching(stop_after=1))
    with pytest.raises(OptionError, match="other options or data") as caught:
        train_model(job(images, tmp_path, replace(TINY, weight_decay=0.1)), Watching())
    assert str(tmp_path / "state.pth") in caught.value.fix


def test_a_training_does_not_resume_with_crops_of_another_detector(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The images are the same, and so is the corpus's fingerprint."""
    monkeypatch.setattr(train, "cut_sources", lambda sources, _, *rest: cut_sources(sources, None, *rest))
    (tmp_path / "detector.onnx").write_bytes(b"another")
    with pytest.raises(KeyboardInterrupt):
        train_model(job(images, tmp_path), Watching(stop_after=1))
    with pytest.raises(OptionError, match="other options or data"):
        train_model(replace(job(images, tmp_path), detector=tmp_path / "detector.onnx"), Watching())


@pytest.mark.usefixtures("unexported")
def test_no_test_image_is_trained_on_or_selected_by(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[FaceCorpus] = []
    trainers: list[Trainer] = []
    run = Trainer.run

    def evaluated(classifier: FaceGenderClassifier, corpus: FaceCorpus, *rest: Any) -> dict[str, Any]:
        reported.append(corpus)
        return evaluate_classifier(classifier, corpus, *rest)

    def ran(trainer: Trainer, on_step: Callable[[int, int, float], None]) -> Iterator[EpochResult]:
        trainers.append(trainer)
        return run(trainer, on_step)

    monkeypatch.setattr(train, "evaluate_classifier", evaluated)
    monkeypatch.setattr(Trainer, "run", ran)
    for path in list(images.iterdir()):
        (tmp_path / "twice" / "b").mkdir(parents=True, exist_ok=True)
        for copy in (path.name, f"b/{path.name}"):
            (tmp_path / "twice" / copy).write_bytes(path.read_bytes())
    metrics = train_model(job(tmp_path / "twice", tmp_path / "out"), Watching()).metrics
    parts = (reported[0], trainers[0].train_faces, trainers[0].selection)
    test, train_images, selection = (set(part.faces["digest"]) for part in parts)
    assert len(test) == metrics["count"] == len(reported[0])
    assert test.isdisjoint(train_images | selection) and train_images.isdisjoint(selection)
    assert len(test | train_images | selection) == 90


def test_a_recipe_needs_labels_for_all_attributes_that_it_predicts(tmp_path: Path) -> None:
    for number, crop in enumerate(drawn_crops([number % 2 for number in range(90)])):
        folder = tmp_path / "images" / ("male", "female")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{number}.png"), crop)
    with pytest.raises(OptionError, match="no face of the train split is labelled with age"):
        train_model(job(tmp_path / "images", tmp_path / "out"), Watching())


def test_too_few_images_are_a_clear_error(images: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="too few: at least a batch of 512") as caught:
        train_model(job(images, tmp_path, replace(TINY, batch_size=512)), Watching())
    assert "--data" in caught.value.fix


def test_an_age_range_without_faces_is_a_clear_error(images: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no face is left"):
        train_model(job(images, tmp_path, replace(TINY, ages=(90, 99))), Watching())


def test_the_backbone_of_another_network_is_refused_before_anything_is_cut(images: Path, tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "backbone.pth")
    with pytest.raises(ModelError, match=r"backbone\.pth is not a backbone of this network"):
        train_model(replace(job(images, tmp_path / "out"), backbone=tmp_path / "backbone.pth"), Watching())
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.usefixtures("unexported")
def test_what_a_backbone_of_ours_held_out_stays_held_out(finished: Finished, images: Path, tmp_path: Path) -> None:
    other = replace(TINY, name="other", layout=OutputLayout("none", "per_100"), stages=(Stage(1, 1e-3),))
    asked = replace(job(images, tmp_path, other), backbone=finished.checkpoint, seed=1, command="then")
    card, before = train_model(asked, Watching()).card, finished.model.card
    assert card.held_out == before.held_out
    assert card.data["backbone"] == "genderage.pth"
    assert commands_of(card.training) == ["as asked", "then"]
    with pytest.raises(OptionError, match="drawn from copies may be among those"):
        train_model(replace(asked, out=tmp_path / "copies", copies=2), Watching())
    drawn_anew = train_model(replace(asked, out=tmp_path / "new", backbone=None), Watching()).card
    assert drawn_anew.held_out != before.held_out


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_missing_cuda_is_a_clear_error(images: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--device cuda"):
        train_model(replace(job(images, tmp_path), device="cuda"), Watching())


@pytest.mark.timeout(150)
def test_a_worker_prepares_crops_after_opencv_has_used_threads(images: Path, tmp_path: Path) -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(4)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (31, 31), 5)
    alone, helped = Watching(stop_after=1), Watching(stop_after=1)
    for watcher, workers in ((alone, 0), (helped, 1)):
        with pytest.raises(KeyboardInterrupt):
            train_model(replace(job(images, tmp_path / str(workers)), workers=workers), watcher)
    assert replace(alone.results[0], seconds=0) == replace(helped.results[0], seconds=0)
    cv2.setNumThreads(before)
