from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import (
    BasicTextSRStorage,
    DigitalXRayImageStorageForPresentation,
    EncapsulatedPDFStorage,
    EnhancedUSVolumeStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    RTStructureSetStorage,
    SegmentationStorage,
    VLWholeSlideMicroscopyImageStorage,
)

from monai_mocoi.data import find_new_images, load_datalist
from monai_mocoi.demo import generate_demo, images_to_classify
from monai_mocoi.errors import DatasetError
from tests.transforms.dicom_files import dataset


def png(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(path, "PNG")
    return path


def dicom(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset(np.zeros((2, 2), np.uint8)).save_as(path, enforce_file_format=True)
    return path


def names(*args: object) -> list[str]:
    return [item["name"] for item in find_new_images(*args)]  # type: ignore[arg-type]


def test_a_folder_gives_what_is_named_like_an_image_and_dicom_of_any_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("b.PNG", "a.tiff", "z/c.jpg", "z/y/d.dic", "z/y/e.ima"):
        png(tmp_path / name)
    dicom(tmp_path / "1.2.840.1")
    dicom(tmp_path / "z" / "IM1")
    (tmp_path / "broken.jpeg").write_bytes(b"")  # to be reported, so not to be left out
    dicom(tmp_path / "DICOMDIR")
    png(tmp_path / "._b.png")
    png(tmp_path / ".trash" / "e.png")
    png(tmp_path / "png without suffix")
    (tmp_path / "notes.txt").write_text("b.PNG")
    with caplog.at_level(logging.INFO):
        items = find_new_images(tmp_path)
    assert [item["name"] for item in items] == [
        "1.2.840.1", "a.tiff", "b.PNG", "broken.jpeg", "z/IM1", "z/c.jpg", "z/y/d.dic", "z/y/e.ima",
    ]  # fmt: skip
    assert [item["image"] for item in items] == [str(tmp_path / item["name"]) for item in items]
    assert caplog.messages == ["images: 8 images found; 4 other files left out"]


@pytest.mark.parametrize(
    ("uid", "kept"),
    [
        (GrayscaleSoftcopyPresentationStateStorage, False),
        (BasicTextSRStorage, False),
        (KeyObjectSelectionDocumentStorage, False),
        (SegmentationStorage, False),
        (RTStructureSetStorage, False),
        (EncapsulatedPDFStorage, False),
        (DigitalXRayImageStorageForPresentation, True),
        (VLWholeSlideMicroscopyImageStorage, True),
        (EnhancedUSVolumeStorage, True),
        ("1.2.826.0.1.3680043.2.594.1", True),  # a maker's own
        (None, True),
    ],
)
@pytest.mark.parametrize("name", ["IM0002", "b.dcm"])
def test_a_dicom_object_that_is_no_image_by_its_class_is_another_file(
    tmp_path: Path, uid: str | None, kept: bool, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    dicom(tmp_path / "a.dcm")
    other = dataset(np.zeros((2, 2), np.uint8))
    if uid is None:
        del other.file_meta.MediaStorageSOPClassUID
    else:
        other.file_meta.MediaStorageSOPClassUID = other.SOPClassUID = uid
    other.save_as(tmp_path / name, enforce_file_format=uid is not None)
    if uid is None:
        (tmp_path / name).write_bytes(bytes(128) + b"DICM" + (tmp_path / name).read_bytes()[-200:])
    with caplog.at_level(logging.INFO):
        found = names(tmp_path)
    assert sorted(found) == sorted(["a.dcm", name] if kept else ["a.dcm"])
    assert caplog.messages == [f"images: {1 + kept} images found; {1 - kept} other files left out"]


def test_links_are_followed_and_never_in_a_circle(tmp_path: Path) -> None:
    png(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "gone.png").symlink_to(tmp_path / "nothing")
    assert names(tmp_path / "here") == ["gone.png", "link/a.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_no_image_and_not_waited_for(tmp_path: Path) -> None:
    png(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == ["a.png"]


def test_a_closed_folder_is_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    png(tmp_path / "a.png")
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DatasetError, match=r"\(Permission denied\), so images could be missed"):
        find_new_images(tmp_path)


def test_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    png(tmp_path / "a.png")
    assert find_new_images("./a.png") == [{"image": "a.png", "name": "./a.png"}]


def test_a_text_list(tmp_path: Path) -> None:
    png(tmp_path / "films" / "a.png")
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbffilms/a.png\r\n\r\n  gone.png \r\n" + str(tmp_path).encode())
    items = find_new_images(tmp_path / "list.txt")
    assert [item["name"] for item in items] == ["films/a.png", "gone.png", str(tmp_path)]
    assert [item["image"] for item in items] == [
        str(tmp_path / "films/a.png"), str(tmp_path / "gone.png"), str(tmp_path),
    ]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table(tmp_path: Path, delimiter: str) -> None:
    rows = [["id", "image"], ["1", '"a,b;\t.png"'], [], ["2", " c.png"]]
    (tmp_path / "list.CSV").write_text("\n".join(delimiter.join(row) for row in rows))
    assert names(tmp_path / "list.CSV") == ["a,b;\t.png", "c.png"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"path\na.png\n", "no column 'image'"),
        (b"id,image\n1,\n", "row 2 of the list has nothing in its column 'image'"),
        (b"id,image\n1\n", "row 2 of the list has nothing in its column 'image'"),
        (b"image\n", "the list names no image"),
        (b"", "no column 'image'"),
        (b"\xff\xfe\x00", "save it as CSV UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, content: bytes, error: str) -> None:
    (tmp_path / "Smith.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=error) as caught:
        find_new_images(tmp_path / "Smith.csv")
    assert "Smith" not in str(caught.value)


def test_several_places_keep_their_names_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one/a.png", "two/a.png", "b.png"):
        png(tmp_path / name)
    assert names(["two", "one/", "b.png"]) == ["two/a.png", "one/a.png", "b.png"]


@pytest.mark.parametrize(
    ("places", "error"),
    [
        ([], "an empty list"),
        ("Smith", "^images: there is no such file or folder"),
        (["full", "Smith"], "^images, entry 2 of 2: there is no such file or folder"),
        (["full", "empty"], r"^images, entry 2 of 2: .* hold no image, but 1 other file\. .* \.png, \.jpg"),
        ("bare", r"^images: the folder and those below it hold no image and no other file\. Images are"),
    ],
)
def test_a_place_without_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, places: str | list[str], error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    png(tmp_path / "full" / "a.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "empty" / "report.pdf").write_bytes(b"%PDF")
    with pytest.raises(DatasetError, match=error) as caught:
        find_new_images(places)
    assert "Smith" not in str(caught.value)


def test_without_images_the_test_split_is_taken(tmp_path: Path) -> None:
    folder = generate_demo(tmp_path / "demo", patients=10, size=32, progress=False)
    test = load_datalist(folder).test
    items = images_to_classify(None, str(folder), "chest")
    assert items == [{"image": item["image"], "name": item["name"]} for item in test]
    # Where images are given, the data set is not looked at.
    assert images_to_classify(str(folder / "images"), "nowhere", "none") == find_new_images(folder / "images")
