from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("insightface")

from scripts.benchmark import main


@pytest.mark.real
def test_the_benchmark_compares_three_ways_over_the_same_frames(shared: Path, tmp_path: Path) -> None:
    clip = shared / "videos" / "open-mmlab__mmaction2" / "tests__data__test.avi"
    words = [str(clip), "--repeats", "1", "--detector", "scrfd_500m", "--reports", str(tmp_path)]
    said = CliRunner().invoke(main, words, catch_exceptions=False)
    assert said.exit_code == 0
    (path,) = tmp_path.glob("*.json")
    result = json.loads(path.read_text())
    counts = result["counts"]
    assert counts["decoding alone"]["frames"] == counts["facetally, whole job"]["frames"] > 0
    assert counts["facetally, whole job"]["sampled"] == counts["insightface loop"]["sampled"] > 0
    assert result["times_decoding"]["decoding alone"] == 1
