"""The jobs of a plan in their order, those of videos in object storage once they are fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from facetally.batch.executors import Executor
from facetally.batch.worker import Event, Job, VideoFinished
from facetally.errors import VideoError
from facetally.results.ledger import VideoRow
from facetally.storage.read_ahead import ReadAhead

Known = Callable[[Job], bool]
"""Whether a video need not be processed, now that its content is known: it is done, or a copy of another."""


@contextmanager
def fetched_jobs(
    jobs: Sequence[Job], cache_bytes: float, is_known: Known, executor: Executor
) -> Iterator[tuple[Iterable[Job | None], Callable[[Job, Event], None]]]:
    """The jobs, None while the next is being fetched; and a function that takes each event, and deletes used copies.

    All that is decided by the content of videos is decided in the order of the jobs, as it is for files, whatever order
    they arrive or are processed in: so the same one of several copies is processed.

    Args:
        jobs: of a plan.
        cache_bytes: of the copies that exist at the same time.
        is_known: is called for each video from object storage, in order.
        executor: that will process the jobs; if its workers fetch videos themselves, the jobs stay as they are.
    """
    videos = [job.source for job in jobs if job.source]
    if not videos or executor.fetches:
        yield jobs, lambda *_: None
        return
    with ReadAhead(videos, cache_bytes) as ahead:

        def release(job: Job, event: Event) -> None:
            if job.source and isinstance(event, VideoFinished):
                ahead.release(job.path)

        yield _fetched(jobs, ahead, is_known), release


def _fetched(jobs: Sequence[Job], ahead: ReadAhead, is_known: Known) -> Iterator[Job | None]:
    for job in jobs:
        if not job.source:
            yield job
            continue
        while (copy := ahead.take()) is None:
            yield None
        if isinstance(copy, VideoError):
            yield replace(job, row=_failed(job.row, copy))
            continue
        job = replace(job, path=copy.path, row=replace(job.row, content_sha256=copy.sha256))
        if is_known(job):
            ahead.release(copy.path)
        else:
            yield job


def _failed(row: VideoRow, error: VideoError) -> VideoRow:
    """The row of a video that could not be fetched; without content, so that the next run tries it again."""
    return replace(row.failed(error.what, error.fix), content_sha256="")
