"""The journal: nothing that was acknowledged is lost, and nothing incomplete is counted."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from facetally.errors import OutputError
from facetally.labelling import journal as module
from facetally.labelling.journal import JOURNAL_FILE, Entry, Journal

DRAFT = Entry("anna", 0, "track", "random", "", "t1", "v", 3, {"answer": "female"}, took_s=1.25)
MOMENT = Entry("anna", 0, "moment", "random", "", "t1", "v", 2.4, {"missed": [], "done": True}, settles=True)
UNDO = Entry("anna", 0, "undo", "random", "", undoes=1)


def lines(folder: Path) -> list[str]:
    return (folder / JOURNAL_FILE).read_text().splitlines()


@pytest.mark.parametrize("draft", [DRAFT, MOMENT, UNDO], ids=lambda draft: draft.kind)
def test_an_entry_is_read_back_as_it_was_written(tmp_path: Path, draft: Entry) -> None:
    (written,) = Journal(tmp_path).append(draft)
    (read,) = Journal(tmp_path).read_new()
    assert read == written
    assert replace(read, number=0, at="") == draft
    assert read.at.startswith("20")


def test_each_annotator_has_running_numbers(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in ("anna", "ben", "anna"):
        journal.append(replace(DRAFT, annotator=name))
    made = [(entry["annotator"], entry["number"]) for entry in map(json.loads, lines(tmp_path))]
    assert made == [("anna", 1), ("ben", 1), ("anna", 2)]


def test_two_processes_share_a_journal(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path)
    one.append(DRAFT)
    assert [entry.number for entry in two.append(DRAFT)] == [1, 2]
    assert [entry.number for entry in one.read_new()] == [2]
    assert one.read_new() == []


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_last_line_is_reported_and_the_next_entry_is_whole(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    journal.append(DRAFT)
    journal.append(DRAFT)
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[: -1 - cut])
    resumed = Journal(tmp_path)
    assert [entry.number for entry in resumed.read_new()] == [1]
    assert resumed.unreadable == [2]
    resumed.append(DRAFT)
    again = Journal(tmp_path)
    assert [entry.number for entry in again.read_new()] == [1, 2]
    assert again.unreadable == resumed.unreadable == [2]


def test_a_line_that_only_lacks_its_end_is_whole(tmp_path: Path) -> None:
    Journal(tmp_path).append(DRAFT)
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-1])
    resumed = Journal(tmp_path)
    assert [entry.number for entry in resumed.append(DRAFT)] == [1, 2]
    assert resumed.unreadable == []
    assert len(Journal(tmp_path).read_new()) == 2


@pytest.mark.parametrize("line", ["[]", "1", "{}", "null", '{"annotator": "anna"}', '{"kind": "x"}', "\x00" * 40])
def test_a_line_that_is_no_entry_is_reported(tmp_path: Path, line: str) -> None:
    (tmp_path / JOURNAL_FILE).write_text(line + "\n")
    journal = Journal(tmp_path)
    assert journal.read_new() == []
    assert journal.unreadable == [1]


@pytest.mark.parametrize("written_bytes", [0, 30])
def test_a_full_disk_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written_bytes: int
) -> None:
    journal = Journal(tmp_path)
    journal.append(DRAFT)
    before = (tmp_path / JOURNAL_FILE).read_bytes()

    def full(handle: int, data: bytes) -> None:
        os.write(handle, data[:written_bytes])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_all", full)
        with pytest.raises(OutputError, match=r"not saved.*No space left on device"):
            journal.append(DRAFT)
    assert (tmp_path / JOURNAL_FILE).read_bytes() == before
    assert [entry.number for entry in journal.append(DRAFT)] == [2]


def test_an_entry_that_is_not_synced_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    journal.append(DRAFT)

    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OutputError, match="not saved"):
            journal.append(DRAFT)
    assert len(lines(tmp_path)) == 1


def test_a_journal_that_was_made_shorter_is_an_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(DRAFT)
    (tmp_path / JOURNAL_FILE).write_text("")
    with pytest.raises(OutputError, match="was made shorter"):
        journal.append(DRAFT)


def test_a_journal_that_is_not_there_has_no_entries(tmp_path: Path) -> None:
    assert Journal(tmp_path / "new").read_new() == []
    assert not (tmp_path / "new").exists()
