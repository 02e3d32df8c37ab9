"""Runs on a Ray cluster of this machine: the same bytes as locally, whatever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from drawn_world import FailingDetector, SquareDetector, engines
from waiting import becomes_true

from facetally.batch.plan import plan_run
from facetally.batch.ray_executor import RayExecutor
from facetally.batch.run import run_videos
from facetally.errors import OptionError
from facetally.inputs import find_videos
from facetally.jobs.runs import NoProgress
from facetally.log import logged_to
from facetally.models.engines import Engines
from facetally.models.weights import ModelFile
from facetally.options import RunOptions, WorkerOptions
from facetally.results.ledger import Ledger, VideoRow

pytest.importorskip("ray", reason="needs Ray: pip install 'facetally[ray]'")
pytestmark = pytest.mark.timeout(120)
ROOT = Path(__file__).resolve().parents[3]
OPTIONS = RunOptions()
NODE: dict[str, Any] = {"num_cpus": 2, "object_store_memory": 10**8}


class HangsOnce(FailingDetector):
    """Hangs until its process is killed, but only the first time."""

    def _fail(self) -> None:
        assert self.pid_path
        if not self.pid_path.exists():
            super()._fail()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores and a machine with two, which see the tests' modules."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        head = {"num_cpus": 0, "object_store_memory": 10**8, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(**NODE)
        yield cluster
        cluster.shutdown()  # type: ignore[no-untyped-call]


def engines_with(folder: Path, detector: SquareDetector) -> Engines:
    """The drawn networks, with files of weights that exist."""
    models = {}
    for role in engines().models:
        path = folder / f"{role}.onnx"
        path.write_text(role)
        models[role] = ModelFile(role, path, sha256(role.encode()).hexdigest(), "none")
    return replace(engines(), detector=detector, models=models)


def run(
    films: Path, folder: Path, address: str | None, detector: SquareDetector, **options: Any
) -> dict[str, VideoRow]:
    """The new rows of a run; locally without an address."""
    using, ledger = engines_with(folder, detector), Ledger(folder / "out")
    ledger.out.mkdir(exist_ok=True)
    plan = plan_run(find_videos([str(films)]), ledger, OPTIONS.digest(using.model_hashes))
    executor = RayExecutor(address) if address else None
    workers = WorkerOptions(2, threads=1, **options)
    with logged_to(ledger.out):
        rows = run_videos(
            plan, ledger, using, options=OPTIONS, progress=NoProgress(), workers=workers, executor=executor
        )
    return {row.video: row for row in rows}


def tables_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("out/*/*.parquet"))}


@pytest.fixture(scope="module")
def unbroken(films: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The tables of an undisturbed local run."""
    folder = tmp_path_factory.mktemp("local")
    run(films, folder, None, SquareDetector())
    return tables_in(folder)


def log_of(folder: Path) -> str:
    return (folder / "out" / "log.txt").read_text()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_video_that_ends_its_worker_again_and_again_fails_and_the_others_do_not(
    cluster: Any, films: Path, tmp_path: Path
) -> None:
    rows = run(films, tmp_path, cluster.address, FailingDetector("SIGKILL"))
    assert {name: row.status for name, row in rows.items()} == {
        **{"man.mp4": "ok", "mixed.mp4": "failed", "woman.mp4": "ok"}
    }
    assert "crashed, or its machine failed" in rows["mixed.mp4"].reason
    assert (rows["mixed.mp4"].content_sha256, rows["mixed.mp4"].face_count) == ("", 0)
    assert log_of(tmp_path).count("mixed.mp4: processed again from its start") == 2


def test_a_video_that_stalls_fails_without_another_try(cluster: Any, films: Path, tmp_path: Path) -> None:
    rows = run(films, tmp_path, cluster.address, FailingDetector("hang"), stall_s=3.0)
    assert [rows[name].status for name in ("man.mp4", "mixed.mp4", "woman.mp4")] == ["ok", "failed", "ok"]
    assert "without progress" in rows["mixed.mp4"].reason
    assert "again" not in log_of(tmp_path)


def test_after_the_death_of_a_machine_another_gives_the_same_bytes(
    cluster: Any, films: Path, tmp_path: Path, unbroken: dict[str, bytes]
) -> None:
    pid_path = tmp_path / "pid"

    with ThreadPoolExecutor() as threads:  # a machine can be added by the main thread only
        done = threads.submit(run, films, tmp_path, cluster.address, HangsOnce("hang", pid_path))
        assert becomes_true(60, pid_path.exists)
        (machine,) = cluster.worker_nodes
        cluster.remove_node(machine, allow_graceful=False)
        cluster.add_node(**NODE)
        done.result()
    assert tables_in(tmp_path) == unbroken
    assert log_of(tmp_path).count("worker on") >= 3  # two on the first machine
    assert "mixed.mp4: processed again from its start" in log_of(tmp_path)


def test_weights_that_differ_on_another_machine_end_the_run(cluster: Any, films: Path, tmp_path: Path) -> None:
    using = engines_with(tmp_path, SquareDetector())
    (tmp_path / "detector.onnx").write_text("others")
    plan = plan_run(find_videos([str(films)]), Ledger(tmp_path / "out"), OPTIONS.digest(using.model_hashes))
    with pytest.raises(OptionError, match=r"detector\.onnx are other weights on machine") as caught:
        run_videos(
            plan,
            Ledger(tmp_path / "out"),
            using,
            options=OPTIONS,
            progress=NoProgress(),
            workers=WorkerOptions(1, threads=1),
            executor=RayExecutor(cluster.address),
        )
    assert "--models-dir" in caught.value.fix
    assert Ledger(tmp_path / "out").video_ids() == []


HANGING_RUN = """
import sys
from pathlib import Path
sys.path[:0] = [{root!r}, {tests!r}, {module!r}]
import facetally.batch.prepare
from drawn_world import FailingDetector
from test_ray import engines_with
detector = FailingDetector("hang", Path({pid!r}))
facetally.batch.prepare.load_engines = lambda *_, **__: engines_with(Path({folder!r}), detector)
from facetally.cli.main import main
main(["run", {films!r}, "-o", {out!r}, "--executor", "ray", "--address", {address!r}, "--workers", "1"])
"""
EVIL = "open({marker!r}, 'a').write(__name__)\nraise SystemExit(3)\n"


def hanging_run(films: Path, folder: Path, address: str) -> tuple[subprocess.Popen[str], int]:
    """Starts `facetally run` in a folder with modules that must not be imported; returns it and its worker's id."""
    names = {"pid": folder / "pid", "out": folder / "out", "folder": folder, "films": films}
    places = names | {"root": ROOT, "tests": ROOT / "tests", "module": Path(__file__).parent, "address": address}
    (folder / "here").mkdir()
    for module in ("random", "ray", "numpy", "facetally", "pickle"):
        (folder / "here" / f"{module}.py").write_text(EVIL.format(marker=str(folder / "executed")))
    (folder / "run.py").write_text(HANGING_RUN.format(**{name: str(place) for name, place in places.items()}))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, str(folder / "run.py")], cwd=folder / "here", stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, before)
    assert becomes_true(60, lambda: names["pid"].exists() and names["pid"].read_text()), process.communicate()
    return process, int(names["pid"].read_text())


def test_ctrl_c_ends_the_workers_and_no_code_of_the_current_folder_was_imported(
    cluster: Any, films: Path, tmp_path: Path
) -> None:
    process, worker = hanging_run(films, tmp_path, cluster.address)
    assert becomes_true(30, lambda: list((tmp_path / "out" / "videos").glob("man*.parquet")))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, "the same command continues with the others" in errors) == (130, True)
    assert becomes_true(10, lambda: is_gone(worker))
    assert [row.video for row in Ledger(tmp_path / "out").rows()] == ["man.mp4"]
    assert not (tmp_path / "executed").exists()


def test_a_lost_head_is_an_error_and_the_same_command_gives_the_same_bytes(
    cluster: Any, films: Path, tmp_path: Path, unbroken: dict[str, bytes]
) -> None:  # the last test, since it ends the cluster
    pid_path = tmp_path / "pid"

    with ThreadPoolExecutor() as threads:
        done = threads.submit(run, films, tmp_path, cluster.address, FailingDetector("hang", pid_path))
        assert becomes_true(60, pid_path.exists)
        cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
        with pytest.raises(OptionError, match="Ray cluster") as caught:
            done.result()
    assert "the same command continues" in caught.value.fix
    run(films, tmp_path, None, SquareDetector())
    assert tables_in(tmp_path) == unbroken
