"""Two runs never write to one output folder at an address, and a dead one does not block it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3, error

from facetally.errors import OutputError, StorageError
from facetally.storage import lock as lock_module
from facetally.storage.addresses import parsed_address
from facetally.storage.lock import RemoteLock
from facetally.storage.opening import open_store
from facetally.storage.stores import Store

Maker = Callable[..., RemoteLock]


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def lock(s3: S3, notes: list[str]) -> Maker:
    """Makes a lock of out/ for a local folder of this id."""
    address = parsed_address(s3.address("out"))
    return lambda folder_id: RemoteLock(address, open_store(address), folder_id, notes.append)


def until(is_true: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def test_a_second_run_is_refused_and_told_who_holds_the_lock(lock: Maker) -> None:
    with (
        lock("a"),
        pytest.raises(OutputError, match=r"another run is writing to s3://.* on .*, since 2\d{3}-") as caught,
    ):
        lock("b").__enter__()
    assert "facetally status s3://" in caught.value.fix
    assert "choose another folder with -o" in caught.value.fix


class WithoutConditions:
    """A storage that writes whatever the condition, as older servers do."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, content: bytes, only_if: str | None = None) -> str:
        del only_if
        return self._store.put(key, content)


def test_a_storage_that_ignores_conditions_is_refused_and_no_lock_is_left(s3: S3) -> None:
    address = parsed_address(s3.address("out"))
    with pytest.raises(StorageError, match="ignores conditions") as caught:
        RemoteLock(address, WithoutConditions(open_store(address)), "a", print).__enter__()
    assert "-o" in caught.value.fix
    assert s3.names() == []


def test_the_lock_is_released_at_the_end(lock: Maker, s3: S3) -> None:
    with lock("a"):
        assert json.loads(s3.get("out/.lock"))["folder"] == "a"
    assert "out/.lock" not in s3.names()
    with lock("b"):
        pass


def test_of_many_runs_that_start_together_one_gets_the_lock(lock: Maker) -> None:
    got: list[str] = []
    start, end = threading.Barrier(5), threading.Event()

    def run(name: str) -> None:
        start.wait()
        try:
            with lock(name):
                got.append(name)
                end.wait(10)
        except OutputError:
            got.append("refused")

    threads = [threading.Thread(target=run, args=(str(number),)) for number in range(5)]
    for thread in threads:
        thread.start()
    until(lambda: len(got) == 5)
    end.set()
    for thread in threads:
        thread.join()
    assert got.count("refused") == 4


def test_a_dead_lock_is_taken_over_with_a_word(
    lock: Maker, s3: S3, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "DEAD_S", -1.0)
    s3.put("out/.lock", json.dumps({"owner": "ann", "host": "node7", "folder": "x"}).encode())
    with lock("b"):
        assert json.loads(s3.get("out/.lock"))["folder"] == "b"
    assert len(notes) == 1
    assert "from ann on node7, which was not heard of for" in notes[0]


def test_a_run_that_was_killed_here_is_taken_over_at_once(lock: Maker, s3: S3, notes: list[str]) -> None:
    s3.put("out/.lock", json.dumps({"owner": "ann", "host": "node7", "folder": "b"}).encode())
    with lock("b"):
        pass
    assert notes == []


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_lock_of_a_process_that_is_gone_is_taken_over_and_that_of_a_living_one_is_not(lock: Maker, s3: S3) -> None:
    with lock("a"):
        about = json.loads(s3.get("out/.lock"))
    s3.put("out/.lock", json.dumps(about).encode())
    with pytest.raises(OutputError, match="another run"):
        lock("b").__enter__()
    s3.put("out/.lock", json.dumps(about | {"pid": 2**22 + 1}).encode())
    with lock("b"):
        pass
    s3.put("out/.lock", json.dumps(about | {"pid": 2**22 + 1, "process": "another machine"}).encode())
    with pytest.raises(OutputError, match="another run"):
        lock("b").__enter__()


def test_a_damaged_lock_blocks_until_it_is_dead(lock: Maker, s3: S3) -> None:
    s3.put("out/.lock", b"\xff{")
    with pytest.raises(OutputError, match=r"\? on \?"):
        lock("b").__enter__()


def test_the_lock_is_written_again_and_again(lock: Maker, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_S", 0.02)
    with lock("a") as held:
        until(lambda: s3.count("PUT", ".lock") > 3)
        held.check()
    assert "out/.lock" not in s3.names()


def test_a_run_whose_lock_was_taken_over_stops_and_leaves_the_lock_of_the_other(
    lock: Maker, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_S", 0.02)
    with lock("a") as held:
        s3.put("out/.lock", b'{"folder": "other"}')
        until(lambda: bool(held._lost))
        with pytest.raises(StorageError, match="another run has taken over"):
            held.check()
    assert s3.get("out/.lock") == b'{"folder": "other"}'


def test_a_heartbeat_whose_answer_was_lost_is_no_loss_of_the_lock(
    lock: Maker, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_S", 0.02)
    with lock("a") as held:
        until(lambda: s3.count("PUT", ".lock") > 1)
        with s3.failing(error("412 Precondition Failed", "PreconditionFailed", "PUT", ".lock", times=1)):
            until(lambda: not s3.faults or s3.count("PUT", ".lock") > 3)
        held.check()


def test_without_permission_to_write_the_error_says_so(lock: Maker, s3: S3) -> None:
    with (
        s3.failing(error("403 Forbidden", "AccessDenied", "PUT")),
        pytest.raises(StorageError, match=r"s3://.* cannot be used: no permission"),
    ):
        lock("a").__enter__()
