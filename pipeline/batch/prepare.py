"""Prepares a run: finds its videos, loads its networks, and writes the first lines of its log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facetally import __version__
from facetally.batch.executors import Executor, LocalExecutor
from facetally.errors import PipelineError
from facetally.inputs import InputVideo, PassedOver, find_inputs
from facetally.log import LOGGER
from facetally.models.engines import Engines, load_engines
from facetally.options import Device, RunOptions, WorkerOptions


@dataclass(frozen=True)
class PreparedRun:
    """What a run starts with."""

    videos: Sequence[InputVideo]
    passed_over: Sequence[PassedOver]
    """Files in the input folders that are not processed."""
    options: RunOptions
    engines: Engines
    workers: WorkerOptions
    executor: Executor

    @property
    def digest(self) -> str:
        """Of options and weights: videos with results of the same digest are not processed again."""
        return self.options.digest(self.engines.model_hashes)


def prepare_run(
    inputs: Iterable[str],
    options: RunOptions,
    *,
    device: Device,
    workers: WorkerOptions,
    models_dir: Path | None,
    untrained_backbone: Path | None,
    executor: Executor | None = None,
) -> PreparedRun:
    """Finds the videos, divides the cores and loads the networks.

    Raises:
        PipelineError: no video, missing weights, or a device that is not available.
    """
    found = find_inputs(inputs)
    executor = executor or LocalExecutor()
    workers = executor.allocate(len(found.videos), workers)
    engines = load_engines(
        options,
        device,
        threads=workers.threads,
        classifier_threads=executor.classifier_threads(workers),
        models_dir=models_dir,
        untrained_backbone=untrained_backbone,
    )
    return PreparedRun(found.videos, found.passed_over, options, engines, workers, executor)


@contextmanager
def logged_run(prepared: PreparedRun) -> Iterator[None]:
    """Logs the options and weights of a run, and how it ended."""
    models = json.dumps(prepared.engines.provenance())
    LOGGER.info("facetally %s, %d videos, on %s", __version__, len(prepared.videos), prepared.engines.device)
    for file in prepared.passed_over:
        LOGGER.info("passed over: %s: %s", file.name, file.reason)
    LOGGER.info("options %s, models %s", json.dumps(prepared.options.as_dict()), models)
    try:
        yield
    except KeyboardInterrupt:
        LOGGER.warning("stopped by the user")
        raise
    except PipelineError as error:
        LOGGER.error("stopped: %s", error.what)
        raise
    except Exception:
        LOGGER.exception("stopped by an unexpected error")
        raise
    LOGGER.info("finished")
