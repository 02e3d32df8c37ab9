#!/usr/bin/env bash
# label-studio-sdk 2.1.2.
#
# Expected: LabelInterface.validate_task says whether a task fits the labelling interface, with its predictions and
# annotations; it is documented for whole tasks, and validate_prediction accepts the prediction in it.
# Seen: for every task that has predictions or annotations it raises a TypeError: it calls validate_prediction and
# validate_annotation without the object to check. Only tasks without labels can be validated.
#
# Output seen: "task alone: True; its prediction: True; task with it: TypeError".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
"$folder/venv/bin/python" - <<'PY'
import sys

from label_studio_sdk.label_interface import LabelInterface

interface = LabelInterface(
    '<View><Image name="image" value="$image"/>'
    '<Choices name="gender" toName="image"><Choice value="female"/></Choices></View>'
)
result = {"id": "a", "from_name": "gender", "to_name": "image", "type": "choices", "value": {"choices": ["female"]}}
prediction = {"model_version": "1", "result": [result]}
task = {"data": {"image": "http://example.com/a.png"}}
alone, valid = interface.validate_task(task), interface.validate_prediction(prediction)
try:
    whole = str(interface.validate_task({**task, "predictions": [prediction]}))
except TypeError:
    whole = "TypeError"
print(f"task alone: {alone}; its prediction: {valid}; task with it: {whole}")
sys.exit((alone, valid, whole) != (True, True, "TypeError"))
PY
