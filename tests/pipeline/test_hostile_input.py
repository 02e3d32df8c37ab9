"""Parsers of files by others: any bytes give a result or an error with a fix, and never another exception.

For minutes rather than seconds: FACETALLY_EXAMPLES=5000 pytest tests/pipeline/test_hostile_input.py
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from itertools import cycle
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pytest

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import strategies as st
from labelled_world import stored, track_row
from mutations import ATOMS, JSON, NASTY_JSON, damaged_bytes, damaged_json

from facetally.cli.config import as_toml, read_config, with_stages
from facetally.datasets.labelled_images import ImageSource
from facetally.errors import OptionError, OutputError, PipelineError, TruthError
from facetally.formatting import command, printable
from facetally.gender.model.card import ModelCard
from facetally.inputs import InputVideo
from facetally.options import RunOptions
from facetally.results.corrections import read_corrections
from facetally.results.ledger import Ledger
from facetally.truth.files import read_truth
from facetally.truth.formats.importer import import_truth
from facetally.truth.video_names import matched_names

CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["female", "male", "nobody", "", "0", "1.5", "-1", "nan", "inf", "1e999", "=HYPERLINK(1)", "a.mp4"]
    ),
    st.floats().map(str),
    st.integers().map(str),
)
COLUMNS = ["video", "person", "gender", "age_band", "start_s", "end_s", "time_s", "x1", "y1", "x2", "y2", "frame"]


def table(columns: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue().encode(errors="surrogatepass")


TABLES = st.one_of(
    st.binary(max_size=400),
    st.builds(
        table,
        st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=8),
        st.lists(st.lists(CELLS, max_size=9), max_size=6),
    ),
    st.builds(
        lambda people: table(["video", "person", "gender", "start_s", "end_s"], people),
        st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=6),
    ),
)


@given(people=TABLES, boxes=st.one_of(st.none(), TABLES))
def test_any_truth_folder_gives_labels_or_an_error(tmp_path: Path, people: bytes, boxes: bytes | None) -> None:
    (tmp_path / "people.csv").write_bytes(people)
    (tmp_path / "boxes.csv").unlink(missing_ok=True)
    if boxes is not None:
        (tmp_path / "boxes.csv").write_bytes(boxes)
    try:
        truth = read_truth(tmp_path)
    except TruthError as error:
        assert error.what
        assert error.fix
    else:
        assert all(person.video for people in truth.people.values() for person in people)


def cvat(texts: list[str]) -> bytes:
    """Tracks of two boxes each, with these texts as numbers."""
    values = cycle(quoteattr(re.sub(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]", "", text)) for text in texts)
    names = ("frame", "xtl", "ytl", "xbr", "ybr", "outside", "keyframe", "rotation")
    size = "".join(f"<{side}>{escape(next(values)[1:-1])}</{side}>" for side in ("width", "height"))
    boxes = ["<box " + " ".join(f"{name}={next(values)}" for name in names) + "/>" for _ in range(4)]
    tracks = "".join(f'<track id={next(values)} label="female">{"".join(boxes[i : i + 2])}</track>' for i in (0, 2))
    return f"<annotations><meta><original_size>{size}</original_size></meta>{tracks}</annotations>".encode()


TASK = json.loads("""{"id": 1, "data": {"video": "a.mp4"}, "annotations": [{"result": [{"id": "p",
"type": "videorectangle", "value": {"framesCount": 50, "duration": 2, "labels": ["female"], "sequence": [
{"frame": 1, "x": 1, "y": 1, "width": 9, "height": 9, "enabled": true, "rotation": 0, "time": 0.04},
{"frame": 25, "x": 5, "y": 1, "width": 9, "height": 9, "enabled": false, "rotation": 0, "time": 1}]}}]}]}""")


def label_studio(values: list[Json], box: dict[str, Json]) -> bytes:
    """A region of two keyframes, with these values in various places."""
    value = cycle(values)
    sequence = [{"frame": 1, "x": 1, "y": 1, "width": 9, "height": 9} | box, box | {"time": next(value)}]
    shape = {"framesCount": next(value), "duration": next(value), "sequence": sequence, "labels": ["female"]}
    result = [{"id": next(value), "type": "videorectangle", "value": shape}]
    return json.dumps({"data": {"video": next(value)}, "annotations": [{"result": result}]}).encode()


Json = Any
NUMBERS = st.one_of(CELLS, st.integers(0, 99).map(str), st.just("9" * 5000))
EXPORTS = {
    "cvat": st.one_of(
        st.binary(max_size=200),
        st.builds(cvat, st.lists(NUMBERS, min_size=1, max_size=12)),
        st.just(b"<a>" * 2_000),
    ),
    "mot": st.one_of(
        st.binary(max_size=200),
        st.lists(st.lists(NUMBERS, max_size=9).map(",".join), max_size=5).map(
            lambda lines: "\n".join(lines).encode(errors="replace")
        ),
    ),
    "label-studio": st.one_of(
        st.binary(max_size=200),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.builds(
            label_studio,
            st.lists(JSON, min_size=1, max_size=6),
            st.dictionaries(st.sampled_from(["frame", "x", "width", "rotation", "enabled", "auto"]), ATOMS),
        ),
        damaged_json(TASK),
        NASTY_JSON,
    ),
}


@pytest.mark.parametrize("tool", list(EXPORTS))
@given(data=st.data(), fps=st.sampled_from([None, 25.0]))
def test_any_export_of_a_tool_gives_labels_or_an_error(
    tool: str, tmp_path: Path, data: st.DataObject, fps: float | None
) -> None:
    path = tmp_path / "labels"
    path.write_bytes(data.draw(EXPORTS[tool]))
    try:
        labels = import_truth([path], tool, fps=fps)
    except PipelineError as error:
        assert error.what
        assert error.fix
    else:
        assert labels.truth.people


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=200).map(lambda text: text.encode(errors="replace")),
        st.builds(
            lambda name, value: f"{name} = {value}".encode(),
            st.sampled_from(["workers", "detector", "detection.min_score", "sampling.every_s", "classification"]),
            st.one_of(NUMBERS, JSON.map(json.dumps)),
        ),
        st.sampled_from([b"[" * 2_000, b"a = " + b"[" * 2_000, b"a = " + b"{b=" * 2_000]),
    )
)
def test_any_settings_file_gives_settings_or_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.toml").write_bytes(content)
    try:
        config = read_config(tmp_path / "run.toml", ("workers", "detector"))
        with_stages(RunOptions(), config.stages)
    except OptionError as error:
        assert error.fix


@given(st.dictionaries(st.sampled_from(["detector", "classifier"]), st.text(max_size=30)))
def test_any_value_of_a_flag_is_printed_as_toml(flags: dict[str, str]) -> None:
    read = tomllib.loads(as_toml(flags, RunOptions()))
    assert {name: read[name] for name in flags} == flags


NAMES = st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=40)


@given(NAMES)
def test_any_name_can_be_printed_stored_and_turned_into_an_id(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    shown.encode()
    video_id = InputVideo(Path("x"), shown).video_id
    assert video_id.isascii()
    assert "/" not in video_id
    assert not video_id.startswith((".", "-"))
    assert len(video_id) < 100


@given(st.lists(NAMES, max_size=5), st.lists(NAMES, max_size=5))
def test_any_names_are_matched_one_to_one_or_refused(truth: list[str], run: list[str]) -> None:
    try:
        matched = matched_names(truth, run)
    except PipelineError as error:
        assert error.fix
    else:
        assert set(matched) <= set(truth)
        assert len(set(matched.values())) == len(matched)
        assert set(matched.values()) <= set(run)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@given(
    st.lists(st.binary(min_size=1, max_size=20).map(lambda name: os.fsdecode(name.replace(b"\0", b" "))), max_size=5)
)
def test_any_names_in_a_printed_command_reach_the_program(names: list[str]) -> None:
    printed = command("printf", "%s\\0", *names)
    assert printed.isprintable()
    done = subprocess.run(["bash", "-c", printed], capture_output=True, check=True)
    assert done.stdout == b"".join(os.fsencode(name) + b"\0" for name in names) or not names


RUN = {
    "videos": {"a-1": "a.mp4", "b-2": "b.mp4"},
    "passed_over": {"c.txt": "no video"},
    "exclude": ["x*"],
    "excluded": {},
}


@given(damaged_json(RUN))
def test_any_run_json_gives_names_or_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    try:
        names = Ledger(tmp_path).names()
    except OutputError as error:
        assert_sound(error)
    else:
        assert all(isinstance(text, str) for pair in names.items() for text in pair)


CORRECTIONS = """video,track,gender,age_band,who,when,first_s,last_s,time_s,x1,y1,x2,y2
a.mp4,0,female,,zoe,2026-01-01,0,1.8,0,0,10,40,50
a.mp4,1,not_a_face,,,,,,,,,,
"""


@given(content=damaged_bytes(CORRECTIONS.encode()))
def test_any_corrections_are_applied_or_refused(tmp_path: Path, content: bytes) -> None:
    if not (tmp_path / "videos").exists():
        stored(tmp_path, {"a.mp4": [track_row(0, 0.9), track_row(1, 0.2)]})
    (tmp_path / "corrections.csv").write_bytes(content)
    try:
        read_corrections(tmp_path)
    except OutputError as error:
        assert_sound(error)


CARD = ModelCard(
    name="drawn",
    architecture="mobilenet_v2",
    class_names=("male", "female"),
    crop={"size_px": 112, "template_scale": 1.0, "border": "replicate"},
    pixel_mean=(0.5, 0.5, 0.5),
    pixel_std=(0.5, 0.5, 0.5),
    calibration={"track": {"slope": 0.9, "offset": 0.1, "smoothing": 0.05}},
    held_out={"test": "AAAAAA=="},
)


@given(damaged_json(CARD.to_dict()))
def test_any_model_card_is_read_or_refused(content: bytes) -> None:
    try:
        card = ModelCard.from_json(content.decode(errors="replace"))
    except ValueError:
        return
    crops = np.zeros((1, 2, 2, 3), np.uint8)
    assert np.isfinite(card.normalised(crops)).all()
    card.layout.age_years(np.zeros((1, card.layout.column_count), np.float32))
    for unit in ("crop", "track"):
        card.calibration_of(unit).apply(np.zeros(1))


def assert_sound(error: PipelineError) -> None:
    """Its texts say something, on one line each."""
    for text in (error.what, error.fix):
        assert text.strip()
        assert text.isprintable()


SECRETS = [
    "root:x:0:0:secret",
    "video,person,gender\na.mp4,secret,male,extra",
    "video,person,gender\na.mp4,x,secret",
    "video,person,gender,age_band\na.mp4,x,male,secret",
    "video,person,gender,start_s,end_s\na.mp4,x,male,secret,2",
    "video,person,gender,start_s,end_s\na.mp4,x,male,2,secret",
    "video,person,gender,gender\nsecret,x,male,female",
    "video,person,gender,secret,secret\na.mp4,x,male,1,2",
    "video,person,gender\nsecret,,male",
    "video,person,gender,start_s,end_s\nsecret,secret,male,3,2",
    "video,person,gender,start_s,end_s\nsecret,secret,male,1,2\nsecret,secret,female,3,4",
    'video,person,gender\n"secret',
]


@pytest.mark.parametrize("content", SECRETS)
def test_a_link_to_another_file_shows_nothing_of_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "other").write_text(content)
    (tmp_path / "people.csv").symlink_to(tmp_path / "other")
    with pytest.raises(TruthError) as error:
        read_truth(tmp_path)
    texts = [(part.what, part.fix) for part in (error.value, *error.value.parts)]
    assert "secret" not in repr(texts)


def zipped(kind: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", kind) as archive:
        for name in ("a.jpg", "sub/b.png", "30_0_2_20170116.jpg"):
            archive.writestr(name, name.encode() * 30)
    return content.getvalue()


def tarred(mode: Literal["w", "w:gz", "w:xz", "w:bz2"]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        member = tarfile.TarInfo("a.jpg")
        member.size = 300
        archive.addfile(member, io.BytesIO(bytes(300)))
    return content.getvalue()


ARCHIVES = [
    *(zipped(kind) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)),
    *(tarred(mode) for mode in ("w", "w:gz", "w:xz", "w:bz2")),
]
IMAGE_LABELS = [
    b'file,gender,age,person,x1,y1,x2,y2\na.jpg,male,30,p,1,2,3,4\nsub/b.png,f,"12",q,,,,\n',
    b"2\nMale Young\na.jpg 1 -1\nb.png -1 1\n",
    b"user_id\toriginal_image\tface_id\tage\tgender\nsub\tb.png\t1\t(25, 32)\tf\n",
    b"file,age\na.jpg," + b"9" * 140_000,
    b"a" * 140_000 + b",file\n",
]


@given(
    archive=st.sampled_from(ARCHIVES).flatmap(damaged_bytes),
    labels=st.none() | st.sampled_from(IMAGE_LABELS) | st.sampled_from(IMAGE_LABELS[:3]).flatmap(damaged_bytes),
    is_packed=st.booleans(),
)
def test_any_set_of_images_is_read_or_refused(
    tmp_path: Path, archive: bytes, labels: bytes | None, is_packed: bool
) -> None:
    (tmp_path / "images").write_bytes(archive)
    text = f"{tmp_path}/images"
    if labels is not None:
        name = "labels.csv.gz" if is_packed else "labels.csv"
        (tmp_path / name).write_bytes(gzip.compress(labels)[: None if len(labels) % 3 else -5] if is_packed else labels)
        text += f"+{tmp_path}/{name}"
    try:
        source = ImageSource.parse(text)
        source.count(), source.fingerprint(), source.columns(), source.first_file()
        assert all(image.name and image.digest for image in source.read())
    except (ValueError, OSError) as error:
        assert str(error)
