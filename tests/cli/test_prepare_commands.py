from __future__ import annotations

import pytest

from monai_mocoi import exit_codes
from monai_mocoi.cli.messages import explain, prepare_commands
from monai_mocoi.demo.demo_sets import DEMO_SETS
from monai_mocoi.errors import NoDatasetError


@pytest.mark.parametrize(
    ("modality", "source"), [("chest", "nih"), ("histology", "bch"), ("fundus", "eyepacs"), (None, "nih")]
)
@pytest.mark.parametrize("value", ["nowhere", ""])
def test_the_commands_are_those_of_the_modality_ones_own_images_first(tmp_path, monkeypatch, modality, source, value):
    monkeypatch.chdir(tmp_path)
    text = prepare_commands(NoDatasetError("", value, modality))
    own = f"mocoi prepare inhouse --images IMAGES --private PRIVATE --out {value or 'FOLDER'}"
    assert 0 < text.find(own) < text.find(f"mocoi prepare {source} --images IMAGES")
    assert text.count(f"--out {value or 'FOLDER'}") == (4 if modality is None else 2)
    assert "mocoi prepare audit FOLDER" in text
    assert modality is None or DEMO_SETS[modality].source == source


def test_a_folder_of_raw_images_is_what_to_prepare_and_not_where_to_write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw films").mkdir()
    (tmp_path / "raw films" / "a.png").touch()
    text = prepare_commands(NoDatasetError("", "raw films", "histology"))
    assert "inhouse --images 'raw films' --private PRIVATE --out NEW_FOLDER" in text
    assert "prepare bch --images 'raw films' --out NEW_FOLDER" in text
    (tmp_path / "raw films" / "preparation.jsonl").touch()  # begun there, to be gone on with
    text = prepare_commands(NoDatasetError("", "raw films", "histology"))
    assert "prepare bch --images IMAGES --out 'raw films'" in text


def test_the_command_line_adds_them_to_the_error():
    text, code = explain(NoDatasetError("there is no folder 'nowhere'.", "nowhere", "chest"))
    assert text.startswith("there is no folder 'nowhere'.\n")
    assert "mocoi prepare nih --images IMAGES" in text
    assert code == exit_codes.DATA
