from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from facetally.gender.classifier import AT_ONCE, FaceGenderClassifier
from facetally.gender.model.card import ONNX_METADATA_KEY, ModelCard, Unit

MODELS = Path(__file__).resolve().parents[2] / "models"


def redness_model(path: Path, card: ModelCard | None, columns: int = 8) -> Path:
    """An .onnx whose logits are (4 * mean red, 0) of the leftmost columns, built by hand."""
    nodes = [
        helper.make_node("Slice", ["input", "left", "right", "axis"], ["part"]),
        helper.make_node("GlobalAveragePool", ["part"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]
    weights = numpy_helper.from_array(np.array([[4, 0], [0, 0], [0, 0]], np.float32), "weights")
    pixels = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    logits = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["n", 2])
    bounds = {"left": 0, "right": columns, "axis": 3}
    edges = [numpy_helper.from_array(np.array([value]), name) for name, value in bounds.items()]
    graph = helper.make_graph(nodes, "redness", [pixels], [logits], [weights, *edges])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if card:
        helper.set_model_props(model, {ONNX_METADATA_KEY: card.to_json()})
    onnx.save(model, path)
    return path


@pytest.fixture
def plain_card(card: ModelCard) -> ModelCard:
    """Pixels are scaled to 0 to 1, and the first logit is female."""
    plain = replace(card, class_names=("female", "male"), pixel_mean=(0.0, 0.0, 0.0), pixel_std=(1.0, 1.0, 1.0))
    return replace(plain, crop={"size_px": 8, "template_scale": 1.0, "border": "replicate"})


def painted(*colours: tuple[int, int, int]) -> np.ndarray:
    return np.array(colours, np.uint8)[:, None, None, :].repeat(8, axis=1).repeat(8, axis=2)


def test_the_probability_is_the_sigmoid_of_the_logits_difference(tmp_path: Path, plain_card: ModelCard) -> None:
    classifier = FaceGenderClassifier(redness_model(tmp_path / "red.onnx", plain_card))
    predictions = classifier.predict(painted((255, 0, 0), (0, 0, 255), (51, 9, 9)))  # RGB: the second is blue
    expected = [1 / (1 + math.exp(-4)), 0.5, 1 / (1 + math.exp(-0.8))]
    assert predictions.female_prob.dtype == np.float32
    assert predictions.female_prob.tolist() == pytest.approx(expected, abs=1e-6)
    assert np.isnan(predictions.age_years).all()
    assert classifier.trained and classifier.card == plain_card


def test_the_class_order_is_read_from_the_card(tmp_path: Path, plain_card: ModelCard) -> None:
    turned = replace(plain_card, class_names=("male", "female"))
    models = (redness_model(tmp_path / "a.onnx", plain_card), redness_model(tmp_path / "b.onnx", turned))
    first, second = (FaceGenderClassifier(m).predict(painted((255, 0, 0))).female_prob[0] for m in models)
    assert first > 0.98
    assert second == pytest.approx(1 - first, abs=1e-6)


def test_the_class_order_of_a_checkpoint_is_read_from_its_card(
    tmp_path: Path, weights_pair: tuple[Path, Path], card: ModelCard, crops: np.ndarray
) -> None:
    pytest.importorskip("torch")
    from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint

    turned = replace(card, class_names=("female", "male"))
    save_checkpoint(tmp_path / "turned.pth", load_checkpoint(weights_pair[0])[0], turned)
    first = FaceGenderClassifier(weights_pair[0]).predict(crops).female_prob
    assert np.abs(first - 0.5).max() > 0.1
    assert np.allclose(FaceGenderClassifier(tmp_path / "turned.pth").predict(crops).female_prob, 1 - first, atol=1e-6)


def test_extreme_logits_give_0_and_1_without_overflow(tmp_path: Path, plain_card: ModelCard) -> None:
    card = replace(plain_card, pixel_mean=(0.5, 0.0, 0.0), pixel_std=(1e-3, 1.0, 1.0))  # logits of +-2000
    classifier = FaceGenderClassifier(redness_model(tmp_path / "red.onnx", card))
    with np.errstate(all="raise"):
        predictions = classifier.predict(painted((255, 0, 0), (0, 0, 0)))
    assert predictions.female_prob.tolist() == pytest.approx([1, 0], abs=1e-6)


def test_no_crops_give_no_predictions(tmp_path: Path, plain_card: ModelCard) -> None:
    classifier = FaceGenderClassifier(redness_model(tmp_path / "red.onnx", plain_card))
    assert len(classifier.predict(np.zeros((0, 8, 8, 3), np.uint8))) == 0


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((2, 8, 8, 3), np.float32),
        ((2, 9, 9, 3), np.uint8),
        ((2, 3, 8, 8), np.uint8),
        ((8, 8, 3), np.uint8),
        ((0,), np.uint8),
    ],
)
def test_crops_of_another_shape_or_dtype_are_refused(
    tmp_path: Path, plain_card: ModelCard, shape: tuple[int, ...], dtype: type
) -> None:
    classifier = FaceGenderClassifier(redness_model(tmp_path / "red.onnx", plain_card))
    with pytest.raises(ValueError, match=r"must be \(N, 8, 8, 3\) uint8"):
        classifier.predict(np.zeros(shape, dtype))


@pytest.mark.parametrize("name", ["weights.onnx", "weights.pth"])
def test_a_missing_file_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=name):
        FaceGenderClassifier(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"text that calls itself a model"])
def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.onnx is not a facetally classifier"):
        FaceGenderClassifier(tmp_path / "weights.onnx")


def test_a_truncated_onnx_is_refused(tmp_path: Path, plain_card: ModelCard) -> None:
    whole = redness_model(tmp_path / "whole.onnx", plain_card).read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.onnx is not a facetally classifier"):
        FaceGenderClassifier(tmp_path / "cut.onnx")


def test_an_onnx_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it has no card"):
        FaceGenderClassifier(redness_model(tmp_path / "foreign.onnx", None))


def test_an_onnx_with_an_unreadable_card_is_refused(tmp_path: Path, plain_card: ModelCard) -> None:
    model = onnx.load(redness_model(tmp_path / "red.onnx", plain_card))
    helper.set_model_props(model, {ONNX_METADATA_KEY: '{"name": "no more"}'})
    onnx.save(model, tmp_path / "red.onnx")
    with pytest.raises(ValueError, match="incomplete model card"):
        FaceGenderClassifier(tmp_path / "red.onnx")


def test_an_onnx_whose_output_is_not_what_its_card_says_is_refused(tmp_path: Path, plain_card: ModelCard) -> None:
    card = replace(plain_card, outputs={"gender": "female_logit", "age": "distribution"})
    with pytest.raises(ValueError, match=r"its output is \(1, 2\), and its card says \(1, 102\)"):
        FaceGenderClassifier(redness_model(tmp_path / "m.onnx", card))


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.h5").write_bytes(b"")
    with pytest.raises(ValueError, match=r"must end in \.onnx or \.pth"):
        FaceGenderClassifier(tmp_path / "weights.h5")


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="has CUDA")
def test_cuda_that_is_not_available_is_an_error(tmp_path: Path, plain_card: ModelCard) -> None:
    with pytest.raises(RuntimeError, match="CUDA"):
        FaceGenderClassifier(redness_model(tmp_path / "red.onnx", plain_card), device="cuda")


@pytest.mark.parametrize("which", [0, 1], ids=["pth", "onnx"])
def test_a_crop_gets_the_same_prediction_alone_as_in_a_batch(
    weights_pair: tuple[Path, Path], crops: np.ndarray, which: int
) -> None:
    classifier = FaceGenderClassifier(weights_pair[which], threads=1)
    together = classifier.predict(crops).female_prob
    alone = [classifier.predict(crops[i : i + 1]).female_prob[0] for i in range(9)]
    assert np.ptp(together) > 0.1
    assert np.allclose(together, alone, atol=1e-4)


def test_checkpoint_and_onnx_agree(weights_pair: tuple[Path, Path], crops: np.ndarray) -> None:
    from_pth, from_onnx = (FaceGenderClassifier(path).predict(crops).female_prob for path in weights_pair)
    assert np.ptp(from_pth) > 0.1
    assert np.allclose(from_pth, from_onnx, atol=1e-4)


def test_an_untrained_network_always_predicts_one_half(weights_pair: tuple[Path, Path], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save(torch.load(weights_pair[0], weights_only=True)["weights"], tmp_path / "backbone.pth")
    classifier = FaceGenderClassifier.untrained(tmp_path / "backbone.pth")
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    assert classifier.predict(crops).female_prob.tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(classifier.predict(crops).age_years).all()
    assert not classifier.trained


def test_the_bundled_weights_agree_in_both_formats() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from_pth, from_onnx = (FaceGenderClassifier(MODELS / f"mobilenetv2_gender_utkface{s}") for s in (".pth", ".onnx"))
    side = from_onnx.card.crop["size_px"]
    coarse = np.random.default_rng(0).integers(0, 256, (8, 7, 7, 3), dtype=np.uint8)
    crops = coarse.repeat(side // 7, axis=1).repeat(side // 7, axis=2)
    expected = from_pth.predict(crops).female_prob
    assert from_pth.card == from_onnx.card
    assert np.ptp(expected) > 0.1
    assert np.allclose(from_onnx.predict(crops).female_prob, expected, atol=1e-4)


LAYOUTS = (
    ("two_logits", "none"),
    ("two_logits", "per_100"),
    ("two_logits", "distribution"),
    ("female_logit", "none"),
    ("none", "per_100"),
)


@pytest.fixture(scope="module", params=LAYOUTS, ids="+".join)
def laid_out(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, card: ModelCard
) -> Iterator[tuple[Path, Path]]:
    """A network of one block with this output layout, as .pth and as .onnx."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from facetally.gender.model import networks
    from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
    from facetally.gender.model.export import export_onnx

    gender, age = request.param
    card = replace(card, architecture="one_block", network={"hidden": 8}, outputs={"gender": gender, "age": age})
    torch.manual_seed(0)
    block = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=4), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
    folder = tmp_path_factory.mktemp("laid_out")
    with pytest.MonkeyPatch.context() as patched:  # exports of larger networks take longer, and the head is the same
        patched.setitem(networks.BACKBONES, "one_block", lambda: (torch.nn.Sequential(copy.deepcopy(block)), 8))
        network = networks.FaceNetwork(networks.NetworkOptions("one_block", hidden=8), card.layout.column_count)
        torch.nn.init.normal_(network.classifier[-1].weight, std=2)
        save_checkpoint(folder / "small.pth", network, card)
        export_onnx(folder / "small.onnx", *load_checkpoint(folder / "small.pth"))
        yield folder / "small.pth", folder / "small.onnx"


def test_both_formats_agree_for_every_output_layout(laid_out: tuple[Path, Path], crops: np.ndarray) -> None:
    from_pth, from_onnx = (FaceGenderClassifier(path).predict(crops) for path in laid_out)
    layout = FaceGenderClassifier(laid_out[1]).card.layout
    assert (np.ptp(from_pth.female_prob) > 1e-3) == (layout.gender != "none")
    assert np.isnan(from_pth.age_years).all() == (layout.age == "none")
    assert np.allclose(from_pth.female_prob, from_onnx.female_prob, atol=1e-4)
    assert np.allclose(from_pth.age_years, from_onnx.age_years, atol=1e-2, equal_nan=True)
    assert len(FaceGenderClassifier(laid_out[1]).predict(crops[:0])) == 0


def constant_model(path: Path, card: ModelCard, columns: np.ndarray) -> FaceGenderClassifier:
    """An .onnx that outputs these columns for every crop, built by hand."""
    zeros = numpy_helper.from_array(np.zeros((3, len(columns)), np.float32), "zeros")
    prediction = numpy_helper.from_array(columns.astype(np.float32), "constant")
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Gemm", ["flat", "zeros", "constant"], ["output"]),
    ]
    pixels = helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    output = helper.make_tensor_value_info("output", onnx.TensorProto.FLOAT, ["n", len(columns)])
    graph = helper.make_graph(nodes, "constant", [pixels], [output], [zeros, prediction])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {ONNX_METADATA_KEY: card.to_json()})
    onnx.save(model, path)
    return FaceGenderClassifier(path)


def test_an_age_is_the_expectation_over_the_years(tmp_path: Path, plain_card: ModelCard) -> None:
    years = np.full(101, -100.0)
    years[20], years[60] = math.log(3), 0  # three to one
    card = replace(plain_card, outputs={"gender": "female_logit", "age": "distribution"})
    predictions = constant_model(tmp_path / "m.onnx", card, np.array([0, *years])).predict(painted((0, 0, 0)))
    assert predictions.age_years.tolist() == pytest.approx([30])  # 20 * 3/4 + 60 * 1/4
    assert predictions.female_prob.tolist() == [0.5]


def test_without_gender_columns_it_is_one_half_and_the_age_is_predicted(tmp_path: Path, plain_card: ModelCard) -> None:
    card = replace(plain_card, outputs={"gender": "none", "age": "per_100"})
    predictions = constant_model(tmp_path / "m.onnx", card, np.array([0.375])).predict(painted((0, 0, 0), (9, 9, 9)))
    assert predictions.age_years.tolist() == pytest.approx([37.5, 37.5])
    assert predictions.female_prob.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("unit", "odds"), [("crop", 0.5 * 4 - 1), ("track", 0.25 * 4)])
def test_probabilities_are_calibrated_for_a_crop_or_a_track(
    tmp_path: Path, plain_card: ModelCard, unit: Unit, odds: float
) -> None:
    lines = {"crop": {"slope": 0.5, "offset": -1.0}, "track": {"slope": 0.25, "offset": 0.0}}
    path = redness_model(tmp_path / "red.onnx", replace(plain_card, calibration=lines))
    predictions = FaceGenderClassifier(path, unit=unit).predict(painted((255, 0, 0)))
    assert predictions.female_prob[0] == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-6)


@pytest.mark.parametrize(("unit", "odds"), [("crop", [2, 2]), ("track", [4, 0])])
def test_mirrored_predictions_are_the_mean_over_both_images_for_single_crops_only(
    tmp_path: Path, plain_card: ModelCard, unit: Unit, odds: list[float]
) -> None:
    path = redness_model(tmp_path / "left.onnx", replace(plain_card, mirrored=True), columns=4)
    left_red = painted((255, 0, 0))
    left_red[:, :, 4:] = 0
    crops = np.concatenate([left_red, left_red[:, :, ::-1]])
    predicted = FaceGenderClassifier(path, unit=unit).predict(crops).female_prob
    assert predicted.tolist() == pytest.approx([1 / (1 + math.exp(-each)) for each in odds], abs=1e-6)


def test_an_unknown_unit_is_refused(tmp_path: Path, plain_card: ModelCard) -> None:
    film: Any = "film"
    with pytest.raises(ValueError, match="unit must be one of"):
        FaceGenderClassifier(redness_model(tmp_path / "red.onnx", plain_card), unit=film)


def test_many_crops_are_classified_a_few_at_a_time(tmp_path: Path, plain_card: ModelCard) -> None:
    classifier = FaceGenderClassifier(redness_model(tmp_path / "red.onnx", plain_card))
    run, sizes = classifier._output, list[int]()

    def counted(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return run(batch)

    classifier._output = counted
    shades = [(red, 0, 0) for red in range(0, 250, 25)]
    together = classifier.predict(painted(*shades)).female_prob
    assert max(sizes) == AT_ONCE["cpu"] and sum(sizes) == len(shades)
    one_by_one = [classifier.predict(painted(shade)).female_prob[0] for shade in shades]
    assert together.tolist() == one_by_one
