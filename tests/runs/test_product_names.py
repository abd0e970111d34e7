from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from monai_mocoi.runs import analysis_name, evaluation_name
from monai_mocoi.runs.product_names import OWN_TEST_NAME


def test_evaluations_of_other_data_sets_have_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_analyses_of_other_data_sets_have_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "datalist.json").write_text(json.dumps({"name": "Another hospital"}))
    encoder = tmp_path / "encoder.pt"
    assert analysis_name(encoder, tmp_path, "test") == "analysis-test"  # not known what it was made with
    encoder.with_suffix(".json").write_text(json.dumps({"dataset": "NIH", "dataset_sha256": "x"}))
    assert analysis_name(encoder, tmp_path, "test") == "analysis-Another-hospital-test"
    assert analysis_name(encoder, "demo", "validation") == "analysis-validation"
    assert analysis_name("none", tmp_path, "test") == analysis_name(None, tmp_path, "test") == "analysis-test"
