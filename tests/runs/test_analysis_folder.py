from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_mocoi.errors import RunFolderError, SettingsError
from monai_mocoi.runs.analysis_folder import ANALYSIS_NAME, analysis_name, check_analysis_folder


def test_a_new_or_empty_folder_will_do(tmp_path: Path) -> None:
    check_analysis_folder(tmp_path / "new", False)
    check_analysis_folder(tmp_path, "false")
    assert list(tmp_path.iterdir()) == []


def test_an_analysis_is_replaced_only_if_told_so(tmp_path: Path) -> None:
    (tmp_path / ANALYSIS_NAME).touch()
    with pytest.raises(RunFolderError, match=r"already holds an analysis.*--overwrite true"):
        check_analysis_folder(tmp_path, False)
    check_analysis_folder(tmp_path, "true")


def test_anything_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "datalist.json").touch()
    with pytest.raises(RunFolderError, match="something else"):
        check_analysis_folder(tmp_path, True)
    with pytest.raises(RunFolderError, match="is a file"):
        check_analysis_folder(tmp_path / "datalist.json", True)
    with pytest.raises(SettingsError, match="overwrite"):
        check_analysis_folder(tmp_path, "perhaps")


def test_other_data_sets_have_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "datalist.json").write_text(json.dumps({"name": "Another hospital"}))
    encoder = tmp_path / "encoder.pt"
    assert analysis_name(encoder, tmp_path, "test") == "analysis-test"  # not known what it was made with
    encoder.with_suffix(".json").write_text(json.dumps({"dataset": "NIH", "dataset_sha256": "x"}))
    assert analysis_name(encoder, tmp_path, "test") == "analysis-Another-hospital-test"
    assert analysis_name(encoder, "demo", "validation") == "analysis-validation"
    assert analysis_name("none", tmp_path, "test") == analysis_name(None, tmp_path, "test") == "analysis-test"
