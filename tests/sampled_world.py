"""A small run to draw samples from: films of a minute each, whose appearances are stated by gender and face height."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from labelled_world import Row, face_rows, track_row

from facetally.options import RunOptions
from facetally.results.ledger import Ledger, VideoRow
from facetally.results.tables import FACES, TRACKS

FILM_S = 60.0
FRAMES = 300
"""Sampled in each film: one in 0.2 s."""


def store_films(out: Path, films: int = 4, tracks: int = 10, seed: int = 0) -> Ledger:
    """A run of films with some appearances each, 45 % of them predicted to be women; with a face only at the start."""
    ledger, random = Ledger(out), np.random.default_rng(seed)
    for number in range(films):
        rows = [_track(track, random) for track in range(tracks)]
        store_film(
            ledger, f"film{number}.mp4", rows, [face for row in rows for face in face_rows(row["track_id"], [0.0])]
        )
    return ledger


def store_film(ledger: Ledger, name: str, tracks: list[Row], faces: list[Row]) -> None:
    """Stores one film of `FILM_S` seconds."""
    row = VideoRow(f"id-{name}", name, f"/in/{name}", "ok", decoded_s=FILM_S, sampled_count=FRAMES)
    row = replace(row, track_count=len(tracks), face_count=len(faces), options_digest="o", content_sha256=name)
    own = {"video_id": row.video_id, "video": name}
    tables = (
        pa.Table.from_pylist([one | own for one in rows], schema=schema)
        for rows, schema in ((faces, FACES), (tracks, TRACKS))
    )
    ledger.store(row, *tables, provenance={"version": "1", "options": RunOptions().as_dict(), "models": {}})


def _track(number: int, random: np.random.Generator) -> Row:
    female_prob = round(float(random.uniform(0.8, 1) if random.random() < 0.45 else random.uniform(0, 0.2)), 3)
    seconds, height_px = round(float(random.uniform(1, 5)), 2), round(float(random.uniform(20, 200)), 1)
    return track_row(number, female_prob, seconds, height_px)
