from __future__ import annotations

import pytest

from data_prep.image_finder import find_images
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
