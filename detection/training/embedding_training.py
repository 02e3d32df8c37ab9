"""The training loop of an embedding network, resumable at any step."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from facetally.detection.crops import CropRecipe
from facetally.detection.faces import FloatArray, ImageArray
from facetally.detection.training.embedding_augment import FaceAugmentOptions, augmented
from facetally.detection.training.embedding_faces import STORED_CROP, FaceStore, by_person
from facetally.detection.training.embedding_losses import EmbeddingLoss, EmbeddingLossOptions
from facetally.detection.training.embedding_network import EmbeddingNetwork, EmbeddingNetworkOptions, as_input
from facetally.files import whole_file


@dataclass(frozen=True)
class EmbeddingRecipe:
    """Everything that determines a training except the faces and the seed."""

    name: str = "facetally_face_embedding"
    network: EmbeddingNetworkOptions = field(default_factory=EmbeddingNetworkOptions)
    augment: FaceAugmentOptions = field(default_factory=FaceAugmentOptions)
    loss: EmbeddingLossOptions = field(default_factory=EmbeddingLossOptions)
    batch_size: int = 128
    person_share: float = 0.5
    """Share of a batch that is drawn person by person; the rest is drawn from all faces."""
    faces_per_person: int = 4
    min_faces: int = 5
    """Persons with fewer faces count as unknown."""
    learning_rate: float = 2e-3
    """Of AdamW; it rises over `warm_up` steps, stays constant, and falls to zero over the last `fall` of all steps."""
    warm_up: int = 100
    fall: float = 0.4
    weight_decay: float = 0.02
    average_decay: float = 0.998
    """Decay of the moving average of the weights, which is the result of the training."""

    @property
    def crop(self) -> CropRecipe:
        """How crops are cut for the network."""
        return CropRecipe(self.network.size_px, STORED_CROP.template_scale)

    @property
    def zoom(self) -> float:
        """Network pixels per stored pixel."""
        return self.network.size_px / STORED_CROP.size_px


@dataclass(frozen=True)
class Progress:
    """The state of a training after some steps."""

    step: int
    parts: dict[str, float]
    """Means of the loss's parts since the last report."""
    seconds: float
    """Since the last report."""


class EmbeddingTrainer:
    """Trains an embedding network.

    Args:
        store: faces, of which those of persons that are held out are not used.
        recipe: network, loss, augmentation and learning rate.
        steps: number of batches.
        seed: of the weights, the order and the augmentation.
        state_path: the training's state; if the file exists, the training resumes from it. The number of steps and the
            set of faces may differ from those before, the persons may not.
        bfloat16: whether the network is evaluated in bfloat16 where that is safe.

    Raises:
        ValueError: the state belongs to another training, or there are too few faces.
    """

    def __init__(
        self,
        store: FaceStore,
        recipe: EmbeddingRecipe,
        steps: int,
        seed: int,
        state_path: Path,
        *,
        bfloat16: bool = False,
    ) -> None:
        self.store, self.recipe, self.steps, self.seed, self.state_path = store, recipe, steps, seed, state_path
        self._faces = store.training()
        if len(self._faces) < recipe.batch_size:
            raise ValueError(f"{len(self._faces)} faces are too few for a batch of {recipe.batch_size}")
        self._persons = by_person(store, self._faces, recipe.min_faces)
        counts = np.sqrt([len(own) for own in self._persons.values()])
        self._shares = counts / counts.sum()
        self._teacher = centred(store.vectors, self._faces)
        torch.manual_seed(seed)
        self.network = EmbeddingNetwork(recipe.network).to(memory_format=torch.channels_last)
        self._loss = EmbeddingLoss(recipe.network.dimensions, max(len(self._persons), 1), recipe.loss)
        self.average = copy.deepcopy(self.network)
        trained = [*self.network.parameters(), *self._loss.parameters()]
        self._optimizer = torch.optim.AdamW(trained, recipe.learning_rate, weight_decay=recipe.weight_decay)
        self._bfloat16, self.step = bfloat16, 0
        position = {name: number for number, name in enumerate(self._persons)}
        self._labels = np.array([position.get(str(name), -1) for name in store.persons], np.int64)
        self._belongs_to = {"recipe": repr(recipe), "seed": seed, "persons": list(self._persons)}
        if state_path.exists():
            self._load()

    def start_from(self, state_path: Path) -> None:
        """Takes the averaged weights from the state of another training of the same network, maybe on other persons."""
        state = torch.load(state_path, weights_only=True)
        self.network.load_state_dict(state["average"])
        self.average.load_state_dict(state["average"])

    def run(self, report_every: int, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Trains, and yields after every `report_every` steps, with the state saved; ends early on `should_stop`."""
        sums: dict[str, float] = {}
        first, start = self.step, time.perf_counter()
        while self.step < self.steps and not should_stop():
            for name, value in self._train_batch().items():
                sums[name] = sums.get(name, 0.0) + value
            self.step += 1
            if self.step % report_every == 0 or self.step == self.steps:
                self._save()
                means = {name: value / (self.step - first) for name, value in sums.items()}
                yield Progress(self.step, means, time.perf_counter() - start)
                sums, first, start = {}, self.step, time.perf_counter()
        self._save()

    def embed(self, crops: ImageArray) -> FloatArray:
        """The unit vectors, (N, D), that the averaged weights give for (N, S, S, 3) uint8 RGB."""
        self.average.eval()
        vectors = np.empty((len(crops), self.recipe.network.dimensions), np.float32)
        for first in range(0, len(crops), self.recipe.batch_size):
            part = slice(first, first + self.recipe.batch_size)
            with torch.inference_mode():
                raw = self.average(as_input(torch.from_numpy(crops[part])))
            vectors[part] = functional.normalize(raw, dim=1).numpy()
        return vectors

    def batch(self, step: int) -> tuple[ImageArray, npt.NDArray[np.int64]]:
        """The crops of a step, (B, S, S, 3) uint8 RGB, and the numbers of their faces, (B,)."""
        recipe, rng = self.recipe, np.random.default_rng((self.seed, step))
        chosen: list[int] = []
        if self._persons:
            count = int(recipe.batch_size * recipe.person_share) // recipe.faces_per_person
            names = rng.choice(list(self._persons), min(count, len(self._persons)), replace=False, p=self._shares)
            for name in names:
                own = self._persons[str(name)]
                chosen += rng.choice(own, recipe.faces_per_person, replace=len(own) < recipe.faces_per_person).tolist()
        faces = np.array([*chosen, *rng.choice(self._faces, recipe.batch_size - len(chosen))], np.int64)
        size, zoom = recipe.network.size_px, recipe.zoom
        crops = [augmented(self.store.crop(face), size, zoom, options=recipe.augment, rng=rng) for face in faces]
        return np.stack(crops), faces

    def _train_batch(self) -> dict[str, float]:
        crops, faces = self.batch(self.step)
        self._optimizer.param_groups[0]["lr"] = self._rate()
        self.network.train()
        images = as_input(torch.from_numpy(crops)).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            vectors = self.network(images)
        parts = self._loss(vectors.float(), self._teacher[faces], torch.from_numpy(self._labels[faces]))
        loss = torch.stack(list(parts.values())).sum()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self._optimizer.step()
        self._update_average()
        return {name: float(value.item()) for name, value in parts.items()}

    def _rate(self) -> float:
        left = (self.steps - self.step) / max(self.recipe.fall * self.steps, 1)
        return self.recipe.learning_rate * min((self.step + 1) / self.recipe.warm_up, 1.0, left)

    def _update_average(self) -> None:
        decay = min(self.recipe.average_decay, (1 + self.step) / (10 + self.step))
        average = self.average.state_dict()
        for name, value in self.network.state_dict().items():
            if value.dtype.is_floating_point:
                average[name].lerp_(value, 1 - decay)
            else:
                average[name].copy_(value)

    def _save(self) -> None:
        state = {
            "belongs_to": self._belongs_to,
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "loss": self._loss.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        with whole_file(self.state_path) as temporary:
            torch.save(state, temporary)

    def _load(self) -> None:
        state = torch.load(self.state_path, weights_only=True)
        for name, value in self._belongs_to.items():
            if state["belongs_to"][name] != value:
                raise ValueError(
                    f"{self.state_path} belongs to a training with another {name}: delete it to begin anew"
                )
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._loss.load_state_dict(state["loss"])
        self._optimizer.load_state_dict(state["optimizer"])


def centred(vectors: npt.NDArray[np.float32], faces: npt.NDArray[np.int64]) -> torch.Tensor:
    """The teacher's vectors without the part that all faces have in common, of length 1 again.

    Vectors that were trained for Euclidean distances lie on one side of the origin: their cosines are all near 1.

    Args:
        vectors: (N, D) of all faces.
        faces: those to take the mean of.
    """
    without = vectors - vectors[faces].mean(axis=0, keepdims=True)
    lengths = np.linalg.norm(without, axis=1, keepdims=True)
    return torch.from_numpy((without / np.maximum(lengths, 1e-6)).astype(np.float32))
