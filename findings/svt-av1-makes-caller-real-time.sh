#!/usr/bin/env bash
# av 18.1.0 (FFmpeg 8.1.2, with SVT-AV1 4.1.0), Linux, as root, as in most containers.
#
# Expected: an encoder leaves the process that calls it as it was; if it asks for a priority, then for its own threads.
# Seen: opening libsvtav1 makes the calling thread real-time, SCHED_FIFO at the highest priority, 99, without a word, and
# it stays so after the encoder is closed. Threads and processes inherit it: a browser, a server or a training that is
# started later gets the cores before everything else on the machine. On two cores, tests that took ten minutes did not
# end within ninety. Other encoders (x264, x265, libvpx) do not do that.
# Workaround: keep os.sched_getscheduler(0) and os.sched_getparam(0), and set them again after the encoder was closed;
# or encode in a process of its own.
#
# Output seen: "libx264: SCHED_OTHER 0; libsvtav1: SCHED_FIFO 99; a process started afterwards: SCHED_FIFO 99".
set -euo pipefail
if [ "$(id -u)" != 0 ]; then
    echo "run as root: other users may not become real-time, and nothing is seen" >&2
    exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PY'
import os
import subprocess
import sys

import av
import numpy as np

ASK = "import os; print(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)"
NAMES = {str(os.SCHED_OTHER): "SCHED_OTHER", str(os.SCHED_FIFO): "SCHED_FIFO", str(os.SCHED_RR): "SCHED_RR"}


def shown(policy: object, priority: object) -> str:
    return f"{NAMES.get(str(policy), policy)} {priority}"


def after_encoding(codec: str) -> str:
    with av.open(f"{sys.argv[1]}/{codec}.mp4", "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((120, 160, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    return shown(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)


x264, av1 = after_encoding("libx264"), after_encoding("libsvtav1")
child = shown(*subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True).stdout.split())
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
print(f"libx264: {x264}; libsvtav1: {av1}; a process started afterwards: {child}")
sys.exit(0 if (x264, av1, child) == ("SCHED_OTHER 0", "SCHED_FIFO 99", "SCHED_FIFO 99") else 1)
PY
