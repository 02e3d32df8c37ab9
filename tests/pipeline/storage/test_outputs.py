"""The local folder of an output folder at an address is equal to it, even if a listing lags."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_server import S3

from facetally.errors import OutputError, StorageError
from facetally.storage.addresses import parsed_address
from facetally.storage.outputs import RemoteFolder, output_folder
from facetally.storage.stores import Store, StoredObject

ROW, FACES, TRACKS = "videos/a.parquet", "faces/a.parquet", "tracks/a.parquet"


@pytest.fixture
def out(s3: S3) -> S3:
    """out/ holds the results of one video."""
    for name in (ROW, FACES, TRACKS):
        s3.put(f"out/{name}", name.encode())
    s3.put("out/run.json", json.dumps({"videos": {"a": "a.mp4", "b": "b.mp4"}}).encode())
    s3.requests.clear()
    return s3


def folder(s3: S3) -> RemoteFolder:
    return RemoteFolder(parsed_address(s3.address("out")))


def pulled(s3: S3) -> RemoteFolder:
    remote = folder(s3)
    remote.pull()
    return remote


class Lagging:
    """A storage whose listing shows other objects than there are.

    Args:
        store: the storage.
        change: makes the listing of it.
    """

    def __init__(self, store: Store, change: Callable[[list[StoredObject]], list[StoredObject]]) -> None:
        self._store, self._change = store, change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def listed(self, prefix: str) -> Iterator[StoredObject]:
        return iter(self._change(list(self._store.listed(prefix))))


def lagging(s3: S3, change: Callable[[list[StoredObject]], list[StoredObject]]) -> RemoteFolder:
    """The folder, as a run finds it with such a listing."""
    remote = folder(s3)
    remote.store = Lagging(remote.store, change)
    remote.pull(for_run=True)
    return remote


def unlisted(s3: S3, *names: str) -> RemoteFolder:
    """The folder, with a listing that does not show these files yet."""
    return lagging(s3, lambda found: [one for one in found if not one.key.endswith(names)])


def test_what_is_at_the_address_is_fetched(out: S3) -> None:
    assert (pulled(out).path / ROW).read_bytes() == ROW.encode()


def test_only_what_changed_is_fetched_again_after_one_listing(out: S3) -> None:
    pulled(out)
    out.put(f"out/{TRACKS}", b"new")
    out.requests.clear()
    assert (pulled(out).path / TRACKS).read_bytes() == b"new"
    assert out.count("GET", "parquet") == 1
    assert sum("list-type" in about for _, _, about in out.requests) == 1


def test_tables_that_are_not_at_the_address_any_more_are_deleted_here(out: S3) -> None:
    remote = pulled(out)
    (remote.path / "videos" / "left.parquet").write_bytes(b"of a run that was killed before it stored it")
    out.client.delete_object(Bucket=out.bucket, Key=f"out/{ROW}")
    assert not list((pulled(out).path / "videos").iterdir())


def test_a_table_that_was_changed_here_is_fetched_again(out: S3) -> None:
    (pulled(out).path / ROW).write_bytes(b"damaged")
    assert (pulled(out).path / ROW).read_bytes() == ROW.encode()


@pytest.mark.parametrize("names", [(ROW,), (FACES, TRACKS), (ROW, FACES, TRACKS), ("run.json", ROW, FACES, TRACKS)])
def test_a_listing_that_lags_loses_nothing(out: S3, names: tuple[str, ...]) -> None:
    remote = unlisted(out, *names)
    assert all((remote.path / name).read_bytes() == name.encode() for name in (ROW, FACES, TRACKS))


def test_a_listing_that_lags_deletes_nothing_that_is_known(out: S3) -> None:
    pulled(out)
    remote = unlisted(out, ROW, FACES, TRACKS, "run.json")
    assert (remote.path / ROW).read_bytes() == ROW.encode()


def test_a_listing_that_still_shows_what_is_gone_brings_nothing_back(out: S3) -> None:
    before = list(folder(out).store.listed("out/"))
    out.client.delete_object(Bucket=out.bucket, Key=f"out/{ROW}")
    assert not (lagging(out, lambda _: before).path / ROW).exists()


def test_what_a_command_writes_and_deletes_is_stored(out: S3) -> None:
    with output_folder(out.address("out")) as path:
        (path / "report.html").write_text("page")
        (path / "run.json").unlink()
        (path / ".cache").mkdir()
        (path / ".cache" / "x").touch()
    assert sorted(out.contents("out/")) == [FACES, "report.html", TRACKS, ROW]


def test_a_command_that_only_reads_stores_nothing(out: S3) -> None:
    with output_folder(out.address("out")):
        pass
    assert {method for method, _, _ in out.requests} == {"GET"}


def test_files_that_vanish_from_the_local_folder_between_commands_are_fetched_again(out: S3) -> None:
    (pulled(out).path / ROW).unlink()
    with output_folder(out.address("out")) as path:
        assert (path / ROW).exists()
    assert f"out/{ROW}" in out.names()


def test_work_by_hand_that_could_not_be_stored_is_kept_and_stored_later(out: S3) -> None:
    (pulled(out).path / "corrections.csv").write_text("mine")
    with output_folder(out.address("out")) as path:
        assert (path / "corrections.csv").read_text() == "mine"
    assert out.get("out/corrections.csv") == b"mine"


def test_work_by_hand_that_was_changed_here_and_there_is_an_error(out: S3) -> None:
    out.put("out/corrections.csv", b"first")
    (pulled(out).path / "corrections.csv").write_text("mine, longer")
    out.put("out/corrections.csv", b"theirs")
    with pytest.raises(OutputError, match="both were changed"), output_folder(out.address("out")):
        pass


def test_errors_of_a_command_name_the_address_and_not_the_local_folder(out: S3) -> None:
    with pytest.raises(OutputError) as caught, output_folder(out.address("out")) as path:
        raise OutputError(f"{path} is bad", fix=f"look at {path}/log.txt")
    assert (caught.value.what, caught.value.fix) == (
        f"{out.address('out')} is bad",
        f"look at {out.address('out')}/log.txt",
    )


def test_a_full_disk_here_names_the_local_folder_and_the_variable_that_moves_it(out: S3) -> None:
    with pytest.raises(StorageError) as caught, output_folder(out.address("out")) as path:
        raise OutputError(f"cannot write {path}/report.html: No space left on device", fix="free space")
    assert str(path) in caught.value.what
    assert "FACETALLY_CACHE" in caught.value.fix


def test_credentials_are_stored_nowhere(out: S3) -> None:
    with output_folder(out.address("out")) as path:
        (path / "report.html").write_text("page")
    kept = b"".join(one.read_bytes() for one in path.rglob("*") if one.is_file())
    assert b"hidden-word" not in kept + b"".join(out.contents("").values())


def test_results_cannot_be_stored_where_nothing_is_written_under_a_condition(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="writing under a condition"):
        RemoteFolder(parsed_address(f"file://{tmp_path}/out"))


def test_a_bucket_that_is_not_there_is_an_error(s3: S3) -> None:
    with pytest.raises(StorageError, match="there is no bucket s3://none-such"):
        RemoteFolder(parsed_address("s3://none-such/out")).pull()
    assert s3
