#!/usr/bin/env bash
# datumaro 1.13.12.
#
# Expected: Datumaro opens a COCO file of annotations without the images: COCO publishes the two apart, pycocotools never
# looks for images, and the file states their sizes. Datumaro's readers of CVAT, MOT and Datumaro's own format need none.
# Seen: it refuses the folder unless there is a folder "images" beside "annotations". That may be empty: then all labels
# are read, as if there had been images.
#
# Output seen: "without a folder images: DatasetImportError; with an empty one: 1 box".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12
mkdir -p "$folder/coco/annotations"
cat > "$folder/coco/annotations/instances_default.json" <<'JSON'
{"images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}],
 "categories": [{"id": 1, "name": "face"}],
 "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 0}]}
JSON
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

from datumaro import Dataset


def opened() -> str:
    try:
        dataset = Dataset.import_from("coco", "coco_instances")
    except Exception as error:
        return type(error).__name__
    return f"{sum(len(item.annotations) for item in dataset)} box"


without = opened()
Path("coco/images").mkdir()
with_one = opened()
print(f"without a folder images: {without}; with an empty one: {with_one}")
sys.exit((without, with_one) != ("DatasetImportError", "1 box"))
PY
