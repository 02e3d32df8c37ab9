from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from facetally.detection.crops import CropRecipe, cut_crops
from facetally.detection.embedding import AT_ONCE, FaceEmbedder
from facetally.detection.faces import Faces, ImageArray
from facetally.detection.scrfd import ScrfdDetector, ScrfdOptions
from facetally.detection.training.embedding_faces import is_held_out
from facetally.detection.training.embedding_metrics import person_pairs
from facetally.detection.training.embedding_network import EmbeddingNetwork

MODELS = Path(__file__).resolve().parents[2] / "models"
BUNDLED = MODELS / "facetally_face_embedding.onnx"
CROP = CropRecipe(32, 0.9)


@pytest.fixture
def path(small_embedding: tuple[EmbeddingNetwork, Path]) -> Path:
    """A small network with random weights."""
    return small_embedding[1]


def crops_of(count: int, side: int = 32) -> ImageArray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


def test_vectors_have_length_one(path: Path) -> None:
    embedder = FaceEmbedder(path)
    vectors = embedder.embed(crops_of(3))
    assert (embedder.recipe, embedder.dimensions) == (CROP, 24)
    assert vectors.shape == (3, 24)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_the_crops_beside_it(path: Path) -> None:
    embedder, crops = FaceEmbedder(path), crops_of(2 * AT_ONCE + 3)
    one_by_one = np.concatenate([embedder.embed(crop[None]) for crop in crops])
    np.testing.assert_allclose(embedder.embed(crops), one_by_one, atol=1e-5)
    assert np.ptp(one_by_one, axis=0).max() > 0.01


def test_no_crops_give_no_vectors(path: Path) -> None:
    assert FaceEmbedder(path).embed(crops_of(0)).shape == (0, 24)


def test_another_process_loads_the_same_network(path: Path) -> None:
    embedder = FaceEmbedder(path, threads=2)
    copy = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_allclose(copy.embed(crops_of(2)), embedder.embed(crops_of(2)), atol=1e-6)
    assert len(pickle.dumps(embedder)) < 1000, "the weights must not travel"


@pytest.mark.parametrize("crops", [crops_of(1, 40), crops_of(1)[0], crops_of(1)[..., :1]])
def test_crops_of_another_shape_are_refused(path: Path, crops: ImageArray) -> None:
    with pytest.raises(ValueError, match="crops must have shape"):
        FaceEmbedder(path).embed(crops)


def test_crops_of_another_type_are_refused(path: Path) -> None:
    with pytest.raises(TypeError, match="uint8"):
        FaceEmbedder(path).embed(crops_of(1).astype(np.float32))


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match=r"text\.onnx cannot be run"):
        FaceEmbedder(tmp_path / "text.onnx")


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="not a face embedding network"):
        FaceEmbedder(MODELS / "facetally_scrfd_500m.onnx")


# The bundled weights


@pytest.fixture(scope="module")
def astronaut() -> tuple[ImageArray, Faces]:
    image = np.ascontiguousarray(pytest.importorskip("skimage.data").astronaut()[..., ::-1])
    detector = ScrfdDetector(MODELS / "facetally_scrfd_500m.onnx", ScrfdOptions(input_px=512))
    return image, detector.detect([image])[0]


def test_a_face_stays_the_same_when_it_is_small_and_blurred(astronaut: tuple[ImageArray, Faces]) -> None:
    image, faces = astronaut
    embedder = FaceEmbedder(BUNDLED)
    small = cv2.GaussianBlur(cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA), (0, 0), 0.7)
    small_faces = Faces(faces.boxes / np.float32(4), faces.scores, faces.landmarks / np.float32(4))
    (sharp,) = embedder.embed(cut_crops(image, faces, embedder.recipe))
    (blurred,) = embedder.embed(cut_crops(np.asarray(small, np.uint8), small_faces, embedder.recipe))
    assert sharp @ blurred > 0.6


def test_the_bundled_file_is_small() -> None:
    assert BUNDLED.stat().st_size < 3_000_000


@pytest.mark.real
def test_persons_who_were_not_in_the_training_are_told_apart(shared: Path) -> None:
    embedder, detector = FaceEmbedder(BUNDLED), ScrfdDetector(MODELS / "facetally_scrfd_500m.onnx")
    persons, vectors = [], []
    with zipfile.ZipFile(shared / "data" / "youtube_faces.zip") as archive:
        names = {name: Path(name).stem.rpartition("_")[0] for name in sorted(archive.namelist())}
        chosen = [person for person in dict.fromkeys(names.values()) if is_held_out(person)][:12]
        for name in [name for name, person in names.items() if person in chosen]:
            image = np.asarray(cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR), np.uint8)
            found = embedder.embed(cut_crops(image, detector.detect([image])[0][:1], embedder.recipe))
            persons += [names[name]] * len(found)
            vectors.append(found)
    figures = person_pairs(np.array(persons, dtype=object), np.concatenate(vectors))
    assert figures.same_count > 300
    assert figures.area > 0.85


def test_a_deferred_network_is_loaded_when_it_is_used(path: Path, tmp_path: Path) -> None:
    deferred = FaceEmbedder(path, is_deferred=True)
    np.testing.assert_array_equal(deferred.embed(crops_of(2)), FaceEmbedder(path).embed(crops_of(2)))
    missing = FaceEmbedder(tmp_path / "missing.onnx", is_deferred=True)
    with pytest.raises(ValueError, match="cannot be run by onnxruntime"):
        missing.embed(crops_of(1))
