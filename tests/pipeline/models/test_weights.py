"""Weights: found by name in a fixed order, verified each time, downloaded only on request."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import onnx
import onnx.external_data_helper
import pytest

from facetally.errors import ModelError
from facetally.models import weights
from facetally.models.engines import load_engines
from facetally.models.weights import KnownModel, ModelKind, bundle, find_model, located, manifest, pull
from facetally.options import RunOptions

CONTENT = {"det.onnx": b"a detector", "cls.onnx": b"a classifier"}
Places = dict[str, Path]


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def known(name: str, kind: ModelKind, file: str, *, url: str = "") -> KnownModel:
    content = CONTENT[file]
    return KnownModel(name, kind, file, sha(content), len(content), url, "", "free", "a note")


DETECTOR = known("drawn_det", "detector", "det.onnx", url="file:///nowhere/pack.zip")
CLASSIFIER = known("drawn_cls", "classifier", "cls.onnx")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """The folders that are searched, with a manifest and no weights in them."""
    found = {name: tmp_path / name for name in ("given", "variable", "bundled", "cache", "shared/models/scrfd")}
    for folder in found.values():
        folder.mkdir(parents=True)
    with (found["bundled"] / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(KnownModel)])
        writer.writeheader()
        writer.writerows([asdict(DETECTOR), asdict(CLASSIFIER)])
    monkeypatch.setattr(weights, "bundled_folder", lambda: found["bundled"])
    monkeypatch.setattr(weights, "cache_folder", lambda: found["cache"])
    monkeypatch.setenv(weights.SHARED_VARIABLE, str(tmp_path / "shared"))
    monkeypatch.delenv(weights.MODELS_VARIABLE, raising=False)
    return found


def put(folder: Path, file: str, content: bytes | None = None) -> Path:
    (folder / file).write_bytes(CONTENT[file] if content is None else content)
    return folder / file


def test_folders_are_searched_in_their_order(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("shared/models/scrfd", "cache", "bundled"):
        path = put(places[name], "det.onnx")
        assert find_model("drawn_det", "detector").path == path
    path = put(places["variable"], "det.onnx")
    monkeypatch.setenv(weights.MODELS_VARIABLE, str(places["variable"]))
    assert find_model("drawn_det", "detector").path == path
    path = put(places["given"], "det.onnx")
    assert find_model("drawn_det", "detector", places["given"]).path == path


def test_what_is_found_carries_hash_and_licence(places: Places) -> None:
    put(places["bundled"], "det.onnx")
    model = find_model("drawn_det", "detector")
    assert (model.name, model.sha256, model.licence) == ("drawn_det", sha(b"a detector"), "free")


def test_a_damaged_file_is_an_error_that_states_what_to_delete(places: Places) -> None:
    path = put(places["bundled"], "det.onnx", b"a detectoR")
    put(places["cache"], "det.onnx")  # must not be used silently instead
    with pytest.raises(ModelError, match="is damaged") as caught:
        find_model("drawn_det", "detector")
    assert caught.value.fix == f"delete {path}, then: facetally models pull drawn_det"


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(("kind", "choice"), [("detector", "drawn_det"), ("classifier", "drawn_cls")])
def test_an_unknown_name_is_an_error_that_lists_the_choices(kind: ModelKind, choice: str) -> None:
    with pytest.raises(ModelError, match=f"no {kind} is called 'unheard_of'") as caught:
        find_model("unheard_of", kind)
    assert caught.value.fix == f"choose one of: {choice}, or give a path"


def test_a_detector_cannot_be_used_as_a_classifier(places: Places) -> None:
    put(places["bundled"], "det.onnx")
    with pytest.raises(ModelError, match="no classifier is called 'drawn_det'"):
        find_model("drawn_det", "classifier")


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("name", "kind", "fix"),
    [("drawn_det", "detector", "facetally models pull drawn_det"), ("drawn_cls", "classifier", "install facetally")],
)
def test_missing_weights_are_an_error_that_states_how_to_get_them(name: str, kind: ModelKind, fix: str) -> None:
    with pytest.raises(ModelError, match="not on this machine") as caught:
        find_model(name, kind)
    assert caught.value.fix.startswith(fix)


def test_weights_given_by_path_are_recognised_by_their_content(places: Places) -> None:
    copy = put(places["given"], "det.onnx").rename(places["given"] / "renamed.onnx")
    model = find_model(str(copy), "detector")
    assert (model.name, model.path, model.licence) == ("drawn_det", copy, "free")
    copy.write_bytes(b"my own")
    model = find_model(str(copy), "detector")
    assert (model.name, model.sha256, model.licence) == ("renamed", sha(b"my own"), "not known")


FLOATS = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [16])


def in_the_graph(tensor: onnx.TensorProto) -> onnx.GraphProto:
    node = onnx.helper.make_node("Identity", ["w"], ["y"])
    return onnx.helper.make_graph([node], "g", [], [FLOATS], [tensor])


def in_a_constant(tensor: onnx.TensorProto) -> onnx.GraphProto:
    return onnx.helper.make_graph([onnx.helper.make_node("Constant", [], ["y"], value=tensor)], "g", [], [FLOATS])


def in_a_branch(tensor: onnx.TensorProto) -> onnx.GraphProto:
    branches = {"then_branch": in_the_graph(tensor), "else_branch": in_a_constant(tensor)}
    condition = onnx.helper.make_tensor("c", onnx.TensorProto.BOOL, [], [True])
    node = onnx.helper.make_node("If", ["c"], ["y"], **branches)
    return onnx.helper.make_graph([node], "g", [], [FLOATS], [condition])


@pytest.mark.parametrize("where", [in_the_graph, in_a_constant, in_a_branch])
def test_weights_that_refer_to_other_files_are_refused(
    places: Places, where: Callable[[onnx.TensorProto], onnx.GraphProto]
) -> None:
    secret = places["given"] / "secret"
    secret.write_bytes(bytes(64))
    tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [16], bytes(64), raw=True)
    onnx.external_data_helper.set_external_data(tensor, location="../secret", length=64)
    tensor.ClearField("raw_data")
    path = places["given"] / "spy.onnx"
    path.write_bytes(onnx.helper.make_model(where(tensor)).SerializeToString())
    with pytest.raises(ModelError, match="stores its tensors in other files"):
        find_model(str(path), "detector")


def test_weights_with_custom_operators_are_not_run(places: Places) -> None:
    node = onnx.helper.make_node("Run", ["x"], ["y"], domain="evil")
    images = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 64, 64])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("evil", 1)]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [images], [FLOATS]), opset_imports=opsets)
    path = places["given"] / "evil.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="evil") as caught:
        load_engines(RunOptions(detector=str(path)), "cpu")
    assert caught.value.fix


@pytest.mark.parametrize("name", ["no-such.onnx", "no-such.pth"])
def test_a_path_that_does_not_exist_is_an_error(name: str) -> None:
    with pytest.raises(ModelError, match="no such weights file") as caught:
        find_model(name, "detector")
    assert "facetally models list" in caught.value.fix


def pack(folder: Path, members: dict[str, bytes]) -> KnownModel:
    """A pack on a file:// URL, and the manifest's line that describes it."""
    path = folder / "pack.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return replace(DETECTOR, url=path.as_uri(), archive_sha256=sha(path.read_bytes()))


def test_pull_extracts_the_one_file_of_a_pack(tmp_path: Path) -> None:
    model = pack(tmp_path, {"buffalo/other.onnx": b"other", "buffalo/det.onnx": CONTENT["det.onnx"]})
    fetched = pull(model, tmp_path / "new" / "cache")
    assert fetched.path == tmp_path / "new" / "cache" / "det.onnx"
    assert fetched.path.read_bytes() == b"a detector"
    assert [path.name for path in fetched.path.parent.iterdir()] == ["det.onnx"]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda model: replace(model, archive_sha256="0" * 64), "not the expected file"),
        (lambda model: replace(model, sha256="0" * 64), "damaged"),
        (lambda model: replace(model, file="missing.onnx"), "does not hold missing.onnx"),
        (lambda model: replace(model, url=model.url + ".gone"), "cannot be fetched"),
    ],
)
def test_pull_leaves_no_file_that_failed_verification(
    tmp_path: Path, spoil: Callable[[KnownModel], KnownModel], complaint: str
) -> None:
    model = spoil(pack(tmp_path, CONTENT))
    with pytest.raises(ModelError, match=complaint) as caught:
        pull(model, tmp_path / "cache")
    assert caught.value.fix
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_pull_that_fails_keeps_the_existing_file(tmp_path: Path) -> None:
    model = pack(tmp_path, CONTENT)
    path = pull(model, tmp_path / "cache").path
    with pytest.raises(ModelError):
        pull(replace(model, archive_sha256="0" * 64), tmp_path / "cache")
    assert path.read_bytes() == b"a detector"


@pytest.mark.usefixtures("places")
def test_only_weights_with_a_url_can_be_pulled() -> None:
    assert weights.downloadable("drawn_det") == DETECTOR
    with pytest.raises(ModelError, match="'drawn_cls' cannot be fetched") as caught:
        weights.downloadable("drawn_cls")
    assert caught.value.fix == "choose one of: drawn_det"


def test_an_unpacked_bundle_is_all_another_machine_needs(places: Places, tmp_path: Path) -> None:
    put(places["cache"], "det.onnx")
    put(places["bundled"], "cls.onnx")
    assert [file.name for file in bundle(tmp_path / "all.zip")] == ["drawn_det", "drawn_cls"]
    (places["cache"] / "det.onnx").unlink()
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "elsewhere")
    model = find_model("drawn_det", "detector", tmp_path / "elsewhere")
    assert model.path == tmp_path / "elsewhere" / "det.onnx"


def test_damaged_weights_are_not_bundled(places: Places, tmp_path: Path) -> None:
    put(places["bundled"], "cls.onnx", b"half")
    with pytest.raises(ModelError, match="is damaged"):
        bundle(tmp_path / "all.zip")
    assert not (tmp_path / "all.zip").exists()


def test_located_lists_every_known_model(places: Places) -> None:
    path = put(places["cache"], "det.onnx")
    assert located() == {"drawn_det": [(path, DETECTOR)], "drawn_cls": []}


def test_newly_trained_weights_change_only_their_line_of_the_manifest(places: Places) -> None:
    new = put(places["bundled"], "cls.onnx", b"a better classifier")
    weights.record_in_manifest(places["bundled"] / "manifest.csv", "drawn_cls", new)
    assert manifest() == [DETECTOR, replace(CLASSIFIER, sha256=sha(b"a better classifier"), bytes=19)]
    assert find_model("drawn_cls", "classifier").path == new


def test_an_installation_without_its_manifest_is_an_error(places: Places) -> None:
    (places["bundled"] / "manifest.csv").unlink()
    with pytest.raises(ModelError, match=r"manifest\.csv is missing") as caught:
        manifest()
    assert "--force-reinstall" in caught.value.fix


def test_the_projects_own_manifest_knows_the_default_models() -> None:
    kinds = {model.name: model.kind for model in manifest()}
    assert kinds[weights.ALIASES[RunOptions.detector]] == "detector"
    assert kinds[RunOptions.classifier] == "classifier"
    fetched = [model for model in manifest() if model.url]
    assert fetched
    assert all(len(model.sha256) == len(model.archive_sha256) == 64 and model.licence for model in fetched)
