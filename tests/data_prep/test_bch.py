from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from data_prep import bch
from data_prep.__main__ import main
from monai_mocoi import exit_codes
from monai_mocoi.data import load_datalist
from tests.data.dataset_folders import save
from tests.support.idc_patches import idc_folder, idc_names, patch_name, stained, white


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def source(tmp_path):
    return idc_folder(tmp_path / "idc")


def _arguments(source: Path, out: Path, *more: str) -> list[str]:
    return ["bch", "--images", str(source), "--out", str(out), *more]


def _content(folder: Path) -> dict[str, bytes]:
    """Everything of a dataset folder but the record, whose order is that of the threads."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "preparation.jsonl")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def _fails(capsys, arguments: list[str], code: int | None = None) -> str:
    assert main(arguments) in ((exit_codes.USAGE, exit_codes.DATA) if code is None else (code,))
    return capsys.readouterr().err


def _items(folder: Path) -> dict[str, dict]:
    """Items by file name, each with its split."""
    splits = load_datalist(folder).splits()
    return {Path(item["name"]).name: {**item, "split": split} for split, items in splits.items() for item in items}


def test_a_whole_preparation(source, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(_arguments(source, out)) == 0
    datalist = load_datalist(out)
    assert (datalist.name, datalist.labels) == ("Breast histopathology (IDC)", ("no IDC", "IDC"))
    items = _items(out)
    assert sorted(items) == idc_names()
    for name, item in items.items():
        assert item["patient"] == name.split("_")[0]
        assert item["label"] == int(name[-5])
        assert item["name"] == f"images/{item['patient']}/{name}"
        # The patches are copied as they are, byte for byte.
        assert Path(item["image"]).read_bytes() == next(source.rglob(name)).read_bytes()
    patients = [{item["patient"] for item in split} for split in datalist.splits().values()]
    assert all(patients)
    assert sum(map(len, patients)) == len(set.union(*patients)) == 12

    manifest = _manifest(out)
    assert manifest["datalist_sha256"] == datalist.sha256
    assert manifest["exclusions"] == {}
    assert (manifest["blank"], manifest["identical_pictures"]) == ([], [])
    counts = Counter(item["label"] for item in datalist.training)
    assert manifest["images_with"]["training"] == {"no IDC": counts[0], "IDC": counts[1]}
    assert str(tmp_path) not in (out / "manifest.json").read_text() + (out / "datalist.json").read_text()
    printed = capsys.readouterr().out
    assert "30 patches of 12 patients" in printed
    assert "Result: clean" in printed
    assert f" run bch_mse/train --dataset_dir {out}" in printed


def test_nested_and_flat_give_the_same(source, tmp_path):
    flat = idc_folder(tmp_path / "flat", nested=False)
    assert main(_arguments(source, tmp_path / "a")) == 0
    assert main(_arguments(flat, tmp_path / "b", "--workers", "1")) == 0
    assert _content(tmp_path / "a") == _content(tmp_path / "b")


_OPENED: list[str] | None = None


def _note_opened(event: str, values: tuple) -> None:
    # A hook cannot be taken away again; it is silent outside the one test.
    if event == "open" and _OPENED is not None and isinstance(values[0], str | Path):
        _OPENED.append(str(values[0]))


def test_no_file_is_opened_twice(source, tmp_path):
    global _OPENED
    sys.addaudithook(_note_opened)
    _OPENED = []
    try:
        assert main(_arguments(source, tmp_path / "out")) == 0
        first, _OPENED = Counter(_OPENED), []
        assert main(_arguments(source, tmp_path / "out")) == 0
        second = Counter(_OPENED)
    finally:
        _OPENED = None
    images = {path: n for path, n in first.items() if path.endswith(".png") and ".tmp" not in path}
    assert images == {str(path): 1 for path in source.rglob("*.png")}  # those written are known, none is read again
    assert not [path for path in second if path.endswith(".png")]


def test_interrupted_and_continued_is_the_same_as_at_once(source, tmp_path, monkeypatch, capsys):
    save(source / patch_name(8863, 7, 0), white())
    assert main(_arguments(source, tmp_path / "whole")) == 0
    seen: list[int] = []
    read = bch.read_raster

    def interrupted_after_9(file):
        if len(seen) == 9:
            raise KeyboardInterrupt
        seen.append(1)
        return read(file)

    arguments = _arguments(source, tmp_path / "parts", "--workers", "1")
    monkeypatch.setattr(bch, "read_raster", interrupted_after_9)
    assert main(arguments) == 130
    assert "The same command again goes on" in capsys.readouterr().err
    assert not (tmp_path / "parts/datalist.json").exists()
    finished = (tmp_path / "parts/preparation.jsonl").read_bytes().count(b"\n") - 1
    assert 0 < finished <= 9

    monkeypatch.setattr(bch, "read_raster", read)
    assert main(arguments) == 0
    assert f"{finished} images are finished already, {31 - finished} are left" in capsys.readouterr().out
    assert _content(tmp_path / "parts") == _content(tmp_path / "whole")
    # All are finished: what was blank is remembered.
    assert main(arguments) == 0
    assert _content(tmp_path / "parts") == _content(tmp_path / "whole")
    assert _manifest(tmp_path / "parts")["blank"] == [patch_name(8863, 7, 0)]


def test_blank_patches_are_reported_or_dropped(source, tmp_path, capsys):
    names = [patch_name(8870, number, 0) for number in (7, 8)]
    for level, name in zip((255, 240), names, strict=True):
        save(source / "8870/0" / name, white(level=level))
    assert main(_arguments(source, tmp_path / "kept")) == 0
    assert "blank (white) patches: 2 (kept; --drop-blank leaves them out" in capsys.readouterr().out
    assert _manifest(tmp_path / "kept")["blank"] == names
    assert set(names) <= set(_items(tmp_path / "kept"))

    assert main(_arguments(source, tmp_path / "dropped", "--drop-blank")) == 0
    assert _manifest(tmp_path / "dropped")["exclusions"] == {"blank (white)": names}
    assert sorted(_items(tmp_path / "dropped")) == idc_names()
    assert "drop_blank: False there, True now" in _fails(capsys, _arguments(source, tmp_path / "kept", "--drop-blank"))


@pytest.mark.parametrize(
    ("level", "white_pixels", "blank"),
    [(220, 90, True), (219, 100, False), (255, 89, False), (255, 100, True)],
)
def test_what_is_blank(level, white_pixels, blank):
    image = np.zeros((3, 10, 10), np.float32)
    image.reshape(3, 100)[:, :white_pixels] = np.float32(level) / np.float32(255)
    assert bch.is_blank(image) is blank
    assert bch.is_blank(image[:1]) is blank


def test_bright_but_coloured_is_not_blank():
    pink = np.ones((3, 10, 10), np.float32)
    pink[1] = 0.8
    assert not bch.is_blank(pink)


def test_the_same_picture_in_two_splits_stays_in_the_test_split(source, tmp_path, capsys):
    arguments = _arguments(source, tmp_path / "a")
    assert main(arguments) == 0
    by_split = {}
    for name, item in sorted(_items(tmp_path / "a").items()):
        if item["label"] == 0:
            by_split.setdefault(item["split"], name)
    kept, copy = by_split["test"], by_split["training"]
    next(source.rglob(copy)).write_bytes(next(source.rglob(kept)).read_bytes())
    capsys.readouterr()
    assert main(_arguments(source, tmp_path / "b")) == 0
    assert "1 images show exactly the same picture as one of another split" in capsys.readouterr().out
    manifest = _manifest(tmp_path / "b")
    assert manifest["exclusions"] == {"same picture as an image of another split": [copy]}
    assert manifest["identical_pictures"] == [sorted([kept, copy])]
    assert manifest["identical_pictures_with_different_labels"] == []
    items = _items(tmp_path / "b")
    assert items[kept]["split"] == "test"
    assert copy not in items


def test_one_picture_with_two_labels_is_reported(source, tmp_path, capsys):
    pair = [patch_name(8863, 8, 0), patch_name(8863, 9, 1)]
    for name in pair:
        save(source / name, stained(500))
    assert main(_arguments(source, tmp_path / "out")) == 0
    assert "occur more than once: 1, in 2 files; 1 of them with different labels" in capsys.readouterr().out
    assert _manifest(tmp_path / "out")["identical_pictures_with_different_labels"] == [pair]
    assert set(pair) <= set(_items(tmp_path / "out"))  # in one split: reported, not judged


def test_the_set_twice_as_in_kaggles_archive(source, tmp_path, capsys):
    assert main(_arguments(source, tmp_path / "a")) == 0
    idc_folder(source / "IDC_regular_ps50_idx5")
    capsys.readouterr()
    assert main(_arguments(source, tmp_path / "b")) == 0
    assert "30 further files have the name of one of these" in capsys.readouterr().out
    assert _content(tmp_path / "a") == _content(tmp_path / "b")
    name = idc_names()[0]
    save(next((source / "IDC_regular_ps50_idx5").rglob(name)), stained(999))
    assert f"two different files are called {name}" in _fails(capsys, _arguments(source, tmp_path / "c"))


def test_seed_decides_the_own_split(source, tmp_path):
    def tested(out, seed):
        main(_arguments(source, tmp_path / out, "--seed", seed))
        return [item["name"] for item in load_datalist(tmp_path / out).test]

    assert tested("a", "1") == tested("b", "1")
    assert tested("a", "1") != tested("c", "2")


def _write(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_lists_of_patients(source, tmp_path, capsys):
    train = _write(tmp_path / "train.txt", [str(patient) for patient in range(8863, 8871)])
    val = _write(tmp_path / "val.txt", ["8871", "8872"])
    test = _write(tmp_path / "test.txt", ["8873", "8874"])
    lists = ["--train-list", train, "--val-list", val, "--test-list", test]
    assert main(_arguments(source, tmp_path / "a", *lists)) == 0
    datalist = load_datalist(tmp_path / "a")
    assert {item["patient"] for item in datalist.validation} == {"8871", "8872"}
    assert {item["patient"] for item in datalist.test} == {"8873", "8874"}
    assert _manifest(tmp_path / "a")["options"]["split"] == "lists"
    assert "the validation split is given" in _fails(
        capsys, _arguments(source, tmp_path / "b", *lists, "--val-fraction", "0.2")
    )

    both = _write(tmp_path / "both.txt", [str(patient) for patient in range(8863, 8873)])
    drawn = ["--train-list", both, "--test-list", test, "--val-fraction", "0.3"]
    assert main(_arguments(source, tmp_path / "c", *drawn)) == 0
    datalist = load_datalist(tmp_path / "c")
    assert {item["patient"] for item in datalist.test} == {"8873", "8874"}
    assert 4 <= len(datalist.validation) <= 11
    _write(tmp_path / "val.txt", ["8871", "8873"])
    error = _fails(capsys, _arguments(source, tmp_path / "d", *lists))
    assert "1 line(s) of test.txt are in another list too (8873)" in error


def test_split_csv_of_images(source, tmp_path, capsys):
    words = {0: "test", 1: "val"}
    rows = [f"{name},{words.get(int(name[:4]) % 4, 'train')}" for name in idc_names()]
    table = _write(tmp_path / "split.csv", ["image,split", *rows])
    assert main(_arguments(source, tmp_path / "out", "--split-csv", table)) == 0
    items = _items(tmp_path / "out").values()
    assert {item["split"] for item in items if int(item["patient"]) % 4 == 1} == {"validation"}
    assert {item["split"] for item in items if int(item["patient"]) % 4 == 0} == {"test"}

    assert {item["split"] for item in items if int(item["patient"]) % 4 > 1} == {"training"}


def test_a_split_that_tears_a_patient_apart(source, tmp_path, capsys):
    first, second, *others = idc_names()
    table = _write(tmp_path / "split.csv", ["image,split", f"{first},test", *(f"{n},train" for n in [second, *others])])
    error = _fails(capsys, _arguments(source, tmp_path / "out", "--split-csv", table))
    assert f"1 patient(s) in two splits (8863: {first} (test), {second} (training))" in error
    assert not (tmp_path / "out").exists()


def test_listed_but_not_there_and_there_but_not_listed(source, tmp_path, capsys):
    train = _write(tmp_path / "train.txt", [str(patient) for patient in range(8863, 8871)])
    test = _write(tmp_path / "test.txt", ["8871", "8872", "8873", "9999"])
    lists = ["--train-list", train, "--test-list", test]
    error = _fails(capsys, _arguments(source, tmp_path / "out", *lists))
    left_out = [name for name in idc_names() if name.startswith("8874")]
    assert "1 of 12 lines of the given split match no image (such as 9999)" in error
    there = _write(tmp_path / "there.txt", ["8871", "8872", "8873"])
    error = _fails(capsys, _arguments(source, tmp_path / "out", "--train-list", train, "--test-list", there))
    assert f"{len(left_out)} of 30 images cannot be used" in error
    assert not (tmp_path / "out").exists()
    assert main(_arguments(source, tmp_path / "out", *lists, "--max-missing", "0.2")) == 0
    assert _manifest(tmp_path / "out")["exclusions"] == {
        "in the given split, but not in --images": ["9999"],
        "not in the given split": left_out,
    }
    test = _write(tmp_path / "test.txt", ["8871", "8872", "8873", "9997", "9998", "9999"])
    error = _fails(capsys, _arguments(source, tmp_path / "b", *lists, "--max-missing", "0.2"))
    assert "3 of 14 lines of the given split match no image (such as 9997" in error
    _write(tmp_path / "train.txt", ["1"])
    _write(tmp_path / "test.txt", ["2"])
    assert "none of the images is in the given split" in _fails(capsys, _arguments(source, tmp_path / "b", *lists))


def test_a_class_without_patches_is_warned_of(source, tmp_path, capsys):
    assert main(_arguments(source, tmp_path / "out")) == 0
    assert "WARNING: there is no patch" not in capsys.readouterr().out
    assert main(_arguments(source, tmp_path / "more", "--classes", "benign", "in situ", "invasive")) == 0
    assert "WARNING: there is no patch of invasive." in capsys.readouterr().out


def test_patches_that_cannot_be_used(source, tmp_path, capsys):
    broken, tiny, moved = patch_name(8863, 20, 0), patch_name(8863, 21, 0), patch_name(8863, 22, 0)
    path = save(source / broken, stained(700))
    path.write_bytes(path.read_bytes()[:100])
    save(source / tiny, stained(701)[:15])
    save(source / "8863/1" / moved, stained(702))
    error = _fails(capsys, _arguments(source, tmp_path / "out"))
    assert f"the class in the name is not that of the folder: 1 (such as {moved})" in error
    assert not (tmp_path / "out").exists()
    assert "2 of 33 images cannot be used" in _fails(
        capsys, _arguments(source, tmp_path / "out", "--max-missing", "0.04")
    )
    assert main(_arguments(source, tmp_path / "out", "--max-missing", "0.1")) == 0
    exclusions = _manifest(tmp_path / "out")["exclusions"]
    assert exclusions.pop("the class in the name is not that of the folder") == [moved]
    assert exclusions.pop("a side is shorter than 16 pixels") == [tiny]
    ((reason, names),) = exclusions.items()
    assert reason.startswith("unreadable: the picture file is damaged")
    assert names == [broken]
    assert sorted(_items(tmp_path / "out")) == idc_names()


def test_other_classes(tmp_path):
    source = tmp_path / "tiles"
    for patient in range(6):
        for label in range(3):
            save(source / patch_name(patient, label, label), stained(10 * patient + label))
    arguments = _arguments(source, tmp_path / "out", "--classes", "stroma", "gland", "fat", "--name", "Tiles")
    assert main(arguments) == 0
    datalist = load_datalist(tmp_path / "out")
    assert (datalist.name, datalist.labels) == ("Tiles", ("stroma", "gland", "fat"))
    assert Counter(item["label"] for item in datalist.training) == dict.fromkeys(range(3), len(datalist.training) // 3)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--seed", "-1"], "--seed is -1"),
        (["--workers", "0"], "--workers is 0"),
        (["--val-fraction", "1.5"], "--val-fraction is 1.5; it must be"),
        (["--max-missing", "-0.1"], "--max-missing is -0.1"),
        (["--val-fraction", "0.5", "--test-fraction", "0.5"], "too little to train on"),
        (["--test-list", "x"], "belong together"),
        (["--val-list", "x"], "belong together"),
        (["--train-list", "x", "--test-list", "y", "--split-csv", "z"], "exclude one another"),
        (["--split-csv", "nowhere.csv"], "there is no file 'nowhere.csv'"),
        (["--train-list", "nowhere.txt", "--test-list", "y"], "there is no file 'nowhere.txt'"),
        (["--classes", "one"], "give at least 2 names"),
        (["--classes", "one", "one"], "give at least 2 names, each once"),
        (["--name", " "], "--name is empty"),
        (["--images", "nowhere"], "there is no folder 'nowhere'"),
    ],
)
def test_wrong_arguments(source, tmp_path, capsys, more, text):
    code = exit_codes.DATA if text.startswith("there is no f") else exit_codes.USAGE  # a place of the data
    assert text in _fails(capsys, _arguments(source, tmp_path / "out", *more), code)
    assert not (tmp_path / "out").exists()


def test_where_out_may_not_be(source, tmp_path, capsys):
    for out in (source, source / "8863", tmp_path):
        assert "lie inside one another" in _fails(capsys, _arguments(source, out), exit_codes.USAGE)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.doc").touch()
    error = _fails(capsys, _arguments(source, tmp_path / "full"), exit_codes.USAGE)
    assert "holds something else (thesis.doc)" in error


def test_too_few_patients_is_known_before_anything_is_copied(tmp_path, capsys):
    source = idc_folder(tmp_path / "two", patients=2)
    assert "2 patient(s) cannot fill 3 splits" in _fails(capsys, _arguments(source, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
