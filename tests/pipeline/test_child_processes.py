"""The server of worker processes, and memory given back."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from facetally import child_processes
from facetally.child_processes import METHOD, free_unused_memory

STARTED = """
import json, multiprocessing, signal, sys
from multiprocessing import forkserver
from facetally.child_processes import start_fork_server

def loaded(connection):
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    expected = {"facetally.batch.warm", "facetally.detection.scrfd"}
    connection.send((signal.SIGINT in blocked, expected <= sys.modules.keys()))

if __name__ == "__main__":
    start_fork_server()
    server = forkserver._forkserver._forkserver_pid
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("forkserver").Process(target=loaded, args=(there,))
    process.start()
    print(json.dumps([*here.recv(), forkserver._forkserver._forkserver_pid == server]))
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
"""


@pytest.mark.skipif(METHOD != "forkserver", reason="needs a fork server")
def test_the_server_that_is_started_early_is_the_one_of_the_workers(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(STARTED)
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True, timeout=120)
    ignores_ctrl_c_and_has_loaded, parent_blocks_it = done.stdout.splitlines()
    assert ignores_ctrl_c_and_has_loaded == "[true, true, true]"
    assert parent_blocks_it == "False"


STUCK = """
import ctypes, multiprocessing, os, sys
from facetally.child_processes import end_with_parent
def stuck(connection):
    end_with_parent()
    connection.send(os.getpid())
    ctypes.PyDLL(None).pause()  # keeps the interpreter's lock
ours, theirs = multiprocessing.Pipe()
multiprocessing.get_context("fork").Process(target=stuck, args=(theirs,)).start()
print(ours.recv(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such signal")
def test_a_process_that_is_stuck_in_a_library_ends_with_its_parent() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", STUCK], stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert not psutil.wait_procs([child], timeout=10)[1]


def test_a_system_without_a_fork_server_starts_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes, "METHOD", "spawn")
    child_processes.start_fork_server()


@pytest.mark.parametrize("library", [lambda _: object(), lambda _: (_ for _ in ()).throw(OSError)])
def test_a_c_library_that_gives_nothing_back_is_no_error(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", library)
    free_unused_memory()
