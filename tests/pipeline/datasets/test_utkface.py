from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from facetally.datasets.utkface import UTKFaceDataset


def image(grey: int) -> bytes:
    return cv2.imencode(".png", np.full((4, 4, 3), grey, np.uint8))[1].tobytes()


def folder_of(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def many(count: int, name: str) -> dict[str, bytes]:
    """Contents need not be valid images until one is decoded."""
    return {name.format(i): f"content {i}".encode() for i in range(count)}


def test_the_name_gives_age_and_gender(tmp_path: Path) -> None:
    files = {"25_0_1_20170109.png": image(1), "31_1_4_20170110.jpg.chip.jpg": image(2)}
    images = UTKFaceDataset(folder_of(tmp_path, files)).images
    assert [(p.age_years, p.is_female) for p in images] == [(25, False), (31, True)]


def test_an_image_decodes_to_its_pixels_in_bgr(tmp_path: Path) -> None:
    blue = np.full((4, 6, 3), (255, 0, 0), np.uint8)
    files = {"25_0_1_1.png": cv2.imencode(".png", blue)[1].tobytes()}
    image = UTKFaceDataset(folder_of(tmp_path, files)).images[0].image_bgr()
    assert image.dtype == np.uint8
    assert np.array_equal(image, blue)


@pytest.mark.parametrize("content", [b"no image", image(1)[:40], b""])
def test_a_file_that_cannot_be_decoded_is_named_in_the_error(tmp_path: Path, content: bytes) -> None:
    dataset = UTKFaceDataset(folder_of(tmp_path, {"25_0_1_1.jpg": content}))
    with pytest.raises(ValueError, match=r"25_0_1_1\.jpg"):
        dataset.images[0].image_bgr()


def test_malformed_names_are_counted_and_left_out(tmp_path: Path) -> None:
    malformed = (
        "24_0_1_20170116220224657 .jpg",  # a space before the dot
        "39_1_20170116174525125.jpg",  # no race
        "53__0_20170116184028385.jpg",  # no gender
        "a25_0_1_1.jpg",
        "c/25_2_1_1.jpg",  # gender is 0 or 1
    )
    files = {name: image(i) for i, name in enumerate(malformed)}
    dataset = UTKFaceDataset(folder_of(tmp_path, files | {"25_0_1_1.jpg": image(99)}))
    assert [p.name for p in dataset.images] == ["25_0_1_1.jpg"]
    assert dataset.report.malformed_names == malformed
    assert dataset.report.images_read == 6


def test_files_of_other_kinds_are_not_read(tmp_path: Path) -> None:
    files = {"25_0_1_1.JPG": image(1), "26_0_1_1.txt": b"text", "26_0_1_1": b"none"}
    assert UTKFaceDataset(folder_of(tmp_path, files)).report.images_read == 1


def test_further_copies_of_an_image_are_removed(tmp_path: Path) -> None:
    files = {"25_0_1_1.png": image(1), "25_0_2_2.png": image(1), "x/25_0_1_3.png": image(1)}
    dataset = UTKFaceDataset(folder_of(tmp_path, files | {"25_0_1_4.png": image(2)}))
    assert [p.name for p in dataset.images] == ["25_0_1_1.png", "25_0_1_4.png"]
    assert dataset.report.duplicates_removed == 2


def test_copies_with_contradictory_labels_are_dropped(tmp_path: Path) -> None:
    two_genders = {"25_0_1_1.png": image(1), "25_1_1_2.png": image(1), "25_0_1_3.png": image(1)}
    two_ages = {"30_0_1_1.png": image(2), "31_0_1_1.png": image(2)}
    dataset = UTKFaceDataset(folder_of(tmp_path, two_genders | two_ages | {"40_1_1_1.png": image(3)}))
    assert [p.name for p in dataset.images] == ["40_1_1_1.png"]
    assert dataset.report.contradictions_dropped == 5
    assert dataset.report.duplicates_removed == 0


def test_both_limits_of_the_ages_are_kept(tmp_path: Path) -> None:
    files = {f"{age}_0_1_1.png": image(age) for age in (17, 18, 80, 81, 116)}
    dataset = UTKFaceDataset(folder_of(tmp_path, files), min_age=18, max_age=80)
    assert [p.age_years for p in dataset.images] == [18, 80]
    assert len(dataset) == 2
    assert dataset.report.outside_ages == 3


def test_folder_zip_and_tar_give_the_same_images(tmp_path: Path) -> None:
    files = {"b/25_0_1_1.png": image(1), "a/26_1_1_1.png": image(2), "27_1_1_1.png": image(3)}
    folder = folder_of(tmp_path / "folder", files)
    with tarfile.open(tmp_path / "faces.tar", "w") as tar:
        tar.add(folder, arcname="")
    sources = (folder, zip_of(tmp_path / "faces.zip", files), tmp_path / "faces.tar")
    datasets = [UTKFaceDataset(source) for source in sources]
    assert [p.age_years for p in datasets[0].images] == [27, 26, 25]
    assert datasets[0].images == datasets[1].images == datasets[2].images
    assert datasets[0].report == datasets[1].report == datasets[2].report
    assert len({d.fingerprint() for d in datasets}) == 1


def test_the_copy_that_is_kept_does_not_depend_on_the_packing(tmp_path: Path) -> None:
    files = {"a/25_0_1_1.png": image(1), "a-b/25_0_1_1.png": image(1)}  # "-" < "/", but "a" < "a-b"
    folder, packed = folder_of(tmp_path / "folder", files), zip_of(tmp_path / "faces.zip", files)
    assert UTKFaceDataset(folder).images == UTKFaceDataset(packed).images


def test_the_fingerprint_depends_on_labels_and_not_on_names(tmp_path: Path) -> None:
    def fingerprint(name: str) -> str:
        files = {name: image(1), "40_0_0_1.png": image(2)}
        return UTKFaceDataset(zip_of(tmp_path / "faces.zip", files)).fingerprint()

    first = fingerprint("25_0_1_1.png")
    assert fingerprint("deep/25_0_3_999.png") == first
    assert fingerprint("25_1_1_1.png") != first
    assert fingerprint("26_0_1_1.png") != first


def test_the_side_of_an_image_does_not_depend_on_its_name_or_on_other_images(tmp_path: Path) -> None:
    def sides(files: dict[str, bytes]) -> dict[str, bool]:
        dataset = UTKFaceDataset(zip_of(tmp_path / "faces.zip", files))
        digests = [p.digest for p in dataset.images]
        return dict(zip(digests, dataset.held_out(0.2, seed=0).tolist(), strict=True))

    few = sides(many(100, "20_0_0_{}.jpg"))
    more = sides(many(300, "x/79_1_4_9{}.jpg"))
    assert len(few) == 100 and len(set(few.values())) == 2
    assert few == {digest: more[digest] for digest in few}


def test_no_copy_of_a_held_out_image_is_in_the_training_set(tmp_path: Path) -> None:
    files = many(100, "20_0_0_{}.jpg") | many(100, "copies/20_0_1_{}.jpg")
    dataset = UTKFaceDataset(zip_of(tmp_path / "faces.zip", files))
    mask = dataset.held_out(0.5, seed=0)
    contents = np.array([p.content for p in dataset.images])
    assert 0 < mask.sum() < 100 == len(dataset)
    assert not set(contents[mask]) & set(contents[~mask])


def test_the_held_out_share_is_about_right_and_the_seed_matters(tmp_path: Path) -> None:
    dataset = UTKFaceDataset(zip_of(tmp_path / "faces.zip", many(2000, "20_0_0_{}.jpg")))
    mask = dataset.held_out(0.2, seed=0)
    assert mask.dtype == bool
    assert abs(mask.sum() - 400) < 54  # three standard deviations
    assert np.mean(mask != dataset.held_out(0.2, seed=1)) == pytest.approx(0.32, abs=0.04)  # 2 * 0.2 * 0.8
    assert not dataset.held_out(0, seed=0).any() and dataset.held_out(1, seed=0).all()


def test_an_empty_data_set_has_an_empty_mask(tmp_path: Path) -> None:
    dataset = UTKFaceDataset(folder_of(tmp_path, {"5_0_1_1.png": image(1)}))
    mask = dataset.held_out(0.2, seed=0)
    assert mask.shape == (0,)
    assert mask.dtype == bool


def test_a_missing_source_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        UTKFaceDataset(tmp_path / "nowhere")


def test_a_source_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_text("text that calls itself a zip")
    with pytest.raises(ValueError, match=r"neither a folder nor a \.zip nor a \.tar"):
        UTKFaceDataset(tmp_path / "faces.zip")


def test_a_source_without_a_well_formed_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no image named"):
        UTKFaceDataset(folder_of(tmp_path, {"portrait.jpg": image(1)}))
