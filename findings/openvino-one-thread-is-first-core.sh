#!/usr/bin/env bash
# openvino 2026.4.1, Linux, the CPU device, a machine of two cores or more.
#
# Expected: INFERENCE_NUM_THREADS = 1 makes inference take one thread, the caller's, on whichever core is free; two such
# processes side by side work twice as much as one, as they do with onnxruntime.
# Seen: while it computes, the caller's thread may run on a single core only, in every process the same: ENABLE_CPU_PINNING
# is on by default, and with one thread it binds the thread of whoever calls. Two worker processes share a core and take
# twice as long. The thread's own affinity looks untouched before and after a call. With ENABLE_CPU_PINNING off, every
# core may be used.
#
# Output seen: "cores that the caller may use during a call, in two processes: [0], [0]; without pinning: all, all".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check openvino==2026.4.1 numpy==2.4.6
cat > "$folder/process.py" <<'PY'
import os
import sys
import threading
from pathlib import Path

import numpy as np
import openvino
import openvino.opset13 as op

SHAPE = (1, 32, 256, 256)
image = op.parameter(SHAPE, np.float32)
kernel = op.constant(np.ones((32, 32, 3, 3), np.float32))
model = openvino.Model([op.convolution(image, kernel, [1, 1], [1, 1], [1, 1], [1, 1])], [image])
settings = {"INFERENCE_NUM_THREADS": 1}
if sys.argv[1] == "off":
    settings["ENABLE_CPU_PINNING"] = False
request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
status = Path(f"/proc/self/task/{threading.main_thread().native_id}/status")
everywhere = os.sched_getaffinity(0)
fewest = everywhere
is_over = threading.Event()


def cores() -> set[int]:
    """Those that the main thread may run on at this moment."""
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("Cpus_allowed_list:")]
    ends = [part.split("-") for part in line.split()[1].split(",")]
    return {core for end in ends for core in range(int(end[0]), int(end[-1]) + 1)}


def watch() -> None:
    global fewest
    while not is_over.wait(0.001):
        fewest = min(fewest, cores(), key=len)


watcher = threading.Thread(target=watch)
watcher.start()
batch = np.zeros(SHAPE, np.float32)
for _ in range(100):
    request.infer([batch], share_inputs=True)
is_over.set()
watcher.join()
assert os.sched_getaffinity(0) == everywhere
print("all" if fewest == everywhere else sorted(fewest))
PY
two() {  # what two processes print that run at the same time
    "$folder/venv/bin/python" "$folder/process.py" "$1" > "$folder/first" &
    "$folder/venv/bin/python" "$folder/process.py" "$1" > "$folder/second"
    wait
    echo "$(cat "$folder/first"), $(cat "$folder/second")"
}
pinned=$(two on) free=$(two off)
echo "cores that the caller may use during a call, in two processes: $pinned; without pinning: $free"
[[ $pinned == "[0], [0]" && $free == "all, all" ]]
