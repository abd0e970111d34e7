from typing import get_args, get_type_hints

from data_prep.__main__ import main
from data_prep.demo import Demo
from monai_mocoi import exit_codes
from monai_mocoi.data import load_datalist
from monai_mocoi.demo.demo_sets import DEMO_SETS


def _run(*words, command="demo"):
    return main([command, *words])


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


def test_eyepacs_takes_the_fundus_demo_as_it_takes_the_real_photographs(tmp_path, capsys):
    raw, out = tmp_path / "raw", tmp_path / "out"
    assert _run("--modality", "fundus", "--patients", "10", "--size", "80", "--workers", "1", "--out", str(raw)) == 0
    labels = {item["name"]: item["label"] for items in load_datalist(raw).splits().values() for item in items}
    referable = sum(labels.values())
    assert f"not referable {20 - referable}, referable {referable}" in capsys.readouterr().out
    paths = ("--images", str(raw / "images"), "--labels", str(raw / "trainLabels.csv"), "--out", str(out))
    assert _run(*paths, "--size", "32", "--sheet", "0", "--workers", "1", command="eyepacs") == 0
    prepared = {item["name"]: item["label"] for items in load_datalist(out).splits().values() for item in items}
    assert {name.replace(".png", ".jpeg"): label for name, label in prepared.items()} == labels


def test_help_names_the_defaults_of_every_modality(capsys):
    assert _run("--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "chest: 360, 1 to 4 images each" in said
    assert "histology: 60, 10 to 22 images each" in said
    assert "fundus: 420, 2 images each" in said
    assert "128 for chest, 50 for histology, 160 for fundus" in said


def test_every_modality_can_be_drawn():
    modality = get_type_hints(Demo)["modality"]
    assert get_args(modality) == tuple(DEMO_SETS)


def test_modality_and_out_are_required(tmp_path, capsys):
    assert _run("--out", str(tmp_path / "x")) == exit_codes.USAGE
    assert "--modality" in capsys.readouterr().err
    assert _run("--modality", "chest") == exit_codes.USAGE
    assert _run("--modality", "knee", "--out", str(tmp_path / "x")) == exit_codes.USAGE
    assert "knee" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_bad_number_is_an_error_before_anything_is_written(tmp_path, capsys):
    assert _run("--modality", "chest", "--out", str(tmp_path / "x"), "--patients", "3") == exit_codes.USAGE
    assert "patients is 3" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
