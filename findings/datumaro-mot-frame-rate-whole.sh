#!/usr/bin/env bash
# datumaro 1.13.12.
#
# Expected: seqinfo.ini of a MOT sequence may state the frame rate of the video that it was cut from, also 29.97, and keys
# that a reader does not know are passed over, as in any INI file.
# Seen: a rate with decimals is a ValueError, and a further key an AssertionError; the sequence cannot be opened.
#
# Output seen: "frameRate=30: opened; frameRate=29.97: ValueError; one more key: AssertionError".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12
mkdir -p "$folder/film/gt" "$folder/film/img1"
printf '1,1,10,10,20,20,1,1,1\n' > "$folder/film/gt/gt.txt"
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import sys
from pathlib import Path

from datumaro import Dataset

REST = "seqLength=1\nimWidth=100\nimHeight=100\nimExt=.jpg\n"


def opened(text: str) -> str:
    Path("film/seqinfo.ini").write_text("[Sequence]\nname=film\nimDir=img1\n" + text + REST)
    try:
        list(Dataset.import_from("film", "mot_seq"))
    except Exception as error:
        return type(error.__cause__ or error).__name__
    return "opened"


seen = [opened("frameRate=30\n"), opened("frameRate=29.97\n"), opened("frameRate=30\nsource=film.mp4\n")]
print(f"frameRate=30: {seen[0]}; frameRate=29.97: {seen[1]}; one more key: {seen[2]}")
sys.exit(seen != ["opened", "ValueError", "AssertionError"])
PY
