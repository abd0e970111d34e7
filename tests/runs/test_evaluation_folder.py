from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from monai_mocoi.errors import RunFolderError, SettingsError
from monai_mocoi.runs import check_evaluation_folder, evaluation_name
from monai_mocoi.runs.evaluation_folder import OWN_TEST_NAME


def test_a_new_or_an_empty_folder_will_do_and_stays_as_it_is(tmp_path: Path) -> None:
    check_evaluation_folder(tmp_path / "runs" / "evaluation", False)
    check_evaluation_folder(tmp_path, False)
    (tmp_path / "classifier.pt").touch()
    check_evaluation_folder(str(tmp_path), False)
    assert os.listdir(tmp_path) == ["classifier.pt"]


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv"])
def test_an_earlier_evaluation_is_replaced_only_when_told_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(RunFolderError, match=rf"already holds an evaluation \({name}\).*--overwrite true") as caught:
        check_evaluation_folder(tmp_path, False)
    assert caught.value.exit_code == 2
    check_evaluation_folder(tmp_path, True)
    assert (tmp_path / name).exists()


def test_files_and_dataset_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunFolderError, match="is a file, but a folder is needed"):
            check_evaluation_folder(place, True)
    (tmp_path / "datalist.json").touch()
    with pytest.raises(RunFolderError, match="is a dataset folder"):
        check_evaluation_folder(tmp_path, True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunFolderError, match="cannot be written"):
        check_evaluation_folder(tmp_path / "evaluation", False)


def test_it_can_be_asked_without_torch() -> None:
    code = "import sys; from monai_mocoi.runs import check_evaluation_folder; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("overwrite", ["false", "False", False])
def test_the_text_false_overwrites_nothing(overwrite: bool | str, tmp_path: Path) -> None:
    (tmp_path / "metrics.json").touch()
    check_evaluation_folder(tmp_path, "true")
    with pytest.raises(RunFolderError, match="already holds an evaluation"):
        check_evaluation_folder(tmp_path, overwrite)


def test_what_is_neither_true_nor_false_is_refused_in_an_empty_folder_too(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="overwrite is 'no'"):
        check_evaluation_folder(tmp_path, "no")


def test_other_data_sets_have_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    for folder in (run, data):
        folder.mkdir()

    def named(dataset: str, own: str | None, trained_on: str = "NIH", split: str = "test", place: Path = run) -> str:
        content = json.dumps({"name": dataset}).encode()
        (data / "datalist.json").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest() if own == "this" else own
        (run / "classifier.json").write_text(json.dumps({"dataset": trained_on, "dataset_sha256": sha256}))
        return evaluation_name(place, data, split)

    assert named("NIH", "this") == named("NIH", None) == OWN_TEST_NAME == "evaluation-test"
    assert named("Another / hospital, 2", "x", split="validation") == "evaluation-Another-hospital-2-validation"
    version = hashlib.sha256(json.dumps({"name": "NIH"}).encode()).hexdigest()[:8]
    assert named("NIH", "x") == f"evaluation-NIH-{version}-test"
    assert named("///", "x", place=run / "classifier.pt") == "evaluation-other-test"
    assert evaluation_name(tmp_path / "none", data, "test") == "evaluation-test"
    assert evaluation_name(run, "demo", "test") == evaluation_name(run, run, "test") == "evaluation-test"
    monkeypatch.chdir(tmp_path)
    data.rename("demo")  # a folder of that name is not what the word stands for
    assert evaluation_name(run, "demo", "test") == "evaluation-test"
    assert evaluation_name(run, "./demo", "test") == "evaluation-other-test"
    Path("demo").rename(data)
    (data / "datalist.json").write_text("[]")
    assert evaluation_name(run, data, "test") == "evaluation-test"
