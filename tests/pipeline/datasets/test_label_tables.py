"""Tables of labels as they are published, edited and saved."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from facetally.datasets import label_tables
from facetally.datasets.label_tables import decimal, read_table
from facetally.datasets.labelled_images import ImageSource, LabelledImage, labels_of_name, parse_gender_words


def images(folder: Path, table: bytes, *names: str, end: str = "csv", words: str = "") -> list[LabelledImage]:
    """The images of these names with the labels of a table."""
    for name in names or ("a.jpg",):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content")
    (folder / f"labels.{end}").write_bytes(table)
    source = ImageSource.parse(f"{folder / 'images'}+{folder / f'labels.{end}'}")
    return list(ImageSource(source.name, source.images, source.tables, parse_gender_words(words)).read())


def only(folder: Path, row: str, words: str = "", header: str = "file,age,gender") -> LabelledImage:
    (image,) = images(folder, f"{header}\na.jpg,{row}\n".encode(), words=words)
    return image


@pytest.mark.parametrize(
    ("row", "not_understood"),
    [
        ("9-Mar,Male", (("age", "9-Mar"),)),
        ("-31,female", (("age", "-31"),)),
        ("2014,f", (("age", "2014"),)),
        ("30,w", (("gender", "w"),)),
        ("30,H", (("gender", "H"),)),
        ("30,0", (("gender", "0"),)),
        ("old,1", (("gender", "1"), ("age", "old"))),
        ("30,girl", ()),
        ("70+,boy", ()),
        ("unknown,n/a", ()),
        (",", ()),
    ],
)
def test_labels_that_are_not_understood_are_kept_as_such(
    tmp_path: Path, row: str, not_understood: tuple[tuple[str, str], ...]
) -> None:
    image = only(tmp_path, row)
    assert image.not_understood == not_understood
    assert (image.age_years is None) == (
        any(name == "age" for name, _ in not_understood) or row in (",", "unknown,n/a")
    )


@pytest.mark.parametrize(
    ("row", "words", "is_female"),
    [
        ("30,0", "0=male,1=female", False),
        ("30,1", "0=male,1=female", True),
        ("30,W", "w=female", True),
        ("30,2", "0=m, 1=f, 2=unknown", None),
        ("30,f", "f=male", False),
    ],
)
def test_the_user_says_what_words_for_a_gender_mean(
    tmp_path: Path, row: str, words: str, is_female: bool | None
) -> None:
    image = only(tmp_path, row, words)
    assert (image.is_female, image.not_understood) == (is_female, ())


@pytest.mark.parametrize("text", ["0", "0=robot", "=male", "0=male,0=female", "0:male"])
def test_words_without_a_gender_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not say which gender|has two meanings"):
        parse_gender_words(text)


def test_words_may_be_names_of_folders_too() -> None:
    assert labels_of_name("w/a.jpg", b"", dict(parse_gender_words("w=female"))).is_female is True
    assert labels_of_name("w/a.jpg", b"").is_female is None


def test_what_words_mean_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file\n")
    prints = [
        ImageSource("set", (tmp_path,), (), parse_gender_words(words)).fingerprint() for words in ("", "0=m", "0=f")
    ]
    assert len(set(prints)) == 3


def test_an_age_in_a_file_name_has_the_same_limits() -> None:
    image = labels_of_name("121_1_0_2017.jpg", b"")
    assert (image.is_female, image.age_years, image.not_understood) == (True, None, (("age", "121"),))


@pytest.mark.parametrize("header", ["file,age,sex", "FILE,Age,Gender", "filename,age,gender", "image_id,age,sex"])
def test_columns_go_by_common_names_in_any_case(tmp_path: Path, header: str) -> None:
    image = only(tmp_path, "30,f", header=header)
    assert (image.age_years, image.is_female) == (30, True)


@pytest.mark.parametrize(
    "table",
    [
        b'file;age;gender\na.jpg;"31,5";f\n',
        b"file;age;gender;x1;y1;x2;y2\na.jpg;31,5;f;1,5;2;3;4\n",
        b"file\tage\tgender\na.jpg\t31,5\tf\n",
        b'file,age,gender\na.jpg,"31,5",f\n',
    ],
)
def test_semicolons_tabs_and_decimal_commas_are_read(tmp_path: Path, table: bytes) -> None:
    (image,) = images(tmp_path, table)
    assert (image.age_years, image.is_female) == (31.5, True)


@pytest.mark.parametrize(("cell", "number"), [("1,5", 1.5), ("-1,25", -1.25), ("1.5", 1.5), (" 3 ", 3)])
def test_a_number_has_a_point_or_a_comma(cell: str, number: float) -> None:
    assert decimal(cell) == number


ADIENCE = (
    "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score\n"
    "30601258@N03\t10399646885_67c7d20df9_o.jpg\t1\t(25, 32)\tf\t0\t414\t1086\t1383\t-115\t30\t17\n"
    "30601258@N03\t10424815813_e94629b1ec_o.jpg\t2\tNone\tu\t301\t105\t640\t641\t0\t0\t94\n"
)


def test_the_list_of_adience_is_a_table(tmp_path: Path) -> None:
    names = [
        "aligned/30601258@N03/landmark_aligned_face.1.10399646885_67c7d20df9_o.jpg",
        "faces/30601258@N03/coarse_tilt_aligned_face.2.10424815813_e94629b1ec_o.jpg",
    ]
    first, second = images(tmp_path, ADIENCE.encode(), *names, end="txt")
    assert (first.is_female, first.age_years, first.not_understood) == (True, 29, ())
    assert (second.is_female, second.age_years, second.not_understood) == (None, None, ())


def test_the_list_of_celeba_is_a_table(tmp_path: Path) -> None:
    table = b"2\nMale Smiling Young \n000001.jpg -1  1  1\n000002.jpg  1 -1 -1\n"
    found = images(tmp_path, table, "img/000001.jpg", "img/000002.jpg", end="txt")
    assert [image.is_female for image in found] == [True, False]


@pytest.mark.parametrize(("end", "pack"), [("tsv", False), ("txt", False), ("txt.gz", True), ("csv.gz", True)])
def test_tables_have_these_endings(tmp_path: Path, end: str, pack: bool) -> None:
    table = b"file,gender\na.jpg,f\n"
    (image,) = images(tmp_path, gzip.compress(table) if pack else table, end=end)
    assert image.is_female is True


def test_a_number_without_a_list_after_it_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("3\nMale Young\n1.jpg\n")
    with pytest.raises(ValueError, match="its first line is a number"):
        list(read_table(tmp_path / "t.txt"))


def test_an_image_that_the_table_does_not_name_says_so(tmp_path: Path) -> None:
    (image,) = images(tmp_path, b"file,gender\nb.jpg,f\n")
    assert image.not_understood == (("row", "a.jpg"),)


@pytest.mark.parametrize("file", ["f\\a.jpg", "./f/a.jpg", ".\\f\\a.jpg"])
def test_paths_of_other_systems_match(tmp_path: Path, file: str) -> None:
    assert images(tmp_path, f"file,gender\n{file},f\n".encode(), "f/a.jpg")[0].is_female is True


@pytest.mark.parametrize("table", ["file,age\na.jpg," + "9" * 140_000, "a" * 140_000 + ",file\n"])
def test_a_cell_that_is_too_long_is_an_error(tmp_path: Path, table: str) -> None:
    (tmp_path / "t.csv").write_text(table)
    with pytest.raises(ValueError, match="table"):
        list(read_table(tmp_path / "t.csv"))


def test_a_table_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_tables, "MAX_BYTES", 1000)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"file,age\n" + b"a.jpg,1\n" * 200))
    with pytest.raises(ValueError, match="more than 1,000 bytes, unpacked"):
        list(read_table(tmp_path / "t.csv.gz"))
