"""Many videos out of the results of a run, commands over them, and their report in a browser.

What `scripts/benchmark/` times on results: each command in a process of its own, with the package of any commit.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scripts.benchmark.comparison import Figures


def earlier_code(commit: str, folder: Path) -> Path:
    """A folder for PYTHONPATH with the package as of a commit; of the present checkout for an empty one."""
    source, package = Path.cwd(), folder / f"package-{commit or 'now'}" / "facetally"
    package.mkdir(parents=True)
    if commit:
        source = folder / commit
        source.mkdir()
        archive = subprocess.run(["git", "archive", commit], capture_output=True, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(source)], input=archive, check=True)
    for path in [*(source / "pipeline").iterdir(), source / "detection", source / "gender"]:
        (package / path.name).symlink_to(path)
    (package / "bundled").symlink_to(source / "models")
    return package.parent


def columns_of(code: Path) -> dict[str, list[str]]:
    """The columns of the tables of a version of the package."""
    names = "{name.lower(): getattr(t, name).names for name in ('FACES', 'TRACKS', 'VIDEOS')}"
    program = f"import json, facetally.results.tables as t; print(json.dumps({names}))"
    environment = {**os.environ, "PYTHONPATH": str(code)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True, cwd="/")
    columns: dict[str, list[str]] = json.loads(done.stdout)
    return columns


def multiplied(out: Path, copy: Path, count: int, columns: dict[str, list[str]]) -> Path:
    """A run of `count` videos from the results of a run, again and again, with only these columns."""
    ids = sorted(path.stem for path in (out / "videos").glob("*.parquet"))
    for table, names in columns.items():
        tables = {video_id: pq.read_table(out / table / f"{video_id}.parquet") for video_id in ids}
        (copy / table).mkdir(parents=True)
        for number in range(count):
            video_id, round_number = ids[number % len(ids)], number // len(ids)
            own = tables[video_id].select(names)
            values = {"video_id": f"{video_id}-{round_number}"}
            if table == "videos":
                values["video"] = f"{round_number}/{own['video'][0].as_py()}"
            for name, value in values.items():
                at = own.schema.get_field_index(name)
                own = own.set_column(at, own.schema.field(at), pa.repeat(value, len(own)))
            pq.write_table(own, copy / table / f"{values['video_id']}.parquet", compression="zstd")
    return copy


def run_command(code: Path, words: list[str], forget: Path | None = None) -> Figures:
    """Runs facetally in a process of its own; returns its processor time and its largest memory.

    Args:
        code: the folder of the package.
        words: of the command.
        forget: a run of which the copies of tables are deleted first.
    """
    if forget:
        shutil.rmtree(forget / ".cache", ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(code)}
    command = [sys.executable, "-m", "facetally", *words]
    process = subprocess.Popen(command, env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {"core_s": round(usage.ru_utime + usage.ru_stime, 2), "memory_mb": round(usage.ru_maxrss / 1024)}


def page_times(new_page: Callable[[], Any], path: Path) -> dict[str, float]:
    """Seconds that a page takes to open, and its table to unfold, to sort and to filter, until it is drawn."""
    page = new_page()
    drawn = "new Promise(done => requestAnimationFrame(() => setTimeout(done)))"
    click_on = "const e = document.querySelector(%s); e.click()"
    steps = {
        "unfold": click_on % "'details:has(#videos) > summary'",
        "sort by appearances": click_on % "'#videos th:nth-child(2) button'",
        "sort by name": click_on % "'#videos th:nth-child(1) button'",
        "filter": "const e = document.querySelector('input[type=search]'); e.value = '1'; "
        "e.dispatchEvent(new Event('input'))",
    }
    started = time.perf_counter()
    page.goto(path.as_uri())
    page.evaluate(drawn)
    seconds = {"open": time.perf_counter() - started}
    for name, step in steps.items():
        program = f"async () => {{ const t = performance.now(); {step}; await {drawn}; return performance.now() - t; }}"
        seconds[name] = page.evaluate(program) / 1000
    page.close()
    return seconds
