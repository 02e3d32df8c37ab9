from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

import numpy as np
import onnx
import torch
from click.testing import CliRunner, Result
from drawn_scenes import drawn_scenes
from small_scrfd import SmallScrfd
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facetally.detection.training.export import export_scrfd
from facetally.detection.training.network import ScrfdNetwork
from facetally.detection.training.selection import is_held_out
from facetally.detection.training.warm_start import folded_pairs
from facetally.files import sha256_of
from scripts import prepare_squares, train_scrfd
from scripts.prepare_squares import images_of_test, labelled_scenes, whole_sources
from scripts.train_scrfd import main, stop_on_signals

NAME = "facetally_scrfd_500m"
DEEPEST = "backbone.stages.3.5.3"


@pytest.fixture(scope="module")
def places(small_scrfd: SmallScrfd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images with their table, the squares prepared from them, and a manifest without the hash of the weights."""
    folder = tmp_path_factory.mktemp("places")
    scenes = drawn_scenes(20)
    with zipfile.ZipFile(folder / "faces.zip", "w") as archive:
        for scene in scenes:
            archive.writestr(scene.name, scene.content)
    with gzip.open(folder / "faces.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "split", "x1", "y1", "x2", "y2", "ignore"])
        for number, scene in enumerate(scenes):
            writer.writerow([scene.name, "val" if number == 0 else "train", *scene.boxes[0].tolist(), number % 2])
    (folder / "models").mkdir()
    (folder / "models/manifest.csv").write_text(f"name,file,sha256,bytes\n{NAME},{NAME}.onnx,,\n")
    shutil.copy(small_scrfd.exported, folder / "teacher.onnx")
    done = prepare(folder, folder / "squares")
    assert done.exit_code == 0, done.output
    return folder


def source(places: Path) -> str:
    return f"{places / 'faces.zip'}+{places / 'faces.csv.gz'}"


def prepare(places: Path, output: Path, *words: str) -> Result:
    own = ["--labelled", source(places), "--held-out-from", "", "--teacher", str(places / "teacher.onnx")]
    return CliRunner().invoke(prepare_squares.main, [*own, "-o", str(output), *words])


def train(places: Path, output: Path, *words: str) -> Result:
    own = ["--squares", str(places / "squares"), "-o", str(output), "--epochs", "1", "--epoch-squares", "32"]
    return CliRunner().invoke(main, [*own, "--workers", "0", *words])


@pytest.fixture(scope="module")
def first(places: Path) -> Path:
    """Weights trained for one epoch, with a selection. An export takes seconds: those to select from are copied."""

    def export(network: ScrfdNetwork, path: Path, *rest: Any) -> None:
        if path.name.startswith("latest"):
            shutil.copy(places / "teacher.onnx", path)
        else:
            export_scrfd(network, path, *rest)

    words = ("--selection", source(places), "--select-from", "", "--select-every", "1")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train_scrfd, "export_scrfd", export)
        done = train(places, places / "models", *words)
    assert done.exit_code == 0, done.output
    assert "average precision" in done.output
    return places / "models" / f"{NAME}.onnx"


def test_only_images_of_the_training_split_are_used(places: Path) -> None:
    scenes = list(labelled_scenes(places / "faces.zip", places / "faces.csv.gz"))
    assert len(scenes) == 19
    assert [bool(scene.is_ignored[0]) for scene in sorted(scenes, key=lambda scene: int(scene.name[:-4]))][:2] == [
        True,
        False,
    ]
    assert len(list(images_of_test(source(places)))) == 1


def test_images_that_are_held_out_are_not_prepared(places: Path) -> None:
    scenes = list(labelled_scenes(places / "faces.zip", places / "faces.csv.gz"))
    held_out = sum(is_held_out(scene.name) for scene in scenes)
    assert held_out > 0
    assert json.loads((places / "squares/about.json").read_text())["pictures"] == {"labelled": 19 - held_out}


def test_every_nth_image_is_used_without_those_to_skip(places: Path) -> None:
    assert len(list(whole_sources(f"{places / 'faces.zip'}", "taught", ""))) == 20
    assert len(list(whole_sources(f"{places / 'faces.zip'}", "taught", r"^1\d\.png"))) == 10
    every_third = list(whole_sources(f"{places / 'faces.zip'}*3", "faceless", ""))
    assert len(every_third) == 7
    assert every_third[0][1]().kind == "faceless"


def test_the_squares_of_another_preparation_are_not_mixed_in(places: Path, tmp_path: Path) -> None:
    assert prepare(places, tmp_path).exit_code == 0
    assert prepare(places, tmp_path, "--seed", "1").exit_code == 2


def test_a_short_training_writes_weights_with_their_card_and_hash(
    places: Path, first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = json.loads(onnx.load(first).metadata_props[0].value)
    assert (card["name"], card["seed"], card["squares"]["seed"]) == (NAME, 0, 0)
    assert card["precision"] in ("bfloat16", "float32")
    assert len(card["losses"]) == 1
    assert sha256_of(first) in (places / "models/manifest.csv").read_text()
    assert 0 <= json.loads((places / "models" / f"{NAME}.best.json").read_text())["average_precision"] <= 1
    assert (places / "models" / f"{NAME}.best.onnx").read_bytes() == (places / "teacher.onnx").read_bytes()
    exported: list[tuple[Path, str]] = []
    # the export takes seconds, and the same weights were exported above
    monkeypatch.setattr(
        train_scrfd, "export_scrfd", lambda _, path, data, _shift: exported.append((path, data["card"]))
    )
    assert train(places, places / "models").exit_code == 0
    assert [(path, json.loads(text)["losses"]) for path, text in exported] == [(first, card["losses"])]


def test_a_training_continues_from_exported_weights(
    places: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[tuple[ScrfdNetwork, dict[str, Any]]] = []
    monkeypatch.setattr(
        train_scrfd,
        "export_scrfd",
        lambda network, _path, data, _: exported.append((network, json.loads(data["card"]))),
    )
    done = train(places, tmp_path, "--seed", "5", "--start", str(first))
    assert done.exit_code == 0, done.output
    ((network, card),), before = exported, onnx.load(first)
    assert (json.loads(before.metadata_props[0].value)["start"], card["start"]) == ("none", sha256_of(first))
    conv, norm = next(pair for pair in folded_pairs(network.eval()) if pair[0] is network.get_submodule(DEEPEST))
    second = fuse_conv_bn_eval(conv, norm).weight.detach().numpy()
    torch.manual_seed(5)
    fresh = ScrfdNetwork().state_dict()[f"{DEEPEST}.weight"].numpy()
    (tensor,) = (tensor for tensor in before.graph.initializer if tensor.name == f"network.{DEEPEST}.weight")
    deepest = onnx.numpy_helper.to_array(tensor).ravel()
    assert np.corrcoef(deepest, second.ravel())[0, 1] > 0.9
    assert np.corrcoef(deepest, fresh.ravel())[0, 1] < 0.1


def test_a_signal_asks_the_training_to_stop() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        should_stop = stop_on_signals()
        assert not should_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
