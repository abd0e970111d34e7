from __future__ import annotations

import pytest

from data_prep.__main__ import main
from tests.data.dataset_folders import dataset_folder, read_list, write_list


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


def test_clean_is_0(tmp_path, capsys):
    assert main(["audit", str(dataset_folder(tmp_path / "set"))]) == 0
    out = capsys.readouterr().out
    assert "training: 6 images of 6 patients" in out
    assert "Result: clean" in out


def test_a_leak_is_3_with_the_whole_report(tmp_path, capsys):
    document = read_list(dataset_folder(tmp_path / "set"))
    document["test"] = document["validation"]
    write_list(tmp_path / "set", **document)
    assert main(["audit", str(tmp_path / "set")]) == 3
    out = capsys.readouterr().out
    assert "identical pictures in two splits: 2" in out
    assert "How to fix it" in out


def test_no_dataset_folder_and_unreadable_images_are_3(tmp_path, capsys):
    assert main(["audit", str(tmp_path)]) == 3
    assert "no (finished) dataset folder" in capsys.readouterr().err
    dataset_folder(tmp_path / "set")
    (tmp_path / "set/images/003.png").write_bytes(b"")
    assert main(["audit", str(tmp_path / "set")]) == 3
    assert "images/003.png: the image file is empty" in capsys.readouterr().err
