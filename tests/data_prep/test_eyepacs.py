from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data_prep import eyepacs, eyepacs_photographs
from data_prep.__main__ import main
from data_prep.eyepacs_labels import TARGETS
from monai_mocoi import exit_codes
from monai_mocoi.data import load_datalist
from monai_mocoi.transforms import FundusCrop, read_image
from monai_mocoi.transforms.fundus_disc import find_disc
from tests.support.eyepacs_files import eye_names, eyepacs_folder, level, save_eye, write_labels
from tests.transforms.fundus_pictures import fundus


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def shared_source(tmp_path_factory):
    return eyepacs_folder(tmp_path_factory.mktemp("eyepacs"))


@pytest.fixture
def source(tmp_path):
    """One that the test may change."""
    return eyepacs_folder(tmp_path / "eyepacs")


def _arguments(source: Path, out: Path, *more: str) -> list[str]:
    images, labels = str(source / "train"), str(source / "trainLabels.csv")
    return ["eyepacs", "--images", images, "--labels", labels, "--out", str(out), "--size", "48", "--sheet", "0", *more]


def _content(folder: Path) -> dict[str, bytes]:
    """Everything of a dataset folder but the record, whose order is that of the threads."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "preparation.jsonl")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def _fails(capsys, arguments: list[str], code: int | None = None) -> str:
    assert main(arguments) in ((exit_codes.USAGE, exit_codes.DATA) if code is None else (code,))
    return capsys.readouterr().err


def test_a_whole_preparation(shared_source, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(_arguments(shared_source, out)) == 0
    datalist = load_datalist(out)
    assert datalist.name == "EyePACS"
    assert datalist.labels == ("not referable", "referable")
    items = [item for split in datalist.splits().values() for item in split]
    assert sorted(item["name"] for item in items) == sorted(f"images/{name}.png" for name in eye_names())
    for item in items:
        name = Path(item["name"]).stem
        assert (item["label"], item["patient"]) == (int(level(name) >= 2), name.split("_")[0])
        assert Image.open(item["image"]).size == (48, 48)

    manifest = _manifest(out)
    assert manifest["datalist_sha256"] == datalist.sha256
    assert manifest["exclusions"] == {}
    assert sum(split["referable"] for split in manifest["images_with"].values()) == sum(i["label"] for i in items)
    assert str(tmp_path) not in (out / "manifest.json").read_text() + (out / "datalist.json").read_text()

    printed = capsys.readouterr().out
    assert "28 images of 14 patients" in printed
    assert "Result: clean" in printed
    assert f" run dr_mse/train --dataset_dir {out}" in printed


def test_a23_left_and_right_eye_of_a_patient_are_in_one_split(tmp_path):
    source = eyepacs_folder(tmp_path / "eyepacs", patients=20)
    for seed in ("0", "1", "2"):
        out = tmp_path / f"out{seed}"
        options = ["--seed", seed, "--val-fraction", "0.25", "--test-fraction", "0.25"]
        assert main(_arguments(source, out, *options)) == 0
        splits = load_datalist(out).splits()
        split_of = {Path(item["name"]).stem: split for split, items in splits.items() for item in items}
        assert len(split_of) == 40
        for patient in range(10, 30):
            assert split_of[f"{patient}_left"] == split_of[f"{patient}_right"]
        assert [len(splits[split]) for split in ("training", "validation", "test")] == [20, 10, 10]


def test_a23_a_given_split_that_parts_two_eyes_is_refused(shared_source, tmp_path, capsys):
    table = tmp_path / "split.csv"
    rows = [f"{name}.jpeg,{'test' if name == '12_left' else 'train'}" for name in eye_names()]
    table.write_text("\n".join(["image,split", *rows]))
    error = _fails(capsys, _arguments(shared_source, tmp_path / "out", "--split-csv", str(table)))
    assert "1 patient(s) in two splits (12: 12_left (test), 12_right (training))" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "classes"), [("referable", [0, 0, 1, 1, 1]), ("any", [0, 1, 1, 1, 1]), ("grade", [0, 1, 2, 3, 4])]
)
def test_targets(shared_source, tmp_path, target, classes):
    assert main(_arguments(shared_source, tmp_path / "out", "--target", target)) == 0
    datalist = load_datalist(tmp_path / "out")
    assert datalist.labels == TARGETS[target][0]
    items = [item for split in datalist.splits().values() for item in split]
    assert all(item["label"] == classes[level(Path(item["name"]).stem)] for item in items)
    # The split goes by level, so it is the same for all targets.
    assert main(_arguments(shared_source, tmp_path / "any", "--target", "any")) == 0
    for split, others in load_datalist(tmp_path / "any").splits().items():
        assert [item["name"] for item in others] == [item["name"] for item in datalist.splits()[split]]


def test_the_pictures_are_those_that_inference_makes(shared_source, tmp_path):
    assert main(_arguments(shared_source, tmp_path / "out")) == 0
    for name in eye_names()[::5]:
        raw = torch.from_numpy(read_image(shared_source / f"train/{name}.jpeg", channels=3))
        prepared = np.asarray(Image.open(tmp_path / f"out/images/{name}.png")).transpose(2, 0, 1) / 255
        assert np.abs(FundusCrop(48)(raw).numpy() - prepared).max() <= 0.5001 / 255


def test_left_eyes_mirrored(shared_source, tmp_path):
    main(_arguments(shared_source, tmp_path / "plain"))
    assert main(_arguments(shared_source, tmp_path / "mirrored", "--mirror-left")) == 0
    assert _manifest(tmp_path / "mirrored")["options"]["mirror_left"] is True
    for name in eye_names()[:6]:
        plain, mirrored = (np.asarray(Image.open(tmp_path / f"{f}/images/{name}.png")) for f in ("plain", "mirrored"))
        np.testing.assert_array_equal(mirrored, plain[:, ::-1] if name.endswith("left") else plain)


def test_interrupted_and_continued_is_the_same_as_at_once(shared_source, tmp_path, monkeypatch, capsys):
    assert main(_arguments(shared_source, tmp_path / "whole", "--sheet", "4")) == 0
    write, written = eyepacs.save_png, []

    def interrupted_after_9(picture, target):
        if len(written) == 9:
            raise KeyboardInterrupt
        written.append(target.name)
        return write(picture, target)

    arguments = _arguments(shared_source, tmp_path / "parts", "--sheet", "4", "--workers", "1")
    monkeypatch.setattr(eyepacs, "save_png", interrupted_after_9)
    assert main(arguments) == 130
    assert not (tmp_path / "parts/datalist.json").exists()
    capsys.readouterr()
    monkeypatch.setattr(eyepacs, "save_png", write)
    assert main(arguments) == 0
    assert "images are finished already" in capsys.readouterr().out
    assert _content(tmp_path / "parts") == _content(tmp_path / "whole")
    assert "target: referable there, any now" in _fails(capsys, [*arguments, "--target", "any"])
    assert "mirror_left: False there, True now" in _fails(capsys, [*arguments, "--mirror-left"])


def test_unusable_photographs_are_listed_with_the_reason(source, tmp_path, capsys):
    dark = np.zeros((3, 80, 120))
    dark[:, :8, :8] = 0.02  # not constant
    save_eye(source / "train/10_left.jpeg", dark)
    save_eye(source / "train/11_left.jpeg", fundus(80, 120, 40, 60, 38, light=0.09))
    save_eye(source / "train/12_left.jpeg", np.clip(fundus(80, 120, 40, 60, 38) * 12, 0, 1))
    save_eye(source / "train/13_left.jpeg", fundus(20, 30, 10, 15, 9))
    (source / "train/14_left.jpeg").write_bytes(b"\xff\xd8\xff half a picture")
    (source / "train/15_left.jpeg").unlink()

    error = _fails(capsys, _arguments(source, tmp_path / "a"))
    assert "1 of 28 images cannot be used, 3.6%; the limit is 1.0%" in error
    assert "no such file in --images: 1 (such as 15_left)" in error
    error = _fails(capsys, _arguments(source, tmp_path / "b", "--max-missing", "0.1"))
    assert "of 28 images cannot be used" in error
    assert "photograph rejected: " in error
    assert "--max-rejected" in error

    assert main(_arguments(source, tmp_path / "out", "--max-missing", "0.1", "--max-rejected", "0.2")) == 0
    exclusions = _manifest(tmp_path / "out")["exclusions"]
    reasons = {name: reason for reason, names in exclusions.items() for name in names}
    expected = {
        "10_left": "photograph rejected: nothing in the picture is lit",
        "11_left": "photograph rejected: too dark",
        "12_left": "photograph rejected: too bright",
        "13_left": "photograph rejected: the picture is too small",
        "14_left": "unreadable: ",
        "15_left": "no such file in --images",
    }
    assert reasons.keys() == expected.keys()
    assert all(reasons[name].startswith(text) for name, text in expected.items())
    items = [item for split in load_datalist(tmp_path / "out").splits().values() for item in split]
    assert len(items) == 22
    assert "left out, photograph rejected: too dark" in capsys.readouterr().out

    options = ["--max-missing", "0.1", "--max-rejected", "0.2", "--keep-badly-exposed"]
    assert main(_arguments(source, tmp_path / "kept", *options)) == 0
    kept = {name for names in _manifest(tmp_path / "kept")["exclusions"].values() for name in names}
    assert kept == {"10_left", "13_left", "14_left", "15_left"}
    assert "--resize_mode fundus_any" in capsys.readouterr().out


def test_what_the_bundles_would_refuse_is_left_out(source, tmp_path):
    picture = fundus(80, 120, 40, 60, 38, light=0.161)  # just bright enough as a whole, too dark once cropped
    (source / "train/10_left.jpeg").unlink()
    save_eye(source / "train/10_left.png", picture)
    find_disc(read_image(source / "train/10_left.png", channels=3))
    assert main(_arguments(source, tmp_path / "out")) == 0
    manifest = _manifest(tmp_path / "out")
    (reason,) = manifest["exclusions"]
    assert reason.startswith("photograph rejected: too dark")
    assert manifest["exclusions"][reason] == ["10_left"]
    for split in load_datalist(tmp_path / "out").splits().values():
        for item in split:
            written = read_image(item["image"], channels=3)
            find_disc(written)
            levels = np.asarray(Image.open(item["image"]))
            assert np.array_equal(written, eyepacs_photographs.as_read(levels))


def test_a_crop_without_a_round_edge_is_named(source, tmp_path, capsys):
    save_eye(source / "train/10_left.jpeg", fundus(240, 320, 120, 160, 191))
    assert main(_arguments(source, tmp_path / "out")) == 0
    assert _manifest(tmp_path / "out")["cut_again_by_the_bundles"] == ["10_left"]
    assert "1 cropped pictures show too little of a round edge" in capsys.readouterr().out
    assert main(_arguments(source, tmp_path / "out")) == 0  # from the record
    assert "1 cropped pictures show too little of a round edge" in capsys.readouterr().out


def test_the_same_photograph_twice_is_told(source, tmp_path):
    names = eye_names()
    twin = next(name for name in names[2:] if level(name) != level(names[0]))
    shutil.copy(source / f"train/{names[0]}.jpeg", source / f"train/{twin}.jpeg")
    splits = "".join(f"{name},{'test' if name.startswith('23') else 'train'}\n" for name in names)
    (tmp_path / "split.csv").write_text("image,split\n" + splits)
    split = ["--split-csv", str(tmp_path / "split.csv"), "--val-fraction", "0"]
    assert main(_arguments(source, tmp_path / "out", *split)) == 0
    manifest = _manifest(tmp_path / "out")
    assert manifest["identical_pictures"] == [sorted([names[0], twin])]
    assert manifest["identical_pictures_with_different_labels"] == [sorted([names[0], twin])]


def test_the_contact_sheet(source, tmp_path):
    save_eye(source / "train/11_left.jpeg", fundus(80, 120, 40, 60, 38, light=0.09))
    assert main(_arguments(source, tmp_path / "out", "--sheet", "12")) == 0
    sheet = np.asarray(Image.open(tmp_path / "out/contact_sheet.png").convert("RGB"))
    # 12 pairs, five a row; the rejected one is first and has nothing beside it.
    assert sheet.shape == (3 * 164 + 6, 5 * 306, 3)
    assert np.unique(sheet[20:164, 156:300].reshape(-1, 3), axis=0).tolist() == [[70, 70, 70]]
    assert (sheet[20:164, 156 + 306 : 300 + 306] != 70).any()
    assert main(_arguments(source, tmp_path / "none")) == 0
    assert not (tmp_path / "none/contact_sheet.png").exists()


def test_split_csv_with_and_without_validation(shared_source, tmp_path, capsys):
    table = tmp_path / "split.csv"
    words = {0: "test", 1: "val", 2: "train", 3: "train"}
    rows = [f"{name},{words[int(name[:2]) % 4]}" for name in eye_names()]
    table.write_text("\n".join(["image,split", *rows]))
    assert main(_arguments(shared_source, tmp_path / "a", "--split-csv", str(table))) == 0
    datalist = load_datalist(tmp_path / "a")
    assert {int(item["patient"]) % 4 for item in datalist.validation} == {1}
    assert {int(item["patient"]) % 4 for item in datalist.training} == {2, 3}
    for option, split in {"--val-fraction": "validation", "--test-fraction": "test"}.items():
        arguments = _arguments(shared_source, tmp_path / "b", "--split-csv", str(table), option, "0.1")
        assert f"a {split} fraction does not apply" in _fails(capsys, arguments)

    table.write_text("\n".join(["image,split", *(row.replace("val", "train") for row in rows)]))
    assert main(_arguments(shared_source, tmp_path / "c", "--split-csv", str(table))) == 0
    datalist = load_datalist(tmp_path / "c")
    assert {int(item["patient"]) % 4 for item in datalist.test} == {0}
    assert datalist.validation
    table.write_text("image,split\n999_left,train\n")
    error = _fails(capsys, _arguments(shared_source, tmp_path / "d", "--split-csv", str(table)))
    assert "none of the images is in the given split" in error


def test_the_same_picture_in_two_splits_stays_in_the_test_split(source, tmp_path, capsys):
    (source / "train/20_left.jpeg").write_bytes((source / "train/10_left.jpeg").read_bytes())
    table = tmp_path / "split.csv"
    words = {"10": "test", "11": "val"}
    table.write_text("\n".join(["image,split", *(f"{n},{words.get(n[:2], 'train')}" for n in eye_names())]))
    assert main(_arguments(source, tmp_path / "out", "--split-csv", str(table))) == 0
    assert "1 images show exactly the same picture" in capsys.readouterr().out
    assert _manifest(tmp_path / "out")["exclusions"] == {"same picture as an image of another split": ["20_left"]}
    assert "images/10_left.png" in {item["name"] for item in load_datalist(tmp_path / "out").test}


def test_several_tables_and_other_suffixes(source, tmp_path, capsys):
    names = eye_names()
    (source / "train/10_left.jpeg").rename(source / "train/10_left.jpg")
    (source / "train/11_left.jpeg").rename(source / "train/11_left.JPEG")
    write_labels(source / "trainLabels.csv", names[:14])
    more = write_labels(tmp_path / "more/testLabels.csv", names[14:])
    arguments = _arguments(source, tmp_path / "out")
    arguments.insert(arguments.index("--labels") + 2, str(more))
    assert main(arguments) == 0
    assert sum(map(len, load_datalist(tmp_path / "out").splits().values())) == 28
    (source / "train/10_left.png").write_bytes(b"")
    arguments[arguments.index("--out") + 1] = str(tmp_path / "b")
    assert "10_left is there as" in _fails(capsys, arguments)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--size", "31"], "--size is 31; it must be 32 or more"),
        (["--seed", "-1"], "--seed is -1"),
        (["--sheet", "-1"], "--sheet is -1"),
        (["--workers", "0"], "--workers is 0"),
        (["--val-fraction", "1.5"], "--val-fraction is 1.5; it must be"),
        (["--max-missing", "-0.1"], "--max-missing is -0.1"),
        (["--max-rejected", "2"], "--max-rejected is 2.0; it must be from 0 to 1"),
        (["--val-fraction", "0.5", "--test-fraction", "0.5"], "too little to train on"),
        (["--split-csv", "nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["--labels", "nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["--images", "nowhere"], "there is no folder 'nowhere'"),
    ],
)
def test_wrong_arguments(shared_source, tmp_path, capsys, more, text):
    code = exit_codes.DATA if text.startswith("there is no f") else exit_codes.USAGE  # a place of the data
    assert text in _fails(capsys, _arguments(shared_source, tmp_path / "out", *more), code)
    assert not (tmp_path / "out").exists()


def test_where_out_may_not_be(shared_source, capsys):
    for out in (shared_source, shared_source / "train", shared_source / "train/new"):
        assert "lie inside one another" in _fails(capsys, _arguments(shared_source, out), exit_codes.USAGE)
