#!/usr/bin/env bash
# datumaro 1.13.12.
#
# Expected: a MOTChallenge gt.txt with two tracks, of ids 0 and 1, has two tracks when Datumaro has read it. Ids are
# names; many trackers count from 0.
# Seen: the boxes of id 0 are read without a track_id, like detections that belong to no track (id -1), and nothing is
# said. Written again as MOT they have the id -1; in CVAT, which reads MOT by Datumaro, they become single boxes.
#
# Output seen: "track ids read from ids 0, 1: [None, 1]; written again: ['-1', '1']".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12
mkdir -p "$folder/film/gt" "$folder/film/img1"
printf '1,0,10,10,20,20,1,1,1\n1,1,50,10,20,20,1,1,1\n' > "$folder/film/gt/gt.txt"
echo face > "$folder/film/gt/labels.txt"
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

from datumaro import Dataset

dataset = Dataset.import_from("film", "mot_seq")
read = [box.attributes.get("track_id") for item in dataset for box in item.annotations]
dataset.export("again", "mot_seq_gt")
written = [line.split(",")[1] for line in Path("again/gt/gt.txt").read_text().splitlines()]
print(f"track ids read from ids 0, 1: {read}; written again: {written}")
sys.exit((read, written) != ([None, 1], ["-1", "1"]))
PY
