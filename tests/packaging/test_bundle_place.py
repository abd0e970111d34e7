from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.errors import AdaptError
from monai_mocoi.packaging import check_bundle_name
from monai_mocoi.packaging.bundle_place import bundle_place


def test_the_folder_of_a_new_bundle(tmp_path: Path) -> None:
    assert bundle_place("own", tmp_path / "out", tmp_path / "films") == tmp_path / "out" / "own"
    assert not list(tmp_path.iterdir())
    with pytest.raises(AdaptError, match="plain name"):
        bundle_place("my study", tmp_path, tmp_path / "films")
    with pytest.raises(AdaptError, match="is the dataset folder, or within it"):
        bundle_place("own", tmp_path / "films" / "x", tmp_path / "films")
    (tmp_path / "own").touch()
    with pytest.raises(AdaptError, match="exists already"):
        bundle_place("own", tmp_path, tmp_path / "films")
    with pytest.raises(AdaptError, match="which is a file"):
        bundle_place("other", tmp_path / "own", tmp_path / "films")


def test_names() -> None:
    check_bundle_name("my_study-2")
    for name in ("", "2nd", "a.b", "a" * 65):
        with pytest.raises(AdaptError, match="plain name"):
            check_bundle_name(name)
