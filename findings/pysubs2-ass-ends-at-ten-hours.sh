#!/usr/bin/env bash
# pysubs2 1.8.1; PyAV 15.1.0 reads its file.
#
# Expected: an event at 11 hours is written to ASS as 11:00:00.00, which FFmpeg's reader takes, or is refused.
# Seen: 9:59:59.99, for the start and for the end alike, with no more than a Python warning: the hours are held to one
# digit. SRT of the same object keeps the time. In subtitles of a recording of a whole day, everything after ten hours
# falls on one moment without a length, so players show nothing.
#
# Output seen:
#   ass: 9:59:59.99 9:59:59.99
#   srt: 11:00:00,000 11:00:02,000
#   FFmpeg reads 11:00:00.00 as 39600.0 s
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pysubs2==1.8.1 av==15.1.0
venv/bin/python - <<'PY'
import re
import warnings

import av
import pysubs2

warnings.simplefilter("ignore")
file = pysubs2.SSAFile()
file.append(pysubs2.SSAEvent(start=11 * 3_600_000, end=11 * 3_600_000 + 2000, text="seen"))
ass, srt = file.to_string("ass"), file.to_string("srt")
written = re.search(r"Dialogue: 0,([^,]+),([^,]+),", ass).groups()
print("ass:", *written)
kept = re.search(r"(\S+) --> (\S+)", srt).groups()
print("srt:", *kept)
with open("long.ass", "w") as out:
    out.write(ass.replace(written[0], "11:00:00.00", 1).replace(written[1], "11:00:02.00", 1))
with av.open("long.ass") as container:
    packet = next(packet for packet in container.demux() if packet.pts is not None)
    read_s = float(packet.pts * packet.time_base)
print("FFmpeg reads 11:00:00.00 as", read_s, "s")
assert written == ("9:59:59.99", "9:59:59.99"), written
assert kept == ("11:00:00,000", "11:00:02,000"), kept
assert read_s == 39600.0, read_s
PY
