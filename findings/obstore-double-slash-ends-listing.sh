#!/usr/bin/env bash
# obstore 0.12.1 (moto 5.2.5 as the server).
#
# Expected: obstore.list gives every object below a prefix; S3 allows any key, and "2026//clip.mp4", as a script that
# joins a folder which ends with a slash writes it, is an object like others.
# Seen: one such key ends the whole listing with InvalidPathError, so that none of the other objects can be found. boto3
# lists all of them. pyarrow 26 lists the key too, but cannot open it.
#
# Output seen:
#   boto3: ['2026//clip.mp4', '2026/a.mp4', '2026/b.mp4']
#   obstore: InvalidPathError
#   obstore without that key: ['2026/a.mp4', '2026/b.mp4']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1 "moto[server]==5.2.5" boto3==1.44.8
"$folder/venv/bin/python" - <<'PY'
import logging
import os
import sys

import boto3
import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

os.environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
server.start()
host, port = server.get_host_and_port()
address = f"http://{host}:{port}"
client = boto3.client("s3", endpoint_url=address)
client.create_bucket(Bucket="archive")
for key in ("2026/a.mp4", "2026/b.mp4", "2026//clip.mp4"):
    client.put_object(Bucket="archive", Key=key, Body=b"video")
store = S3Store("archive", endpoint=address, client_options={"allow_http": True})


def listed() -> object:
    try:
        return sorted(entry["path"] for page in obstore.list(store, prefix="2026") for entry in page)
    except Exception as error:
        return type(error).__name__


by_boto3 = sorted(entry["Key"] for entry in client.list_objects_v2(Bucket="archive")["Contents"])
with_key = listed()
client.delete_object(Bucket="archive", Key="2026//clip.mp4")
without_key = listed()
server.stop()
print("boto3:", by_boto3)
print("obstore:", with_key)
print("obstore without that key:", without_key)
files = ["2026/a.mp4", "2026/b.mp4"]
sys.exit(0 if (by_boto3, with_key, without_key) == (["2026//clip.mp4", *files], "InvalidPathError", files) else 1)
PY
