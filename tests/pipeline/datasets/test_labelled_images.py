from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from facetally.datasets.labelled_images import ImageSource, LabelledImage, labels_of_name, parse_age


def written(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def labels(name: str) -> tuple[bool | None, float | None, str, str]:
    image = labels_of_name(name, b"")
    return image.is_female, image.age_years, image.group, image.own_split


def by_table(folder: Path, table: str, names: tuple[str, ...] = ("a.jpg",)) -> list[LabelledImage]:
    """The images of these names with the labels of a table."""
    for name in names:
        written(folder / "images" / name)
    source = ImageSource("set", (folder / "images",), (written(folder / "labels.csv", table.encode()),))
    return list(source.read())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UTKFace/31_1_4_20170110.jpg.chip.jpg", (True, 31, "4", "")),
        ("val/100_0_0_2017.png", (False, 100, "0", "val")),
        ("SCUT/AF12.jpg", (True, None, "", "")),
        ("CM7.jpg", (False, None, "", "")),
        ("Male/x.jpg", (False, None, "", "")),
        ("set/Validation/Women/deep/x.jpg", (True, None, "", "val")),
        ("train/f/x.jpg", (True, None, "", "train")),
        ("test/men/x.jpg", (False, None, "", "val")),
        ("female/31_2_4_1.jpg", (True, None, "", "")),  # gender 2 does not occur in UTKFace
        ("female.jpg", (None, None, "", "")),
        ("faces/x.jpg", (None, None, "", "")),
    ],
)
def test_names_and_folders_are_read(name: str, expected: tuple[object, ...]) -> None:
    assert labels(name) == expected


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("31", 31),
        ("20-29", 25),
        ("0-2", 1),
        ("3-9", 6),
        ("60-69", 65),
        ("more than 70", 75),
        ("(25, 32)", 29),
        ("28.5", 28.5),
        ("", None),
        ("old", None),
    ],
)
def test_an_age_is_a_number_or_the_middle_of_its_band(text: str, years: float | None) -> None:
    assert parse_age(text) == years


def test_a_row_is_found_for_any_suffix_and_any_folder_depth_of_the_image(tmp_path: Path) -> None:
    table = "file,gender\ntrain/1.jpg,Female\n1.jpg,Male\n2,female\n"
    images = by_table(tmp_path, table, ("fairface/train/1.webp", "fairface/other/1.webp", "2.png", "3.png"))
    by_name = {image.name: image.is_female for image in images}
    assert by_name == {"fairface/train/1.webp": True, "fairface/other/1.webp": False, "2.png": True, "3.png": None}


def test_all_columns_of_a_table_are_read(tmp_path: Path) -> None:
    table = "file,gender,age,person,race,split,x1,y1,x2,y2\na.jpg, Woman ,30-39,Ann,Indian,Validation,1,2,30.5,40\n"
    (image,) = by_table(tmp_path, table)
    assert (image.is_female, image.age_years, image.person, image.group) == (True, 35, "Ann", "Indian")
    assert (image.own_split, image.box) == ("val", (1, 2, 30.5, 40))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("file,male\na.jpg,1\n", False),
        ("file,male\na.jpg,-1\n", True),
        ("file,gender\na.jpg,\n", None),
        ("file,gender\na.jpg,robot\n", None),
        ("file,gender\na.jpg\n", None),  # a short row
        ("file,age\na.jpg,20\n", None),
        ("file,gender\nb.jpg,Female\n", None),
        ("\ufefffile,gender\r\na.jpg,F\r\n", True),
        ("file,gender\n", None),
    ],
)
def test_the_gender_in_a_table_is_a_word_or_plus_or_minus_one(
    tmp_path: Path, table: str, expected: bool | None
) -> None:
    assert by_table(tmp_path, table)[0].is_female is expected


def test_file_names_are_ignored_where_a_table_is_given(tmp_path: Path) -> None:
    assert by_table(tmp_path, "file,gender\n", ("25_1_0_1.jpg",))[0].is_female is None


@pytest.mark.parametrize("row", ["a.jpg,,,,", "a.jpg", "a.jpg,,"])
def test_a_row_without_a_box_has_none(tmp_path: Path, row: str) -> None:
    assert by_table(tmp_path, f"file,x1,y1,x2,y2\n{row}\n")[0].box is None


@pytest.mark.parametrize("cells", ["left,1,2,3", "1,2,,4", "1,2,nan,4", "5,2,3,4", "1,4,3,4", "1,2,inf,4", ",2,3,4"])
def test_an_invalid_box_is_an_error_that_names_the_image(tmp_path: Path, cells: str) -> None:
    with pytest.raises(ValueError, match=r"the box of a\.jpg is not valid"):
        by_table(tmp_path, f"file,x1,y1,x2,y2\na.jpg,{cells}\n")


def test_an_actor_is_a_person_and_the_split_may_be_in_the_tables_folder(tmp_path: Path) -> None:
    (image,) = by_table(tmp_path, "file,actor\ntrain/a.jpg,Ann\n", ("train/a.jpg",))
    assert (image.person, image.own_split) == ("Ann", "train")


def test_tables_may_be_compressed_and_are_merged(tmp_path: Path) -> None:
    written(tmp_path / "a.jpg"), written(tmp_path / "b.jpg")
    first = written(tmp_path / "a.csv.gz", gzip.compress(b"file,gender\na.jpg,Female\n", mtime=0))
    second = written(tmp_path / "b.csv", b"file,gender\nb.jpg,Male\n")
    images = ImageSource("set", (tmp_path,), (first, second)).read()
    assert [image.is_female for image in images] == [True, False]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"name,gender\na.jpg,Male\n", r"t\.csv has no column 'file'"),
        ("t.csv", b"", r"t\.csv has no column 'file'"),
        ("t.csv", b"file\n\xff\xfe\n", r"t\.csv cannot be read as a table"),
        ("t.csv", b"file,gender\na.jpg,Male\n,Female\n", r"t\.csv, line 3: `file` is empty"),
        ("t.csv.gz", b"file,gender\n", r"t\.csv\.gz cannot be read as a table"),
        ("t.csv.gz", gzip.compress(b"file,gender\n" * 99, mtime=0)[:20], r"t\.csv\.gz cannot be read as a table"),
    ],
)
def test_an_unreadable_table_is_named_in_the_error(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    written(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match=message):
        list(ImageSource("set", (tmp_path,), (written(tmp_path / name, content),)).read())


@pytest.mark.parametrize(
    ("text", "name", "images", "tables"),
    [
        ("/data/UTKFace.tar.gz", "UTKFace", ["/data/UTKFace.tar.gz"], []),
        ("utk=/data/a.zip", "utk", ["/data/a.zip"], []),
        ("f=/d/a.zip+/d/b+/d/l.csv+/d/m.CSV.gz", "f", ["/d/a.zip", "/d/b"], ["/d/l.csv", "/d/m.CSV.gz"]),
        ("/d/labels.csv+/d/faces.zip", "faces", ["/d/faces.zip"], ["/d/labels.csv"]),
        ("/d/a=b.zip", "a=b", ["/d/a=b.zip"], []),
        ("utk=/d/a=b.zip", "utk", ["/d/a=b.zip"], []),
        ("/d/.hidden", "hidden", ["/d/.hidden"], []),
    ],
)
def test_a_source_is_parsed_into_its_name_and_paths(text: str, name: str, images: list[str], tables: list[str]) -> None:
    paths = tuple(map(Path, images)), tuple(map(Path, tables))
    assert ImageSource.parse(text) == ImageSource(name, *paths)


def test_the_current_folder_has_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(written(tmp_path / "faces" / "a.jpg").parent)
    assert ImageSource.parse(".").name == "faces"


@pytest.mark.parametrize("text", ["", "utk=", "a.zip+", "labels.csv", "set=labels.csv"])
def test_a_source_without_images_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a path is empty|name a folder"):
        ImageSource.parse(text)


def test_the_fingerprint_depends_on_the_images_and_the_table(tmp_path: Path) -> None:
    source = ImageSource("set", (tmp_path / "p",), (written(tmp_path / "t.csv", b"file\n"),))
    prints = []
    for name, content in (("p/a.jpg", b"1"), ("p/notes.txt", b"1"), ("p/b.jpg", b"1"), ("p/a.jpg", b"12")):
        written(tmp_path / name, content)
        prints.append(source.fingerprint())
    written(tmp_path / "t.csv", b"file,age\n")
    assert prints[0] == prints[1]
    assert len({*prints, source.fingerprint()}) == 4


@pytest.mark.parametrize("missing", ["p", "t.csv"])
def test_a_missing_path_is_named_in_the_error(tmp_path: Path, missing: str) -> None:
    present = {"p": tmp_path, "t.csv": written(tmp_path / "here.csv", b"file\n")} | {missing: tmp_path / missing}
    source = ImageSource("set", (present["p"],), (present["t.csv"],))
    for read in (source.fingerprint, lambda: list(source.read())):
        with pytest.raises(FileNotFoundError, match=missing):
            read()


def test_an_image_decodes_to_bgr_and_its_digest_is_of_its_content() -> None:
    blue = np.full((4, 6, 3), (255, 0, 0), np.uint8)
    content = cv2.imencode(".png", blue)[1].tobytes()
    image = labels_of_name("a.png", content)
    assert np.array_equal(image.image_bgr(), blue)
    assert image.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_file_that_cannot_be_decoded_is_named_in_the_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"a\.png cannot be decoded"):
        labels_of_name("a.png", content).image_bgr()
