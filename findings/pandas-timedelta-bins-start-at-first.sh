#!/usr/bin/env bash
# pandas 3.1.1.
#
# Expected: resample("1s") of times since the start of a video counts whole seconds: 0 s to 1 s, 1 s to 2 s and so on,
# as it does for points in time, or at least does so when asked for it by origin.
# Seen: for a TimedeltaIndex the first bin begins at the first face, whatever origin says; Grouper does the same. So the
# bins of two videos, or of two tracks, do not lie upon each other, and one face added at the front can change all later
# numbers. The same seconds as points in time (DatetimeIndex) fall into whole seconds.
# Workaround: group by index.floor("1s").
#
# Output seen: "faces at 0.7, 1.2, 1.9 and 3.1 s: as timedelta {0.7: 2, 1.7: 1, 2.7: 1}, with origin='epoch' {0.7: 2,
# 1.7: 1, 2.7: 1}, as datetime {0.0: 1, 1.0: 2, 2.0: 0, 3.0: 1}".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import sys

import pandas as pd

since_start = pd.to_timedelta([0.7, 1.2, 1.9, 3.1], unit="s")
midnight = pd.Timestamp("2024-01-01")


def counts(times: pd.TimedeltaIndex | pd.DatetimeIndex, zero: pd.Timedelta | pd.Timestamp, **options: str) -> dict:
    """The number of faces by the start of the bin, in seconds."""
    found = pd.Series(1, index=times).resample("1s", **options).sum()
    return {float((start - zero).total_seconds()): int(number) for start, number in found.items()}


plain = counts(since_start, pd.Timedelta(0))
asked = counts(since_start, pd.Timedelta(0), origin="epoch")
points = counts(midnight + since_start, midnight)
print(f"faces at 0.7, 1.2, 1.9 and 3.1 s: as timedelta {plain}, with origin='epoch' {asked}, as datetime {points}")
from_first = {0.7: 2, 1.7: 1, 2.7: 1}
sys.exit(0 if plain == asked == from_first and points == {0.0: 1, 1.0: 2, 2.0: 0, 3.0: 1} else 1)
PY
