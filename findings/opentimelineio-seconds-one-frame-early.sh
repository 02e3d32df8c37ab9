#!/usr/bin/env bash
# OpenTimelineIO 0.18.1.
#
# Expected: a frame's time in seconds, given back to RationalTime.from_seconds with the same rate, has the time code of
# this frame.
# Seen: at 25 frames per second 5 % of the frames of an hour come out a frame early, the first of them frame 29. 1.16 s
# becomes the value 28.999999999999996, and to_timecode and to_frames cut it off instead of rounding it. At 24 frames
# per second none does. See AcademySoftwareFoundation/OpenTimelineIO#1742.
# Workaround: from_seconds(seconds, rate).round().
#
# Output seen: "frame 29 at 25 frames per second: 00:00:01:04, from its seconds 00:00:01:03; frames of an hour that are
# early: 4586 at 25, 0 at 24, 0 at 25 when rounded".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opentimelineio==0.18.1
"$folder/venv/bin/python" - <<'PY'
import sys

from opentimelineio.opentime import RationalTime


def from_its_seconds(frame: int, rate: int) -> RationalTime:
    return RationalTime.from_seconds(RationalTime(frame, rate).to_seconds(), rate)


def early(rate: int, rounded: bool) -> int:
    """How many frames of an hour have the time code of the frame before."""
    number = 0
    for frame in range(1, 3600 * rate):
        time = from_its_seconds(frame, rate)
        code = (time.round() if rounded else time).to_timecode()
        number += code == RationalTime(frame - 1, rate).to_timecode()
    return number


right, seen = RationalTime(29, 25).to_timecode(), from_its_seconds(29, 25).to_timecode()
numbers = early(25, False), early(24, False), early(25, True)
print(
    f"frame 29 at 25 frames per second: {right}, from its seconds {seen}; frames of an hour that are early: "
    "{} at 25, {} at 24, {} at 25 when rounded".format(*numbers)
)
sys.exit(0 if (right, seen) == ("00:00:01:04", "00:00:01:03") and numbers[0] > 0 == numbers[1] == numbers[2] else 1)
PY
