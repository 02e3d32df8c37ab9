from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")
import onnx
import onnxruntime
import torch

from facetally.gender.model import checkpoint
from facetally.gender.model.card import ONNX_METADATA_KEY, ModelCard
from facetally.gender.model.checkpoint import load_checkpoint, save_checkpoint
from facetally.gender.model.export import INPUT_NAME, OUTPUT_NAME
from facetally.gender.model.networks import FaceNetwork, NetworkOptions

REPOSITORY = Path(__file__).resolve().parents[3]


class Attack:
    """Unpickling it creates a folder."""

    def __init__(self, target: Path) -> None:
        self.target = str(target)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.target,)


def dump_pickle(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content))


def test_a_checkpoint_gives_back_weights_and_card(
    weights_pair: tuple[Path, Path], settled_network: torch.nn.Module, card: ModelCard
) -> None:
    network, loaded_card = load_checkpoint(weights_pair[0])
    expected = settled_network.state_dict()
    assert loaded_card == card
    assert not network.training
    assert network.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("write", [dump_pickle, torch.save])
def test_code_in_a_checkpoint_is_refused_and_not_run(
    tmp_path: Path, card: ModelCard, write: Callable[[object, Path], None]
) -> None:
    created, path = tmp_path / "created", tmp_path / "attack.pth"
    write({"card": card.to_dict(), "weights": Attack(created)}, path)
    with suppress(RuntimeError):  # torch runs a bare pickle before it finds out that it is not a checkpoint
        torch.load(path, weights_only=False)
    created.rmdir()  # the attack works with `weights_only=False`
    with pytest.raises(ValueError, match="not a facetally checkpoint"):
        load_checkpoint(path)
    assert not created.exists()


def test_a_checkpoint_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MAX_BYTES", 1_000_000)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data/0", bytes(2_000_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(ValueError, match="would unpack to 2,000,000 bytes"):
        load_checkpoint(path)


@pytest.mark.parametrize("kept_bytes", [0, 100, 1_000_000])
def test_a_truncated_checkpoint_is_refused(tmp_path: Path, weights_pair: tuple[Path, Path], kept_bytes: int) -> None:
    (tmp_path / "cut.pth").write_bytes(weights_pair[0].read_bytes()[:kept_bytes])
    with pytest.raises(ValueError, match=r"cut\.pth is not a facetally checkpoint"):
        load_checkpoint(tmp_path / "cut.pth")


@pytest.mark.parametrize("case", ["no card", "a tensor is missing", "another architecture", "no dictionary"])
def test_other_contents_are_refused(tmp_path: Path, weights_pair: tuple[Path, Path], case: str) -> None:
    content = torch.load(weights_pair[0], weights_only=True)
    if case == "no card":
        del content["card"]
    elif case == "a tensor is missing":
        del content["weights"]["classifier.1.bias"]
    elif case == "another architecture":
        content["card"]["architecture"] = "resnet18"
    torch.save([1] if case == "no dictionary" else content, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="not a facetally checkpoint"):
        load_checkpoint(tmp_path / "other.pth")


def test_a_failed_save_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled_network: torch.nn.Module, card: ModelCard
) -> None:
    def fail(_content: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    save_checkpoint(tmp_path / "w.pth", settled_network, card)
    assert [p.name for p in tmp_path.iterdir()] == ["w.pth"]
    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(tmp_path / "w.pth", settled_network, replace(card, name="new"))
    assert load_checkpoint(tmp_path / "w.pth")[1] == card


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_exported_onnx_gives_the_checkpoints_logits(
    weights_pair: tuple[Path, Path], card: ModelCard, crops: np.ndarray, batch_size: int
) -> None:
    batch = card.normalised(crops[:batch_size])
    network, _ = load_checkpoint(weights_pair[0])
    with torch.inference_mode():
        expected = network(torch.from_numpy(batch)).numpy()
    session = onnxruntime.InferenceSession(weights_pair[1], providers=["CPUExecutionProvider"])
    (logits,) = session.run([OUTPUT_NAME], {INPUT_NAME: batch})
    assert batch_size == 1 or np.ptp(expected, axis=0).min() > 0.1
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_the_exported_onnx_has_named_ends_and_a_dynamic_batch(weights_pair: tuple[Path, Path], card: ModelCard) -> None:
    model = onnx.load(weights_pair[1])
    (network_input,), (network_output,) = (
        [(end.name, [axis.dim_value or axis.dim_param for axis in end.type.tensor_type.shape.dim]) for end in ends]
        for ends in (model.graph.input, model.graph.output)
    )
    side = card.crop["size_px"]
    assert network_input == ("input", ["batch", 3, side, side])
    assert network_output == ("output", ["batch", 2])
    assert next(opset.version for opset in model.opset_import if not opset.domain) >= 11


def test_the_card_determines_the_network(tmp_path: Path, card: ModelCard) -> None:
    options = NetworkOptions("five_blocks", hidden=16, dropout=0.5, hidden_dropout=0.3)
    fields = asdict(options)
    card = replace(
        card, architecture=fields.pop("backbone"), network=fields, outputs={"gender": "none", "age": "per_100"}
    )
    save_checkpoint(tmp_path / "w.pth", FaceNetwork(options, 1), card)
    network, _ = load_checkpoint(tmp_path / "w.pth")
    assert [layer.p for layer in network.classifier if isinstance(layer, torch.nn.Dropout)] == [0.5, 0.3]
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 1)


def test_a_layout_that_does_not_match_the_weights_is_refused(
    tmp_path: Path, settled_network: torch.nn.Module, card: ModelCard
) -> None:
    save_checkpoint(tmp_path / "w.pth", settled_network, replace(card, outputs={"gender": "female_logit"}))
    with pytest.raises(ValueError, match="not a facetally checkpoint"):
        load_checkpoint(tmp_path / "w.pth")


def test_the_exported_onnx_has_the_same_card(weights_pair: tuple[Path, Path], card: ModelCard) -> None:
    metadata = {entry.key: entry.value for entry in onnx.load(weights_pair[1]).metadata_props}
    assert ModelCard.from_json(metadata[ONNX_METADATA_KEY]) == load_checkpoint(weights_pair[0])[1] == card
    assert [p.name for p in sorted(weights_pair[1].parent.iterdir())] == [
        "small.onnx",
        "small.pth",
    ]  # no .part, no .data


def test_the_exported_onnx_holds_no_paths_of_the_machine(weights_pair: tuple[Path, Path]) -> None:
    content = weights_pair[1].read_bytes()
    paths = (
        str(REPOSITORY),
        str(Path.home()),
        str(weights_pair[1].parent),
        torch.__path__[0],
        "site-packages",
        ".py",
    )
    assert [path for path in paths if path.encode() in content] == []
