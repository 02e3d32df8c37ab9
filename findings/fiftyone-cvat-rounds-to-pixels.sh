#!/usr/bin/env bash
# fiftyone 1.22.1.
#
# Expected: FiftyOne reads the boxes of CVAT's XML as they are: CVAT writes hundredths of a pixel, and FiftyOne itself
# stores boxes as fractions of the picture.
# Seen: its reader of CVAT for video rounds all four edges to whole pixels. A face of 10.5 px becomes one of 10 or 11 px,
# and boxes that have gone to CVAT and back have moved by up to half a pixel.
#
# Output seen: "edges 10.4, 20.4, 30.6, 40.6 are read as 10.0, 20.0, 31.0, 41.0".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fiftyone==1.22.1
cat > "$folder/labels.xml" <<'XML'
<annotations><version>1.1</version>
<meta><task><labels><label><name>face</name><attributes></attributes></label></labels>
<original_size><width>100</width><height>100</height></original_size></task></meta>
<track id="1" label="face">
<box frame="0" keyframe="1" outside="0" occluded="0" xtl="10.40" ytl="20.40" xbr="30.60" ybr="40.60"></box>
<box frame="1" keyframe="1" outside="1" occluded="0" xtl="10.40" ytl="20.40" xbr="30.60" ybr="40.60"></box>
</track></annotations>
XML
cd "$folder"
# an address without a database: reading a file needs none, and FiftyOne then starts none of its own
FIFTYONE_DATABASE_URI=mongodb://127.0.0.1:9 HOME="$folder" "$folder/venv/bin/python" - <<'PY'
import sys

from fiftyone.utils.cvat import load_cvat_video_annotations

_, _, (track,) = load_cvat_video_annotations("labels.xml")
x, y, width, height = track.to_labels()[1].bounding_box
edges = [round(100 * edge, 4) for edge in (x, y, x + width, y + height)]
print(f"edges 10.4, 20.4, 30.6, 40.6 are read as {', '.join(map(str, edges))}")
sys.exit(edges != [10.0, 20.0, 31.0, 41.0])
PY
