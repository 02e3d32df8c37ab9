#!/usr/bin/env bash
# scenedetect 0.7.2.
#
# Expected: ContentDetector measures the change of the hue round the circle, where 0 and 179 (OpenCV's scale) are
# neighbours. Two tones of pink that differ by 10 levels of blue and green are hardly a change.
# Seen: it takes the plain difference of the hues. From one pink to the other the hue goes from 4 to 176, and a cut is
# reported. Skin and warm light lie near that border. Two greens that differ by as much give no cut.
#
# Output seen: "pinks: score 57.3, cuts [50]; greens: score 2.7, cuts []".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    scenedetect==0.7.2 opencv-python==5.0.0.93 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import numpy as np
from scenedetect import ContentDetector, FrameTimecode, StatsManager


def cuts_and_score(*colours: tuple[int, int, int]) -> tuple[list[int], float]:
    """Cuts and score where 50 frames of one colour (B, G, R) are followed by 50 of the other."""
    detector = ContentDetector()
    detector.stats_manager = StatsManager()
    cuts = []
    for number in range(100):
        image = np.full((90, 160, 3), colours[number // 50], np.uint8)
        cuts += detector.process_frame(FrameTimecode(number, 25.0), image)
    score = detector.stats_manager.get_metrics(FrameTimecode(50, 25.0), ["content_val"])[0]
    return [cut.frame_num for cut in cuts], score


pink_cuts, pink_score = cuts_and_score((120, 130, 200), (130, 120, 200))
green_cuts, green_score = cuts_and_score((120, 200, 130), (130, 200, 120))
print(f"pinks: score {pink_score:.1f}, cuts {pink_cuts}; greens: score {green_score:.1f}, cuts {green_cuts}")
sys.exit(0 if pink_cuts == [50] and not green_cuts else 1)
PY
