"""Which packets hold reference frames, compared with what FFmpeg's decoder skips."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from drawn_world import encoded, one_person

from facetally.video import nal

CODECS = {"libx264": {"preset": "medium", "bf": "3"}, "libx265": {"preset": "ultrafast", "x265-params": "bframes=4"}}


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts", "clip.mkv"])
@pytest.mark.parametrize("codec", list(CODECS))
def test_packets_of_reference_frames_are_those_that_the_decoder_keeps(tmp_path: Path, codec: str, name: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = encoded(tmp_path / name, one_person(seconds=2).images(), codec=codec, options=CODECS[codec])
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        size = nal.length_size(context.name, context.extradata)
        packets = [packet for packet in container.demux(video=0) if packet.size]
        referred = {packet.pts for packet in packets if nal.is_referred_to(packet, context.name, size)}
    assert (size > 0) == (not name.endswith(".ts"))
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.skip_frame = "NONREF"
        assert referred == {image.pts for image in container.decode(video=0)}
    assert 10 < len(referred) < 40


@pytest.mark.parametrize("codec", sorted(nal.CODECS))
@pytest.mark.parametrize(
    ("content", "size"), [(b"", 4), (b"", 0), (b"\0\0\1", 0), (b"no unit", 0), (b"\0\0\0\1\x7f", 4)]
)
def test_a_packet_without_a_frame_counts_as_a_reference(content: bytes, size: int, codec: str) -> None:
    assert nal.is_referred_to(content, codec, size)


@pytest.mark.parametrize("codec", sorted(nal.CODECS))
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
def test_reading_any_bytes_ends(size: int, codec: str) -> None:
    rng = np.random.default_rng(0)
    for length in range(200):
        nal.is_referred_to(rng.integers(0, 3, length).astype(np.uint8).tobytes(), codec, size)


@pytest.mark.parametrize("extradata", [None, b"", b"\1", b"\0\0\0\1\x67"])
def test_without_a_configuration_record_units_follow_start_codes(extradata: bytes | None) -> None:
    assert {nal.length_size(codec, extradata) for codec in nal.CODECS} == {0}
