"""Our measures on random worlds give what motmetrics 1.4.0 and TrackEval 1.3.0 gave for them.

The expected values were printed once by `REFERENCE` of the script, for the files of `write_world`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scripts.check_tracking_metrics import figures, read_frames, world, write_world

EXPECTED = {
    0: {
        **{"idf1": 0.12389380530973451, "idp": 0.109375, "idr": 0.14285714285714285, "switches": 5, "fragments": 10},
        **{"hota": 0.18238312127350065, "deta": 0.317611320414505, "assa": 0.10676655855995507},
    },
    3: {
        **{"idf1": 0.22384428223844283, "idp": 0.21495327102803738, "idr": 0.233502538071066},
        **{"hota": 0.21658024006628, "deta": 0.3792812459613318, "assa": 0.12520614538192643},
        **{"switches": 36, "fragments": 49},
    },
    5: {
        **{"idf1": 0.273015873015873, "idp": 0.25825825825825827, "idr": 0.2895622895622896},
        **{"hota": 0.24423734720772114, "deta": 0.39105310538797383, "assa": 0.15291901256869292},
        **{"switches": 37, "fragments": 68},
    },
}
"""By seed: one person, four and six."""


@pytest.mark.parametrize("seed", EXPECTED)
def test_the_figures_are_those_of_motmetrics_and_trackeval(tmp_path: Path, seed: int) -> None:
    assert figures(write_world(tmp_path / "world", seed)) == pytest.approx(EXPECTED[seed], abs=1e-6)


def test_a_world_is_the_same_each_time_and_different_for_each_seed() -> None:
    assert world(3) == world(3) != world(9)


def test_frames_hold_the_boxes_of_both_files(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("1,4,0,0,10,10,1,-1,-1,-1\n2,4,0,0,10,10,1,-1,-1,-1\n")
    (tmp_path / "test.txt").write_text("2,7,5,0,10,10,1,-1,-1,-1\n3,7,0,0,10,10,1,-1,-1,-1\n")
    first, second, third = read_frames(tmp_path)
    assert (first.people.tolist(), first.tracks.tolist(), first.overlaps.shape) == ([4], [], (1, 0))
    np.testing.assert_allclose(second.overlaps, [[1 / 3]])
    assert (third.people.tolist(), third.tracks.tolist()) == ([], [7])
