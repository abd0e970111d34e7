from __future__ import annotations

import os
from pathlib import Path

import pytest

from data_prep.image_finder import find_images, find_patches
from monai_mocoi.errors import DatasetError


def _file(path, content="1"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_any_depth_any_number_of_folders(tmp_path):
    _file(tmp_path / "x/images_001/images/a.png")
    _file(tmp_path / "x/images_002/images/b.png")
    _file(tmp_path / "x/images_002/images/other.png")
    _file(tmp_path / "y/c.png")
    found, others = find_images([tmp_path / "x", tmp_path / "y"], {"a.png", "b.png", "c.png", "d.png"})
    assert {name: path.replace(str(tmp_path), "") for name, path in found.items()} == {
        "a.png": "/x/images_001/images/a.png",
        "b.png": "/x/images_002/images/b.png",
        "c.png": "/y/c.png",
    }
    assert others == 1


def test_the_same_name_twice(tmp_path):
    _file(tmp_path / "x/a.png", "same")
    _file(tmp_path / "y/a.png", "same")
    found, _ = find_images([tmp_path], {"a.png"})
    assert found == {"a.png": str(tmp_path / "x/a.png")}
    _file(tmp_path / "y/a.png", "othe")
    with pytest.raises(DatasetError, match=r"two different files are called a\.png"):
        find_images([tmp_path], {"a.png"})


def test_links_are_followed_and_circles_end(tmp_path):
    _file(tmp_path / "real/a.png")
    (tmp_path / "x").mkdir()
    (tmp_path / "x/link").symlink_to(tmp_path / "real")
    (tmp_path / "real/up").symlink_to(tmp_path / "real")
    found, _ = find_images([tmp_path / "x", tmp_path / "x"], {"a.png"})
    assert list(found) == ["a.png"]


def test_no_folder(tmp_path):
    with pytest.raises(DatasetError, match="--images: there is no folder"):
        find_images([tmp_path / "none"], {"a"})


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_label_and_patient_are_those_of_the_name(tmp_path):
    _touch(
        tmp_path / "8863/0/8863_idx5_x51_y1251_class0.png",
        tmp_path / "8863/1/8863_idx5_x101_y1251_class1.png",
        tmp_path / "flat/10253_idx5_x1_y1_class1.PNG",
    )
    by_name = find_patches([tmp_path], 2).by_name
    assert list(by_name) == sorted(by_name)
    assert {name: (patch.patient, patch.label, patch.folder_fault) for name, patch in by_name.items()} == {
        "8863_idx5_x51_y1251_class0.png": ("8863", 0, ""),
        "8863_idx5_x101_y1251_class1.png": ("8863", 1, ""),
        "10253_idx5_x1_y1_class1.PNG": ("10253", 1, ""),
    }


def test_other_names_are_counted_and_left_alone(tmp_path):
    _touch(
        tmp_path / "8863_idx5_x51_y1251_class0.png",
        tmp_path / "._8863_idx5_x51_y1251_class0.png",
        tmp_path / "8863_idx5_x51_y1251.png",
        tmp_path / "8863_idx5_x51_y1251_class0.png.part",
        tmp_path / "8863_idx5_x5a_y1251_class0.png",
    )
    found = find_patches([tmp_path], 2)
    assert list(found.by_name) == ["8863_idx5_x51_y1251_class0.png"]
    assert (found.others, found.other_example) == (4, "._8863_idx5_x51_y1251_class0.png")


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("8863/1", "the class in the name is not that of the folder"),
        ("8864/0", "the patient in the name is not that of the folder"),
        ("8864/1", "the class in the name is not that of the folder"),
        ("8863/0", ""),
        ("some/0", ""),
        ("8864", ""),
        ("8863/7", ""),
    ],
)
def test_folders_against_names(tmp_path, place, fault):
    _touch(tmp_path / place / "8863_idx5_x51_y1251_class0.png", tmp_path / "flat/8864_idx5_x1_y1_class0.png")
    patch = find_patches([tmp_path], 2).by_name["8863_idx5_x51_y1251_class0.png"]
    assert patch.folder_fault == fault


def test_what_is_above_the_given_folder_is_no_patient(tmp_path):
    _touch(tmp_path / "2023/0/8863_idx5_x51_y1251_class0.png")
    for folder in (tmp_path / "2023", tmp_path / "2023/0"):
        (patch,) = find_patches([folder], 2).by_name.values()
        assert patch.folder_fault == ""


@pytest.mark.parametrize("folder", ["versions/1", "0"])
def test_a_given_folder_called_as_a_class_is_none(tmp_path, folder):
    _touch(*(tmp_path / folder / f"8863_idx5_x51_y1251_class{label}.png" for label in (0, 1)))
    assert [p.folder_fault for p in find_patches([tmp_path / folder], 2).by_name.values()] == ["", ""]


def test_a_number_that_is_no_patient_is_a_fold_or_a_size(tmp_path):
    _touch(tmp_path / "folds/3/0/8863_idx5_x51_y1251_class0.png", tmp_path / "64/1/8864_idx5_x51_y1251_class1.png")
    assert [p.folder_fault for p in find_patches([tmp_path], 2).by_name.values()] == ["", ""]


def test_a_patient_called_1_is_no_class(tmp_path):
    _touch(tmp_path / "1/1_idx5_x51_y1251_class0.png")
    (patch,) = find_patches([tmp_path], 2).by_name.values()
    assert (patch.patient, patch.label, patch.folder_fault) == ("1", 0, "")


def test_the_whole_set_twice_as_in_kaggles_archive(tmp_path):
    name = "8863_idx5_x51_y1251_class0.png"
    _touch(tmp_path / "8863/0" / name, tmp_path / "IDC_regular_ps50_idx5/8863/0" / name)
    found = find_patches([tmp_path, tmp_path], 2)
    assert found.by_name[name].path == str(tmp_path / "8863/0" / name)
    assert found.again == {name: [str(tmp_path / "IDC_regular_ps50_idx5/8863/0" / name)]}


def test_links_do_not_lead_round_in_circles(tmp_path):
    _touch(tmp_path / "a/8863_idx5_x51_y1251_class0.png")
    (tmp_path / "a/again").symlink_to(tmp_path)
    found = find_patches([tmp_path], 2)
    assert len(found.by_name) == 1
    assert not found.again


def test_nothing_to_find(tmp_path):
    with pytest.raises(DatasetError, match="no folder"):
        find_patches([tmp_path / "nowhere"], 2)
    with pytest.raises(DatasetError, match=r"holds no patch.*empty"):
        find_patches([tmp_path], 2)
    _touch(tmp_path / "archive.zip")
    with pytest.raises(DatasetError, match=r"1 files have other names, such as 'archive\.zip'"):
        find_patches([tmp_path], 2)


def test_more_classes_than_named(tmp_path):
    _touch(tmp_path / "8863_idx5_x1_y1_class0.png", tmp_path / "8863_idx5_x1_y1_class2.png")
    with pytest.raises(DatasetError, match=r"1 patches have a class above 1 \(such as 8863_idx5_x1_y1_class2.png\)"):
        find_patches([tmp_path], 2)
    assert len(find_patches([tmp_path], 3).by_name) == 2


def test_a_closed_folder_is_told(tmp_path, monkeypatch):
    def closed(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DatasetError, match="cannot be read"):
        find_images([tmp_path], ["a"])


def test_a_name_in_other_bytes_can_be_printed(tmp_path):
    (tmp_path / os.fsdecode(b"\xdcbersicht.txt")).write_text("")
    (tmp_path / "1_idx5_x1_y1_class0.png").write_text("")
    assert find_patches([tmp_path], 2).other_example == "\\xdcbersicht.txt"
