"""Vectors and crops of the embedding are biometric data: they stay in memory until their video is finished."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from drawn_world import SquareDetector, engines

from facetally.batch import prepare
from facetally.batch.worker import Heartbeat, Job, WorkerTask
from facetally.cli.main import main
from facetally.detection.crops import CropRecipe
from facetally.detection.faces import FloatArray, ImageArray
from facetally.options import PeopleOptions, RunOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import TRACKS, read_table
from facetally.tracks.follow import FollowedFrame

DIMENSIONS = 128
VALUE = np.float32(DIMENSIONS**-0.5)  # 0.08838835
COUNTING = RunOptions(people=PeopleOptions(count=True))


class MarkedEmbedding:
    """Vectors of which every value is `VALUE`, positive or negative by colour; remembers a row of each crop."""

    recipe = CropRecipe(size_px=96, template_scale=0.6)

    def __init__(self) -> None:
        self.crop_rows: list[bytes] = []

    def embed(self, crops: ImageArray) -> FloatArray:
        self.crop_rows += [crop[len(crop) // 2].tobytes() for crop in crops]
        is_red = crops[:, 48, 48, 0] > crops[:, 48, 48, 2]
        signs = np.where(is_red[:, None], 1, np.where(np.arange(DIMENSIONS) % 2, 1, -1))
        return (VALUE * signs).astype(np.float32)


def leaks(content: bytes, crop_rows: list[bytes]) -> list[str]:
    """What of vectors and crops these bytes hold; of numbers the last digits may differ."""
    found = []
    for name, last_digits in (("float16", 0), ("float32", 1), ("float64", 4)):
        magnitude = np.array(VALUE, name).tobytes()[last_digits:-1]  # the sign is in the last byte
        value = b"[\x00-\xff]{%d}%s[\x00-\xff]" % (last_digits, re.escape(magnitude))
        if re.search(b"(?:%s){8}" % value, content):
            found.append(name)
    found += ["text"] * (str(VALUE)[:8].encode() in content)
    return found + ["crop"] * any(row in content for row in crop_rows)


@pytest.fixture(scope="module")
def events(films: Path) -> tuple[list[Any], MarkedEmbedding]:
    """What a worker sends for the film with several people, and its embedding."""
    embedding = MarkedEmbedding()
    task = WorkerTask(SquareDetector(), CropRecipe(), COUNTING, embedding=embedding)
    row = VideoRow("id", "mixed.mp4", str(films / "mixed.mp4"), "ok")
    return list(task.events(Job(films / "mixed.mp4", row), Heartbeat())), embedding


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_search_finds_a_vector_and_a_crop(dtype: str) -> None:
    embedding = MarkedEmbedding()
    crops = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3)).astype(np.uint8)
    vector = embedding.embed(crops)[0] * np.float32(1 + 1e-7)
    assert leaks(pickle.dumps(vector.astype(dtype)), embedding.crop_rows) == [dtype]
    assert leaks(str(vector.tolist()).encode(), embedding.crop_rows) == ["text"]
    assert leaks(pickle.dumps(crops), embedding.crop_rows) == ["crop"]


def test_what_a_worker_sends_holds_no_vector_and_no_crop_of_the_embedding(
    events: tuple[list[Any], MarkedEmbedding],
) -> None:
    sent, embedding = events
    (likenesses,) = (event.likenesses for event in sent if isinstance(event, FollowedFrame) and event.likenesses)
    assert len(likenesses.track_ids) > 1
    assert embedding.crop_rows
    assert leaks(pickle.dumps(sent), embedding.crop_rows) == []
    assert leaks(b"".join(pickle.dumps(event) for event in sent), embedding.crop_rows) == []


@pytest.fixture
def uncompressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are stored so that their bytes can be searched."""
    write = pq.write_table
    monkeypatch.setattr(pq, "write_table", lambda table, to, **_: write(table, to, compression="none"))
    monkeypatch.setattr(prepare, "load_engines", lambda *_, **__: replace(engines(), embedding=MarkedEmbedding()))


@pytest.mark.usefixtures("uncompressed")
def test_no_file_and_no_output_of_a_run_that_counts_people_holds_biometric_data(
    films: Path, tmp_path: Path, events: tuple[list[Any], MarkedEmbedding]
) -> None:
    out, printed = tmp_path / "out", b""
    for words in (["run", str(films), "-o", str(out), "--people", "-v"], ["tally", str(out)], ["report", str(out)]):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.stderr
        printed += (result.stdout + result.stderr).encode()
    tracks = [read_table(Ledger(out).path("tracks", row.video_id), TRACKS) for row in Ledger(out).rows()]
    assert {number for table in tracks for number in table["person_in_video"].to_pylist()} == {0, 1}
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert {"log.txt", "run.json", "report.html", "tallies/tallies.parquet"} <= files.keys()
    assert [name for name, content in files.items() if leaks(content, events[1].crop_rows)] == []
    assert leaks(printed, events[1].crop_rows) == []
