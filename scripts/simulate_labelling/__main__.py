"""Simulates labelling: do the intervals cover what they should, and does the verdict hold however often one looks?

    python -m scripts.simulate_labelling -o reports/labelling_simulation.json

Draws corpora at random: appearances in videos, people who appear several times, errors that come together by video and
by person and more often on small faces, rare women, long and short runs. From each, a sample is drawn by the code that
`facetally label` uses and labelled without mistakes. Then the estimates are compared with the truth of that corpus.
Writes the figures, and the same as tables in a .md file beside it. A simulation that was interrupted resumes after the
last kind of corpus that was complete.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from facetally import __version__
from facetally.files import write_whole
from facetally.formatting import command
from scripts.provenance import machine
from scripts.simulate_labelling.corpora import KINDS
from scripts.simulate_labelling.markdown import as_text
from scripts.simulate_labelling.prices import prices
from scripts.simulate_labelling.simulation import simulate, summary


def main(arguments: list[str] | None = None) -> None:
    """Runs the simulation and writes the report."""
    purpose = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m scripts.simulate_labelling", description=purpose)
    parser.add_argument("-o", "--output", type=Path, required=True, help="where the .json goes; the .md goes beside it")
    parser.add_argument("--corpora", type=int, default=1000, help="of each kind")
    parser.add_argument("--seed", type=int, default=0, help="of the first corpus")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    report = started(options)
    with ProcessPoolExecutor(options.workers) as pool:
        for kind in KINDS:
            if kind.name not in report["kinds"]:
                seeds = range(options.seed, options.seed + options.corpora)
                figures = summary(pool.map(simulate, [kind] * options.corpora, seeds, chunksize=10))
                report["kinds"][kind.name] = {"settings": asdict(kind), "figures": figures}
                write_whole(options.output, json.dumps(report, indent=1) + "\n")
                print(kind.name, flush=True)
        report["labels_needed"] = report.get("labels_needed") or prices(options.corpora, pool)
    write_whole(options.output, json.dumps(report, indent=1) + "\n")
    write_whole(options.output.with_suffix(".md"), as_text(report))


def started(options: argparse.Namespace) -> dict[str, Any]:
    """The report as far as an earlier call with the same settings got."""
    words = ("python", "-m", "scripts.simulate_labelling", "-o", options.output, "--corpora", options.corpora)
    new: dict[str, Any] = {
        "date": f"{date.today():%Y-%m-%d}",
        "machine": machine(),
        "command": command(*words, "--seed", options.seed),
        "corpora": options.corpora,
        "versions": {"facetally": __version__, "numpy": np.__version__},
        "kinds": {},
    }
    if not options.output.exists():
        return new
    old: dict[str, Any] = json.loads(options.output.read_text())
    is_same = all(old.get(name) == new[name] for name in ("command", "versions"))
    is_same &= all(old["kinds"].get(kind.name, {}).get("settings", asdict(kind)) == asdict(kind) for kind in KINDS)
    return old if is_same else new


if __name__ == "__main__":
    main()
