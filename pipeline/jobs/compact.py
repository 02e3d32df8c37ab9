"""Joins the small files of a run into a few large ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from facetally.errors import OutputError
from facetally.formatting import command
from facetally.jobs.arguments import PathLike
from facetally.results.compaction import Compaction, compact, remove_originals
from facetally.results.ledger import Ledger
from facetally.results.many_files import Advanced, no_progress


def compact_run(out: PathLike, *, remove: bool = False, advanced: Advanced = no_progress) -> Compaction:
    """Joins the files of faces/, tracks/ and videos/ into large Parquet files in OUT/compacted/.

    A second call writes only what is new. All commands read such a folder as before.

    Args:
        out: the output folder of a run; locked against other runs meanwhile.
        remove: then delete the small files of the videos that were joined.
        advanced: is called with a number of files that were read.

    Raises:
        PipelineError: no results, another run is writing, a damaged file in OUT/compacted/ with videos that have no
            other, or a folder that cannot be written.
    """
    ledger = Ledger(Path(out))
    if not ledger.out.is_dir() or not ledger.video_ids():
        fix = f"make some first: {command('facetally', 'run', 'VIDEOS', '-o', ledger.out)}"
        raise OutputError(f"{ledger.out} holds no results", fix=fix)
    with ledger.locked():
        done = compact(ledger, advanced)
        return replace(done, removed_count=remove_originals(ledger)) if remove else done
