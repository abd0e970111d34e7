from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import nih
from data_prep.__main__ import main
from monai_mocoi import exit_codes
from monai_mocoi.data import load_datalist
from tests.data.dataset_folders import picture, save
from tests.support.nih_files import grey, image_names, nih_folder, write_lists, write_metadata


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path):
    return nih_folder(tmp_path / "nih")


def _arguments(source: Path, out: Path, *more: str) -> list[str]:
    folders = [str(source / "images_001"), str(source / "images_002")]
    metadata = str(source / "Data_Entry_2017_v2020.csv")
    return ["nih", "--images", *folders, "--metadata", metadata, "--out", str(out), "--size", "24", *more]


def _content(folder: Path) -> dict[str, bytes]:
    """Everything of a dataset folder but the record, whose order is that of the threads."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "preparation.jsonl")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def _fails(capsys, arguments: list[str], code: int | None = None) -> str:
    assert main(arguments) in ((exit_codes.USAGE, exit_codes.DATA) if code is None else (code,))
    return capsys.readouterr().err


def test_a_whole_preparation(source, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(_arguments(source, out)) == 0
    datalist = load_datalist(out)
    assert datalist.name == "NIH ChestX-ray14"
    assert (len(datalist.labels), datalist.labels[13]) == (14, "Hernia")
    items = [item for split in datalist.splits().values() for item in split]
    assert sorted(item["name"] for item in items) == [f"images/{name}" for name in image_names()]
    patients = [{item["patient"] for item in split} for split in datalist.splits().values()]
    assert all(patients)
    assert sum(map(len, patients)) == len(set.union(*patients)) == 20
    assert "00000007" in set.union(*patients)
    by_name = {item["name"]: item for item in items}
    assert [i for i, value in enumerate(by_name["images/00000001_000.png"]["label"]) if value] == [2]
    assert sum(by_name["images/00000005_000.png"]["label"]) == 0

    manifest = _manifest(out)
    assert manifest["datalist_sha256"] == datalist.sha256
    assert manifest["exclusions"] == {}
    assert manifest["options"]["split"] == "own"
    counts = np.array([item["label"] for item in datalist.training]).sum(0).tolist()
    assert list(manifest["images_with"]["training"].values()) == counts
    assert str(tmp_path) not in (out / "manifest.json").read_text() + (out / "datalist.json").read_text()

    printed = capsys.readouterr().out
    assert "Result: clean" in printed
    assert f" run nih_mse/train --dataset_dir {out}" in printed


def test_all_strays_become_the_same_grey(source, tmp_path):
    main(_arguments(source, tmp_path / "out"))
    names = image_names()
    for number, shape in ((2, (24, 24)), (3, (24, 24)), (4, (24, 24)), (5, (24, 24)), (6, (29, 24))):
        pixels = picture(1000 + number, 48)[:, : 40 if number == 6 else 48]
        result = grey(tmp_path / "out/images" / names[number])
        assert result.shape == shape
        expected = Image.fromarray(pixels).resize(shape[::-1], Image.Resampling.BILINEAR)
        assert np.abs(result.astype(int) - np.asarray(expected)).max() <= 1


def test_larger_sizes_do_not_enlarge(source, tmp_path, capsys):
    assert main(_arguments(source, tmp_path / "out", "--size", "45")) == 0
    assert "3 images are smaller than 45 px and keep their size" in capsys.readouterr().out
    assert grey(tmp_path / "out/images" / image_names()[6]).shape == (48, 40)
    assert _manifest(tmp_path / "out")["smaller_than_size"] == 3


def test_interrupted_and_continued_is_the_same_as_at_once(source, tmp_path, monkeypatch, capsys):
    assert main(_arguments(source, tmp_path / "whole")) == 0
    written: list[str] = []
    write = nih.write_png

    def interrupted_after_9(picture, target, size, bits):
        if len(written) == 9:
            raise KeyboardInterrupt
        written.append(target.name)
        return write(picture, target, size, bits)

    arguments = _arguments(source, tmp_path / "parts", "--workers", "1")
    monkeypatch.setattr(nih, "write_png", interrupted_after_9)
    assert main(arguments) == 130
    assert "The same command again goes on" in capsys.readouterr().err
    assert not (tmp_path / "parts/datalist.json").exists()
    finished = (tmp_path / "parts/preparation.jsonl").read_bytes().count(b"\n") - 1
    assert 0 < finished <= 9

    again: list[str] = []
    monkeypatch.setattr(
        nih,
        "write_png",
        lambda p, target, *rest, **more: (again.append(target.name), write(p, target, *rest, **more))[1],
    )
    assert main(arguments) == 0
    assert f"{finished} images are finished already, {30 - finished} are left" in capsys.readouterr().out
    assert len(again) == 30 - finished
    assert _content(tmp_path / "parts") == _content(tmp_path / "whole")

    again.clear()
    assert main(arguments) == 0  # a finished folder: nothing to do, nothing changed
    assert again == []
    assert _content(tmp_path / "parts") == _content(tmp_path / "whole")

    (tmp_path / "parts/images" / image_names()[4]).write_bytes(b"half")
    assert main(arguments) == 0
    assert again == [image_names()[4]]
    assert _content(tmp_path / "parts") == _content(tmp_path / "whole")


def test_other_options_in_the_same_folder(source, tmp_path, capsys):
    out = tmp_path / "out"
    main(_arguments(source, out))
    before = _content(out)
    for more, text in ((["--size", "32"], "size: 24 there, 32 now"), (["--seed", "1"], "seed: 0 there, 1 now")):
        assert text in _fails(capsys, _arguments(source, out, *more))
    assert _content(out) == before


def test_seed_decides_the_own_split(source, tmp_path):
    def training(out, seed):
        main(_arguments(source, tmp_path / out, "--seed", seed))
        return [item["name"] for item in load_datalist(tmp_path / out).training]

    assert training("a", "1") == training("b", "1")
    assert training("a", "1") != training("c", "2")


def test_lists_beside_the_metadata_are_used_and_said(source, tmp_path, capsys):
    write_lists(source, test_patients=range(1, 6))
    out = tmp_path / "out"
    assert main(_arguments(source, out, "--val-fraction", "0.25")) == 0
    assert "train_val_list.txt, test_list.txt (found beside the metadata" in capsys.readouterr().out
    datalist = load_datalist(out)
    assert {item["patient"] for item in datalist.test} == {f"{patient:08d}" for patient in range(1, 6)}
    assert 4 <= len(datalist.validation) <= 7
    given = [str(source / "train_val_list.txt"), "--test-list", str(source / "test_list.txt")]
    assert main(_arguments(source, tmp_path / "given", "--val-fraction", "0.25", "--train-val-list", *given)) == 0
    assert _content(out) == _content(tmp_path / "given")
    assert main(_arguments(source, tmp_path / "own", "--own-split")) == 0
    assert _manifest(tmp_path / "own")["options"]["split"] == "own"


def test_split_csv_with_and_without_validation(source, tmp_path, capsys):
    table = tmp_path / "split.csv"
    words = {0: "test", 1: "val", 2: "train", 3: "train", 4: "train"}
    rows = [f"{name},{words[int(name[:8]) % 5]}" for name in image_names()]
    table.write_text("\n".join(["image,split", *rows]))
    assert main(_arguments(source, tmp_path / "a", "--split-csv", str(table))) == 0
    datalist = load_datalist(tmp_path / "a")
    assert {int(item["patient"]) % 5 for item in datalist.validation} == {1}
    assert {int(item["patient"]) % 5 for item in datalist.training} == {2, 3, 4}
    error = _fails(capsys, _arguments(source, tmp_path / "b", "--split-csv", str(table), "--val-fraction", "0.1"))
    assert "validation fraction does not apply" in error

    table.write_text("\n".join(["image,split", *(row.replace("val", "train") for row in rows)]))
    assert main(_arguments(source, tmp_path / "c", "--split-csv", str(table))) == 0
    datalist = load_datalist(tmp_path / "c")
    assert {int(item["patient"]) % 5 for item in datalist.test} == {0}
    assert datalist.validation


def test_a_split_that_tears_a_patient_apart(source, tmp_path, capsys):
    write_lists(source, test_patients=range(1, 6))
    train_val, test = source / "train_val_list.txt", source / "test_list.txt"
    test.write_text(test.read_text().replace("00000001_001.png", "").strip())
    train_val.write_text(train_val.read_text() + "00000001_001.png\n")
    error = _fails(capsys, _arguments(source, tmp_path / "out"))
    assert "1 patient(s) in two splits (00000001: 00000001_000.png (test), 00000001_001.png (training))" in error
    assert "--own-split" in error
    test.write_text(test.read_text() + "\n00000001_001.png\n")
    error = _fails(capsys, _arguments(source, tmp_path / "out"))
    assert "1 line(s) of test_list.txt are in another list too (00000001_001.png)" in error
    assert not (tmp_path / "out").exists()


def test_missing_and_unreadable_images(source, tmp_path, capsys):
    names = image_names()
    lost, broken = names[0], names[3]
    (next(source.rglob(lost))).unlink()
    path = next(source.rglob(broken))
    path.write_bytes(path.read_bytes()[:200])
    error = _fails(capsys, _arguments(source, tmp_path / "out", "--max-missing", "0.02"))
    assert "1 of 30 images cannot be used, 3.3%; the limit is 2.0%" in error
    assert f"no such file in --images: 1 (such as {lost})" in error
    assert not (tmp_path / "out").exists()

    error = _fails(capsys, _arguments(source, tmp_path / "out", "--max-missing", "0.04"))
    assert "2 of 30 images cannot be used" in error
    assert "unreadable: " in error
    assert "--max-missing" in error

    assert main(_arguments(source, tmp_path / "out", "--max-missing", "0.07")) == 0
    exclusions = _manifest(tmp_path / "out")["exclusions"]
    assert exclusions.pop("no such file in --images") == [lost]
    ((reason, excluded),) = exclusions.items()
    assert reason.startswith("unreadable: the picture file is damaged")
    assert excluded == [broken]
    assert len([item for split in load_datalist(tmp_path / "out").splits().values() for item in split]) == 28
    assert "left out, unreadable" in capsys.readouterr().out


def test_a_picture_of_few_grey_levels_is_reported_and_kept_in_16_bits(source, tmp_path, capsys):
    faint, constant = image_names()[:2]
    values = np.random.default_rng(0).integers(0, 4095, (24, 24)).astype(np.uint16)
    save(next(source.rglob(faint)), values)
    save(next(source.rglob(constant)), np.full((24, 24), 90, np.uint8))
    for _ in range(2):  # the second time from the record
        assert main(_arguments(source, tmp_path / "out", "--max-missing", "0.1")) == 0
        printed = capsys.readouterr().out
        assert "1 of 29 pictures use a small part of the range" in printed
        assert "--intensity percentiles" in printed
        manifest = _manifest(tmp_path / "out")
        assert manifest["few_grey_levels"] == [faint]
        assert manifest["window_ignored"] == []
        ((reason, names),) = manifest["exclusions"].items()
        assert "same value, so it shows nothing" in reason
        assert names == [constant]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/images" / faint)), values)


def test_images_in_no_list_count_as_left_out(source, tmp_path, capsys):
    write_lists(source, test_patients=range(1, 6))
    train_val = source / "train_val_list.txt"
    train_val.write_text(train_val.read_text().replace("00000010_000.png\n", ""))
    assert "not in the given split: 1" in _fails(capsys, _arguments(source, tmp_path / "out"))
    assert main(_arguments(source, tmp_path / "out", "--max-missing", "0.1")) == 0
    assert _manifest(tmp_path / "out")["exclusions"] == {"not in the given split": ["00000010_000.png"]}


def test_the_same_picture_in_two_splits_stays_in_the_test_split(source, tmp_path, capsys):
    write_lists(source, test_patients=range(1, 6))
    copied = next(source.rglob("00000002_000.png")).read_bytes()
    next(source.rglob("00000008_000.png")).write_bytes(copied)
    assert main(_arguments(source, tmp_path / "out")) == 0
    assert "1 images show exactly the same picture as one of another split" in capsys.readouterr().out
    assert _manifest(tmp_path / "out")["exclusions"] == {
        "same picture as an image of another split": ["00000008_000.png"]
    }
    assert "images/00000002_000.png" in {item["name"] for item in load_datalist(tmp_path / "out").test}


def test_the_same_file_in_two_folders(source, tmp_path, capsys):
    name = image_names()[0]
    other = source / "images_002/images" / name
    other.write_bytes((source / "images_001/images" / name).read_bytes())
    assert main(_arguments(source, tmp_path / "out")) == 0
    save(other, picture(5))
    assert f"two different files are called {name}" in _fails(capsys, _arguments(source, tmp_path / "b"))


def test_images_that_the_metadata_does_not_name_are_left_alone(source, tmp_path, capsys):
    write_metadata(source / "Data_Entry_2017_v2020.csv", image_names()[:20])
    assert main(_arguments(source, tmp_path / "out")) == 0
    assert "10 other files in --images are not in the metadata" in capsys.readouterr().out
    assert len(list((tmp_path / "out/images").iterdir())) == 20


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--size", "15"], "--size is 15; it must be 16 or more"),
        (["--seed", "-1"], "--seed is -1"),
        (["--workers", "0"], "--workers is 0"),
        (["--val-fraction", "1.5"], "--val-fraction is 1.5; it must be"),
        (["--max-missing", "-0.1"], "--max-missing is -0.1"),
        (["--val-fraction", "0.5", "--test-fraction", "0.5"], "too little to train on"),
        (["--test-list", "x"], "belong together"),
        (["--split-csv", "x", "--own-split"], "exclude one another"),
        (["--split-csv", "nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["--metadata", "nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["--images", "nowhere"], "there is no folder 'nowhere'"),
    ],
)
def test_wrong_arguments(source, tmp_path, capsys, more, text):
    code = exit_codes.DATA if text.startswith("there is no f") else exit_codes.USAGE  # a place of the data
    assert text in _fails(capsys, _arguments(source, tmp_path / "out", *more), code)
    assert not (tmp_path / "out").exists()


def test_where_out_may_not_be(source, tmp_path, capsys):
    for out in (source, source / "images_001", source / "images_001/new"):
        assert "lie inside one another" in _fails(capsys, _arguments(source, out), exit_codes.USAGE)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.doc").touch()
    error = _fails(capsys, _arguments(source, tmp_path / "full"), exit_codes.USAGE)
    assert "holds something else (thesis.doc)" in error
    assert "is a file" in _fails(capsys, _arguments(source, tmp_path / "full/thesis.doc"), exit_codes.USAGE)


def test_lists_of_other_images(source, tmp_path, capsys):
    (source / "train_val_list.txt").write_text("x.png")
    (source / "test_list.txt").write_text("y.png")
    assert "none of the images is in the given split" in _fails(capsys, _arguments(source, tmp_path / "out"))


def test_lists_and_a_test_fraction(source, tmp_path, capsys):
    write_lists(source, test_patients=range(1, 6))
    error = _fails(capsys, _arguments(source, tmp_path / "out", "--test-fraction", "0.3"))
    assert "test fraction does not apply" in error
