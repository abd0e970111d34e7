from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
import torch

from monai_mocoi.networks import StageEncoder, save_encoder
from tests.networks.small import small_resnet
from tests.report.finetuned_runs import change, make_bundle, make_run
from tests.report.study_folders import change_manifest, study
from tests.support.loaded_modules import loaded_by


@pytest.fixture(autouse=True)
def _short_command(monkeypatch):
    monkeypatch.setattr("monai_mocoi.own_command._mocoi", lambda: ["mocoi"])


def test_what_was_set_with_its_reason_and_the_next_commands(mocoi):
    study(Path("films"))
    result = mocoi("adapt", "bch_mse", "--dataset", "films", "--name", "my_study", "--authors", "A")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "Data set: Study of the clinic; images: training 16, validation 4, test 4; "
        "labels: 2 finding(s), each there or not: Fracture, Cast or plate"
    )
    assert lines[1] == "Set for these images (16 of 16 were looked at; all else as in bch_mse):"
    assert "  channels     1           0 of 16 pictures show colour" in lines
    assert "  metric       macro_auc   findings" in lines
    assert any(line.startswith("WARNING: bch_mse is made for colour pictures, and these are grey") for line in lines)
    assert "Kind of images: histology, as of bch_mse; if that is wrong, name it by --modality." in lines
    assert "NOT STATED: --title, --contact, --data-statement. The bundle says so." in lines
    assert lines[-4:] == ["Written: my_study", "Next:", "  mocoi plan my_study/train", "  mocoi run my_study/train"]
    again = mocoi("adapt", "bch_mse", "--dataset", "films", "--name", "my_study")
    assert again.exit_code == 2
    assert again.stderr.startswith("error: there is a bundle my_study already (my_study)")


def test_the_next_commands_can_be_given_as_they_are_from_here(mocoi, tmp_path):
    for data, out in (("films", "a b"), ("../deep/films", ".")):
        study(Path(data))
        result = mocoi("adapt", "nih_moco", "--dataset", data, "--name", "own", "--out", out, "--modality", "hand")
        assert result.exit_code == 0, result.stderr
        assert "Kind of images" not in result.stdout
        plan, run = (shlex.split(line) for line in result.stdout.splitlines()[-2:])
        assert plan[:2] == ["mocoi", "plan"]
        assert run == ["mocoi", "run", *plan[2:]]
        planned = mocoi(*plan[1:])
        assert planned.exit_code == 0, planned.stderr
        assert str(Path(data).resolve()) in planned.stdout
        assert "8 images each" in planned.stdout


def test_fine_tuning_on_other_labels_is_refused(mocoi):
    study(Path("films"))
    study(Path("others"), labels="single")
    assert mocoi("adapt", "nih_moco", "--dataset", "films", "--name", "own").exit_code == 0
    words = ("plan", "own/finetune", "--pretrained", "none")
    assert mocoi(*words).exit_code == 0
    other = mocoi(*words, "--dataset_dir", "others")
    assert other.exit_code == 3
    assert "made for the labels Fracture, Cast or plate, but the data set has none, mild, severe" in other.stderr
    assert mocoi(*words, "--dataset_dir", "others", "--labels", "$None", "--label_kind", "$None").exit_code == 0
    kind = mocoi(*words, "--dataset_dir", "others", "--labels", '["none", "mild", "severe"]')
    assert "made for any number of findings an image, but the data set has one class an image" in kind.stderr


def test_adapt_refusals_are_one_message_and_write_nothing(mocoi):
    study(Path("films"))
    study(Path("identified"))
    change_manifest(Path("identified"), identified=True)
    before = sorted(Path().rglob("*"))
    for words, code, text in (
        (("nih_mse", "--dataset", "identified", "--name", "own"), 2, "marked as identified"),
        (("nih_mse", "--dataset", "film", "--name", "own"), 3, "there is no folder 'film'"),
        (("nih_mse", "--dataset", "films", "--name", "bch_mse"), 2, "there is a bundle bch_mse already"),
        (("nih_mse", "--dataset", "films", "--name", "a/b"), 2, "must be a plain name"),
        (("nih_msee", "--dataset", "films", "--name", "own"), 2, "is nih_mse"),
        (("films", "--dataset", "films", "--name", "own"), 2, "is no bundle that can be adapted"),
    ):
        result = mocoi("adapt", *words)
        assert result.exit_code == code, words
        assert result.stderr.startswith("error: ")
        assert text in result.stderr
    assert sorted(Path().rglob("*")) == before


def test_adapt_help_needs_no_torch():
    done = loaded_by("adapt", "--help")
    assert done.returncode == 0
    assert "Channels, image size, intensity" in " ".join(done.stdout.split())
    assert done.stdout.endswith("LOADED []\n")


def test_a_name_or_place_that_cannot_be_is_refused_without_waiting_for_torch(repository, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "file").touch()
    bundle = repository / "bundles" / "nih_mse"
    for words, text in (
        (("--name", "my study"), "must be a plain name"),
        (("--name", "own"), "exists already"),
        (("--name", "other", "--out", "file"), "which is a file"),
    ):
        done = loaded_by("adapt", bundle, "--dataset", "films", *words, cwd=tmp_path)
        assert (done.returncode, text in done.stderr) == (2, True), done.stderr
        assert done.stdout.endswith("LOADED []\n")


@pytest.fixture
def bundle(tmp_path) -> str:
    return str(make_bundle(tmp_path))


def test_package_what_was_written_and_how_to_use_it(mocoi, bundle, tmp_path):
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


def test_package_refusals_are_one_message_and_write_nothing(mocoi, bundle, tmp_path):
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


def test_package_help_needs_no_torch():
    done = loaded_by("package", "--help")
    assert done.returncode == 0
    assert "Nothing in it tells of this machine" in " ".join(done.stdout.split())
    assert done.stdout.endswith("LOADED []\n")


@pytest.fixture
def encoder(tmp_path) -> str:
    path = tmp_path / "run" / "encoder.pt"
    save_encoder(path, StageEncoder(small_resnet()), {"mean": 0.5, "std": 0.25, "channels": 1, "image_size": 32})
    return str(path)


def test_export_what_was_written_and_how_to_use_it(mocoi, encoder):
    result = mocoi("export", encoder, "--to", "monai", "--out", "mine.safetensors")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0] == "Written: mine.safetensors and mine.json (bottleneck [1, 1, 1, 1] [4, 8, 16, 32], encoder)"
    assert lines[1].startswith("Tried in MONAI")
    assert lines[2].startswith("Opens with: monai.networks.nets.ResNet('bottleneck', [1, 1, 1, 1]")
    assert lines[3] == "Images: values 0..1, then (value - 0.5) / 0.25, 32 x 32; grey, repeated to three equal channels"
    assert json.loads(Path("mine.json").read_text())["proof"] in lines[1]
    again = mocoi("export", encoder, "--to", "monai", "--out", "mine.safetensors")
    assert again.exit_code == 2
    assert again.stderr.startswith("error: 'mine.safetensors' exists already")
    assert mocoi("export", encoder, "--to", "monai", "--out", "mine.safetensors", "--overwrite").exit_code == 0


def test_export_unknown_normalisation_is_said(mocoi, tmp_path):
    torch.save(small_resnet().state_dict(), tmp_path / "plain.pt")
    result = mocoi("export", str(tmp_path / "plain.pt"), "--to", "monai", "--out", "mine.pt")
    assert "is not known, because the weights have no JSON file beside them" in result.stdout


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"--to": "keras"}, "error: there is no layout or format 'keras'"),
        ({"--to": "torchvision"}, "error: torchvision has no ResNet of [1, 1, 1, 1]"),
        ({"--out": "mine.onnx"}, "error: the file to write is named 'mine.onnx'"),
        ({"weights": "nowhere.pt"}, "error: there is no weights file 'nowhere.pt'"),
    ],
)
def test_export_refusals_are_one_message(mocoi, encoder, change, text):
    given = {"weights": encoder, "--to": "monai", "--out": "mine.pt", **change}
    result = mocoi("export", given["weights"], "--to", given["--to"], "--out", given["--out"])
    assert result.exit_code == 2
    assert result.stderr.startswith(text)
    assert result.stderr.count("\n") == 1
    assert not list(Path().iterdir())


def test_export_help_needs_no_torch():
    done = loaded_by("export", "--help")
    assert done.returncode == 0
    assert "torchvision, timm or monai; torchscript, pt2 or onnx" in " ".join(done.stdout.split())
    assert done.stdout.endswith("LOADED []\n")
