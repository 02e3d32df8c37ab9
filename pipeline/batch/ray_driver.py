"""The process with the connection to a Ray cluster: starts actors there, and hands on what they send.

Only this module and `ray_pool.py` import Ray.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from facetally.batch.ray_pool import Connection, RayPool, call
from facetally.batch.scheduling import processed
from facetally.batch.worker import Job, WorkerTask, exit_with_parent
from facetally.child_processes import end_with_parent, safe_import_path
from facetally.errors import OptionError, PipelineError
from facetally.options import WorkerOptions
from facetally.threads import usable_cores

OBJECT_STORE_BYTES = 2**28
"""Of a cluster that is started for the run: what workers sent and nobody has read yet."""


def drive(connection: Any, about: Connection, jobs: Sequence[Job], task: WorkerTask, options: WorkerOptions) -> None:
    """Main function of the process: sends (position of the job, piece of its events), texts for the log, and at the end
    "finished" or a `PipelineError`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    end_with_parent()  # Ray may wait for ever while it starts, and keeps the thread below from running
    threading.Thread(target=exit_with_parent, daemon=True).start()
    _print_to(about.messages)
    positions = {job.row.video_id: position for position, job in enumerate(jobs)}
    with suppress(BrokenPipeError):
        try:
            with _connected(about, options) as where:
                connection.send(f"Ray at {where}")
                pool = RayPool(connection, about, task, options, where)
                for item in processed(jobs, pool, options):
                    if item and item[1]:
                        connection.send((positions[item[0].row.video_id], item[1]))
                connection.send("finished")
        except PipelineError as error:
            connection.send(error)


def _print_to(path: Path) -> None:
    """Sends everything that this process and its children print to a file."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.close(file)


@contextmanager
def _connected(about: Connection, options: WorkerOptions) -> Iterator[str]:
    """Connects to the cluster, or starts one; gives the address of its head.

    Raises:
        OptionError: it cannot be reached.
    """
    # Ray adds the current folder, and that of the program, to the import path of its workers
    os.chdir(Path(sys.prefix).anchor)
    sys.argv = ["facetally"]
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    address = about.address or os.environ.get("RAY_ADDRESS") or "local"
    _refuse_silent(address)
    try:
        with safe_import_path():
            ray.init(address=address, log_to_driver=False, configure_logging=False, **_local_only(address, options))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise OptionError(
            f"cannot connect to the Ray cluster {address}: {reason}",
            fix="check with `ray status` on this machine, which must be part of the cluster: ray start --address=HEAD",
        ) from error
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Ray has its own handler
    try:
        yield ray.get_runtime_context().gcs_address
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ray.shutdown()


def _refuse_silent(address: str) -> None:
    """Raises:
    OptionError: nothing answers at an address with a port; Ray would wait for minutes.
    """
    if ":" in address:
        try:
            call(address)
        except (OSError, ValueError) as error:
            raise OptionError(
                f"no Ray cluster answers at {address}: {error}",
                fix="give the address that `ray start --head` has printed, such as --address 10.0.0.1:6379",
            ) from error


def _local_only(address: str, options: WorkerOptions) -> dict[str, Any]:
    """Settings of a cluster that is started for the run."""
    if address != "local":
        return {}
    cores = max(usable_cores(), max(options.count, 1) * options.threads)
    return {"num_cpus": cores, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
