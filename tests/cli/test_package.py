from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.report.finetuned_runs import change, make_bundle, make_run
from tests.support.loaded_modules import loaded_by


@pytest.fixture
def bundle(tmp_path) -> str:
    return str(make_bundle(tmp_path))


def test_what_was_written_and_how_to_use_it(mocoi, bundle, tmp_path):
    run = make_run(tmp_path / "run")
    result = mocoi("package", bundle, "--run", str(run), "--out", "p.zip")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Written: p.zip (chest_xray_classification_mocoi, classifier of 3 labels, 0.")
    macro = json.loads((run / "evaluation-test" / "metrics.json").read_text())["overall"]["macro_auc"]["value"]
    assert lines[1].startswith(f"Evaluated on 60 test images: macro AUC {macro:.3f} (")
    assert lines[2].startswith("NOT STATED: --title, --authors, --contact, --license, --data-statement.")
    use = "in chest_xray_classification_mocoi/: python -m monai.bundle run --config_file configs/inference.json"
    assert use in lines[3]
    again = mocoi("package", bundle, "--run", str(run), "--out", "p.zip")
    assert again.exit_code == 2
    assert again.stderr.startswith("error: 'p.zip' exists already")
    before = Path("p.zip").read_bytes()
    assert mocoi("package", bundle, "--run", str(run), "--out", "p.zip", "--overwrite").exit_code == 0
    assert Path("p.zip").read_bytes() == before


def test_what_was_not_evaluated_and_the_demo_are_said_loudly(mocoi, bundle, tmp_path):
    run = make_run(tmp_path / "a run", evaluated=False, settings={"bundle": "nih_mse", "demo": True})
    result = mocoi("package", bundle, "--run", str(run), "--out", "p.zip")
    assert result.exit_code == 0
    assert "TRAINED ON GENERATED PHANTOMS" in result.stdout
    assert "NOT EVALUATED" in result.stdout
    assert f"run evaluate.json with --run_dir '{run}'" in result.stdout


def test_refusals_are_one_message_and_write_nothing(mocoi, bundle, tmp_path):
    run = make_run(tmp_path / "run")
    cases = {
        (bundle, str(tmp_path / "nowhere"), "p.zip"): "is no run folder",
        (str(run), str(run), "p.zip"): "is no bundle",
        (bundle, str(run), "p"): "must end in .zip",
    }
    change(run / "manifest.json", status="running")
    cases[bundle, str(run), "p.zip"] = "has not come to its end"
    other = shutil.copytree(run, tmp_path / "other")
    change(other / "manifest.json", status="finished")
    change(other / "classifier.json", settings={"bundle": "nih_moco"})
    cases[bundle, str(other), "p.zip"] = "give the bundle that the run was made with"
    for (given, folder, out), text in cases.items():
        result = mocoi("package", given, "--run", folder, "--out", out)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert text in result.stderr
        assert result.stderr.count("\n") == 1
    assert not list(Path().iterdir())


def test_help_needs_no_torch():
    done = loaded_by("package", "--help")
    assert done.returncode == 0
    assert "Nothing in it tells of this machine" in " ".join(done.stdout.split())
    assert done.stdout.endswith("LOADED []\n")
