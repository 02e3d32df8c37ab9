"""Measures the time of a run by stage."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest import mock

import facetally.batch.worker
import facetally.tracks.follow
import facetally.tracks.open_tracks
from facetally.detection.scrfd import ScrfdDetector
from facetally.detection.shots import ShotCutDetector
from facetally.detection.tracker import Tracker
from facetally.gender.classifier import FaceGenderClassifier
from facetally.video.decoder import Decoder
from facetally.video.reader import FrameImage


class StageClock:
    """Measures the seconds of each stage, without those of the stages that it calls."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner = threading.local()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measures the stages within the context."""
        places: list[tuple[Any, str, str]] = [
            (Decoder, "images", "decode"),
            (FrameImage, "bgr", "convert"),
            (ScrfdDetector, "detect", "detect"),
            (ShotCutDetector, "is_cut", "find cuts"),
            (Tracker, "update", "track"),
            (facetally.tracks.follow, "face_views", "compare faces"),
            (facetally.tracks.open_tracks, "cut_crops", "crop"),
            (FaceGenderClassifier, "predict", "classify"),
            (facetally.batch.worker, "read_ahead", "waits"),
        ]
        with ExitStack() as stack:
            for owner, name, stage in places:
                stack.enter_context(mock.patch.object(owner, name, self._measured(stage, getattr(owner, name))))
            yield

    def _measured(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def measured(*arguments: Any, **named: Any) -> Any:
            with self._stage(stage):
                result = function(*arguments, **named)
            return self._items(stage, result) if isinstance(result, Iterator) else result

        return measured

    def _items(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        try:
            while True:
                with self._stage(stage):
                    try:
                        item = next(items)
                    except StopIteration:
                        return
                yield item
        finally:
            if isinstance(items, Generator):
                items.close()

    @contextmanager
    def _stage(self, stage: str) -> Iterator[None]:
        inner = self._inner.__dict__.setdefault("seconds", [])
        inner.append(0.0)
        started = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - started
            self.seconds[stage] += took - inner.pop()
            if inner:
                inner[-1] += took
