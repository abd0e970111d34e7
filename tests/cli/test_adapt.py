from __future__ import annotations

import shlex
from pathlib import Path

import pytest

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


def test_refusals_are_one_message_and_write_nothing(mocoi):
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


def test_help_needs_no_torch():
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
