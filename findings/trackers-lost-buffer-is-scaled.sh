#!/usr/bin/env bash
# trackers 2.6.1, supervision 0.31.2.
#
# Expected: ByteTrackTracker(lost_track_buffer=5, frame_rate=5) keeps a lost track for 5 frames, which is 1 second.
# Seen: for 1 frame. The buffer counts frames of a video with 30 frames per second, and is scaled by frame_rate / 30.
# The documentation of the class says so, the name does not. With the true rate given, the buffer is 30 times the
# seconds; with both left at their defaults, a track that is lost in a video sampled 5 times per second lives for 6
# seconds. See roboflow/supervision#1805.
#
# Output seen: "missed frames that a track outlives: 5 with buffer 5 at the default rate, 1 with buffer 5 at
# frame_rate=5, 5 with buffer 30 at frame_rate=5".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check trackers==2.6.1 supervision==0.31.2 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - "$folder" <<'PY'
import sys

import numpy as np
import supervision as sv
from trackers import ByteTrackTracker


def outlived(**options: float) -> int:
    """The longest run of missed frames after which a face that did not move has its number again."""
    longest = 0
    for missed in range(1, 41):
        face = sv.Detections(np.array([[10.0, 10, 60, 60]]), confidence=np.array([0.9]), class_id=np.array([0]))
        tracker = ByteTrackTracker(**options)
        first = [tracker.update(face).tracker_id[0] for _ in range(6)][-1]
        for _ in range(missed):
            tracker.update(sv.Detections.empty())
        if [tracker.update(face).tracker_id[0] for _ in range(4)][-1] == first:
            longest = missed
    return longest


seen = (
    outlived(lost_track_buffer=5),
    outlived(lost_track_buffer=5, frame_rate=5),
    outlived(lost_track_buffer=30, frame_rate=5),
)
print(
    "missed frames that a track outlives: {} with buffer 5 at the default rate, {} with buffer 5 at frame_rate=5, "
    "{} with buffer 30 at frame_rate=5".format(*seen)
)
sys.exit(0 if seen == (5, 1, 5) else 1)
PY
