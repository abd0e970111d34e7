import argparse

import pytest

from data_prep import demo
from monai_mocoi.data import load_datalist
from monai_mocoi.data.errors import DatasetError


def _run(*words):
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    return demo.run(parser.parse_args(words))


def test_command_writes_a_dataset_folder_and_says_what_is_in_it(tmp_path, capsys):
    out = tmp_path / "chest"
    options = ("--modality", "chest", "--patients", "12", "--size", "32", "--seed", "3", "--workers", "1")
    assert _run(*options, "--out", str(out)) == 0
    datalist = load_datalist(out)
    images = sum(map(len, datalist.splits().values()))
    said = capsys.readouterr().out
    assert "no medical data" in said
    assert f"{images} images of 12 patients" in said
    assert f"training {len(datalist.training)}, validation" in said
    assert f"Mass {sum(i['label'][3] for items in datalist.splits().values() for i in items)}" in said


def test_histology_says_how_many_patches_of_each_class_there_are(tmp_path, capsys):
    out = tmp_path / "histology"
    assert _run("--modality", "histology", "--patients", "10", "--size", "32", "--workers", "1", "--out", str(out)) == 0
    labels = [item["label"] for items in load_datalist(out).splits().values() for item in items]
    said = capsys.readouterr().out
    assert f"{len(labels)} images of 10 patients" in said
    assert f"no IDC {labels.count(0)}, IDC {labels.count(1)}" in said


def test_help_names_the_defaults_of_every_modality(capsys):
    with pytest.raises(SystemExit):
        _run("--help")
    said = " ".join(capsys.readouterr().out.split())
    assert "chest: 360, 1 to 4 images each" in said
    assert "histology: 60, 10 to 22 images each" in said
    assert "128 for chest, 50 for histology" in said


def test_modality_and_out_are_required(tmp_path, capsys):
    with pytest.raises(SystemExit):
        _run("--out", str(tmp_path / "x"))
    assert "--modality" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        _run("--modality", "chest")
    with pytest.raises(SystemExit):
        _run("--modality", "knee", "--out", str(tmp_path / "x"))
    assert "knee" in capsys.readouterr().err


def test_a_bad_number_is_an_error_before_anything_is_written(tmp_path):
    with pytest.raises(DatasetError, match="patients is 3"):
        _run("--modality", "chest", "--out", str(tmp_path / "x"), "--patients", "3")
    assert not any(tmp_path.iterdir())
