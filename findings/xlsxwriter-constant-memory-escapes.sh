#!/usr/bin/env bash
# XlsxWriter 3.3.1, openpyxl 3.1.5, pandas 3.1.1.
#
# Expected: constant_memory only changes how much memory XlsxWriter needs; the same cells are read back.
# Seen: a text such as "_x0041_.mp4", which looks like an escaped character of Office Open XML, must be escaped itself.
# XlsxWriter does so in both modes, but in constant_memory mode it stores texts inside the cell (t="inlineStr") instead
# of in the table of shared strings, and openpyxl undoes the escape in shared strings only. So openpyxl, and pandas
# through it, read "_x005F_x0041_.mp4": a key in such a column no longer matches.
# Workaround: openpyxl.utils.escape.unescape on the texts read, but only from files written in constant_memory mode:
# openpyxl gives both kinds of cells the data type "s".
#
# Output seen: "written _x0041_.mp4; default: openpyxl _x0041_.mp4, pandas _x0041_.mp4; constant_memory: openpyxl
# _x005F_x0041_.mp4, pandas _x005F_x0041_.mp4".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xlsxwriter==3.3.1 openpyxl==3.1.5 pandas==3.1.1
"$folder/venv/bin/python" - "$folder" <<'PY'
import sys

import openpyxl
import pandas as pd
import xlsxwriter

TEXT = "_x0041_.mp4"
seen = {}
for is_constant in (False, True):
    path = f"{sys.argv[1]}/{is_constant}.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": is_constant}) as book:
        book.add_worksheet().write_string(0, 0, TEXT)
    seen[is_constant] = openpyxl.load_workbook(path).active["A1"].value, pd.read_excel(path, header=None).iloc[0, 0]
default, constant = ("openpyxl {}, pandas {}".format(*seen[is_constant]) for is_constant in (False, True))
print(f"written {TEXT}; default: {default}; constant_memory: {constant}")
sys.exit(0 if seen == {False: (TEXT, TEXT), True: ("_x005F_x0041_.mp4", "_x005F_x0041_.mp4")} else 1)
PY
