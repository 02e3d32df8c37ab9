"""A real server of streams on this machine: passwords, and a server that is killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from drawn_world import engines, filmed, one_person
from live_world import RTSP_PACKAGES, free_port, has_rtsp_server, is_open, rtsp_server, wait_for

from facetally.errors import VideoError
from facetally.jobs import live as job
from facetally.jobs.live import watch
from facetally.live import reader as reading
from facetally.live import recording
from facetally.live.captures import StreamCapture
from facetally.live.sources import parse_source

pytestmark = pytest.mark.skipif(not has_rtsp_server(), reason=f"needs a server of streams: apt install {RTSP_PACKAGES}")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds with one woman."""
    return filmed(tmp_path_factory.mktemp("film") / "woman.mp4", one_person("red", 6.0))


def test_a_stream_is_counted_like_a_film(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "live_engines", lambda *_, **__: engines())
    with rtsp_server(film, free_port(), "--user", "ann", "--password", "s3cr@t") as address:
        watched = watch(address.replace("//", "//ann:s3cr%40t@"), tmp_path / "out")
    assert watched.run
    tracks = watched.run.tracks()
    assert tracks["gender"].tolist() == ["female"]
    # of the second that the server sends at once, when it is opened, only the newest picture may be looked at
    assert 6.0 - 1.0 - 0.2 <= tracks["screen_time_s"].iloc[0] <= 6.0 + 0.2
    assert watched.latency_s[0] < 1.0
    stored = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"s3cr" not in stored and b"127.0.0.1" in stored


def test_a_wrong_password_is_named_but_not_shown(film: Path) -> None:
    with rtsp_server(film, free_port(), "--user", "ann", "--password", "s3cret") as address:
        with pytest.raises(VideoError, match="asks for a user and a password"):
            StreamCapture(parse_source(address))
        words = [sys.executable, "-m", "facetally", "live", "-v", address.replace("//", "//ann:wr0ng@"), "--headless"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "password" in done.stderr and "Fix: " in done.stderr
    assert "wr0ng" not in done.stderr + done.stdout


def test_a_server_that_is_killed_and_started_again_leaves_a_gap(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "live_engines", lambda *_, **__: engines())
    monkeypatch.setattr(reading, "FIRST_WAIT_S", 0.3)
    monkeypatch.setattr(recording, "FLUSH_S", 0.4)
    port, found = free_port(), []
    with rtsp_server(film, port) as address:
        thread = threading.Thread(target=lambda: found.append(watch(address, tmp_path / "out", seconds=8.0)))
        thread.start()
        wait_for(lambda: any((tmp_path / "out" / recording.FOLDER).glob("*.parquet")))
    with rtsp_server(film, port):
        thread.join()
    watched = found[0]
    assert watched.run
    assert [gap.reason for gap in watched.gaps] == ["connection lost"]
    gap_s = watched.gaps[0].stop_s - watched.gaps[0].start_s
    assert 0.2 < gap_s < 8.0
    row = watched.run.videos().iloc[0]
    assert row["status"] == "ok" and "(connection lost)" in row["note"]
    burst_s = 1.0  # the server sends so much of a film at once when it is opened
    assert row["decoded_s"] < 8.5 + burst_s - gap_s
    assert watched.run.faces()["time_s"].max() > watched.gaps[0].stop_s


def test_no_server_and_no_stream_are_errors_with_a_fix(film: Path) -> None:
    with pytest.raises(VideoError, match="refused"):
        StreamCapture(parse_source(f"rtsp://127.0.0.1:{free_port()}/film"))
    with rtsp_server(film, free_port()) as address, pytest.raises(VideoError, match="does not exist"):
        StreamCapture(parse_source(f"{address}-other"))


def test_a_playlist_on_a_web_server_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile {os.fspath(tmp_path)}/secret.mp4\n")
    port = free_port()
    words = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: is_open(port))
        for name in ("list.m3u8", "list.ffconcat"):
            with pytest.raises(VideoError, match="playlist"):
                StreamCapture(parse_source(f"http://127.0.0.1:{port}/{name}"))
    finally:
        server.kill()
        server.wait()
