"""Locks an output folder at an address against other runs, on whichever machines they are.

The lock is an object that is created only if it is not there. Whoever holds it writes it again every few seconds, only
if it is still their own; a lock that was not written for long is dead, and another run replaces it.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facetally.errors import OutputError, StorageError
from facetally.files import parsed_json
from facetally.formatting import command, printable
from facetally.storage.addresses import Address
from facetally.storage.copies import RESUMES
from facetally.storage.stores import ChangedError, GoneError, RefusedError, Store, StoredObject, UnavailableError

HEARTBEAT_S = 20.0
DEAD_S = 120.0
"""A lock that was not written for so long belongs to nobody any more."""
ATTEMPTS = 5
NAME, CLOCK_NAME = ".lock", ".clock"


class RemoteLock:
    """A lock; use as a context manager.

    Args:
        address: of the output folder.
        store: its storage.
        folder_id: of the local folder in which this run works. Only one run at a time works there; so a lock with the
            same id is that of a run that was killed. So is that of a process of this machine that is gone.
        noted: is called with a sentence where a dead lock was taken over.
    """

    def __init__(self, address: Address, store: Store, folder_id: str, noted: Callable[[str], None]) -> None:
        self._address, self._store, self._folder_id, self._noted = address, store, folder_id, noted
        self._key, self._stamp = address.inside(NAME).key, ""
        self._about = {
            "owner": _user(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "folder": folder_id,
            "process": _process(os.getpid()),
        }
        self._is_over, self._lost = threading.Event(), ""

    def __enter__(self) -> RemoteLock:
        self._acquire()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="facetally-lock")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(HEARTBEAT_S)
        if not self._lost:
            with suppress(StorageError, UnavailableError, ChangedError, RefusedError, GoneError):
                if self._store.info(self._key).stamp == self._stamp:
                    self._store.delete(self._key)

    def check(self) -> None:
        """Raises StorageError if another run has taken the lock over."""
        if self._lost:
            raise StorageError(self._lost, fix="let the other run finish; then the same command does what is left")

    def _acquire(self) -> None:
        for _ in range(ATTEMPTS):
            try:
                self._stamp = self._store.put(self._key, self._content(), only_if="")
                self._check_conditions()
                return
            except ChangedError:
                pass
            except (UnavailableError, RefusedError, GoneError) as error:
                raise unwritable(self._address, error) from error
            with suppress(GoneError, ChangedError):  # released or taken meanwhile: try again
                self._stamp = self._taken_over()
                return
        raise StorageError(
            f"the lock of {self._address} changes all the time", fix="is another run starting? " + RESUMES
        )

    def _check_conditions(self) -> None:
        """Raises StorageError if the storage ignores conditions: it would create the lock although it is there."""
        try:
            self._store.put(self._key, self._content(), only_if="")
        except ChangedError:
            return
        self._store.delete(self._key)
        raise StorageError(
            f"the storage of {self._address} ignores conditions (If-None-Match): two runs could write there at once",
            fix="use a newer version of its server, or choose a folder on this machine with -o",
        )

    def _taken_over(self) -> str:
        """The stamp of the lock, which was dead; raises OutputError if it is not."""
        content, found = self._store.get(self._key) or (b"", StoredObject(self._key, 0, ""))
        about = _read(content)
        silent_s = self._now_s() - found.modified_s
        who = printable(f"{about.get('owner', '?')} on {about.get('host', '?')}")
        is_own = about.get("folder") == self._folder_id or _is_dead(about)
        if not is_own and silent_s < DEAD_S:
            state = command("facetally", "status", str(self._address))
            raise OutputError(
                f"another run is writing to {self._address}: {who}, since {printable(str(about.get('since', '?')))}, "
                f"last seen {max(0, silent_s):.0f} s ago",
                fix=f"wait until it is done ({state}), or choose another folder with -o; if it was killed, give the "
                f"same command again in {max(1, DEAD_S - silent_s):.0f} s",
            )
        stamp = self._store.put(self._key, self._content(), only_if=found.stamp)
        if not is_own:
            self._noted(f"took over {self._address} from {who}, which was not heard of for {silent_s:.0f} s")
        return stamp

    def _now_s(self) -> float:
        """The time by the clock of the storage, which may differ from that of this machine."""
        key = self._address.inside(CLOCK_NAME).key
        self._store.put(key, b"")
        return self._store.info(key).modified_s

    def _content(self) -> bytes:
        return json.dumps(self._about | {"beat": secrets.token_hex(4)}).encode()

    def _beat(self) -> None:
        heard_s = time.monotonic()
        while not self._is_over.wait(HEARTBEAT_S):
            try:
                self._stamp = self._store.put(self._key, self._content(), only_if=self._stamp)
                heard_s = time.monotonic()
            except (ChangedError, GoneError):
                if not self._is_own():
                    self._lost = f"another run has taken over {self._address}"
                    return
            except (UnavailableError, RefusedError, StorageError) as error:
                if time.monotonic() - heard_s > DEAD_S / 2:
                    self._lost = f"the lock of {self._address} could not be kept: {error}"
                    return

    def _is_own(self) -> bool:
        """Whether the lock is ours: the answer to a write that was done may have been lost."""
        with suppress(StorageError, UnavailableError, RefusedError, GoneError):
            content, found = self._store.get(self._key) or (b"", None)
            about = _read(content)
            if found and all(about.get(name) == value for name, value in self._about.items()):
                self._stamp = found.stamp
                return True
        return False


def unwritable(address: Address, error: Exception) -> StorageError:
    """The error for an output folder at an address that cannot be read or written."""
    fix = "allow your credentials to read, write, list and delete objects there, or choose another folder with -o"
    if isinstance(error, UnavailableError):
        fix = f"check AWS_ENDPOINT_URL and the network; {RESUMES}"
    return StorageError(f"{address} cannot be used: {error}", fix=fix)


def _read(content: bytes) -> dict[str, Any]:
    with suppress(ValueError, UnicodeDecodeError):
        about = parsed_json(content.decode())
        if isinstance(about, dict):
            return about
    return {}


def _process(pid: int) -> str:
    """Tells a process of this machine from all others, of this and other machines; empty where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        started = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
        return f"{boot} {Path(f'/proc/{pid}/ns/pid').readlink()} {started}"
    except (OSError, IndexError):  # other systems, or no such process
        return ""


def _is_dead(about: dict[str, Any]) -> bool:
    """Whether the process that wrote a lock ran on this machine, and is gone."""
    here, there, pid = _process(os.getpid()), str(about.get("process", "")), about.get("pid")
    is_here = bool(here) and here.split()[:2] == there.split()[:2]
    return is_here and isinstance(pid, int) and _process(pid) != there


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without users
        return "?"
