from __future__ import annotations

import argparse

import numpy as np
import pytest

from data_prep.splitter import Splitter
from monai_mocoi.errors import DatasetError

PATIENTS = {f"p{p}_{i}": f"p{p}" for p in range(10) for i in range(4)}
LABELS = {name: int(name[-1]) % 2 for name in PATIENTS}


def _splitter(split_csv=None, val_fraction=None, test_fraction=None, seed=0, **more):
    args = argparse.Namespace(split_csv=split_csv, val_fraction=val_fraction, test_fraction=test_fraction, seed=seed)
    return Splitter(args, without="without lists", **more)


def _write(path, text):
    path.write_text(text)
    return str(path)


def test_an_own_draw_is_by_patient_and_by_seed():
    splitter = _splitter(val_fraction=0.2, test_fraction=0.3)
    given, missing = splitter.given(PATIENTS)
    assert (set(given.values()), missing) == ({"all"}, [])
    splits = splitter.draw(given, PATIENTS, LABELS)
    assert {split: len(names) for split, names in splits.items()} == {"training": 20, "validation": 8, "test": 12}
    patients = [{PATIENTS[name] for name in names} for names in splits.values()]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 10
    assert all(names == sorted(names) for names in splits.values())
    assert splitter.draw(given, PATIENTS, LABELS) == splits
    assert _splitter(val_fraction=0.2, test_fraction=0.3, seed=1).draw(given, PATIENTS, LABELS) != splits


def test_lists_of_names_and_patients(tmp_path):
    lists = {
        "training": _write(tmp_path / "a.txt", "p0\np1\np2\np3\np4_0\n"),
        "test": _write(tmp_path / "b.txt", "p5\ngone\n"),
    }
    splitter = _splitter(lists=lists, val_fraction=0.25)
    given, missing = splitter.given(PATIENTS)
    assert missing == ["gone"]
    assert (given["p0_3"], given["p4_0"], given["p5_1"]) == ("training", "training", "test")
    assert "p4_1" not in given
    splits = splitter.draw(given, PATIENTS, LABELS)
    assert splits["test"] == ["p5_0", "p5_1", "p5_2", "p5_3"]
    assert len(splits["validation"]) == 4  # whole patients, drawn from the training list
    assert len(splits["training"]) == 13
    assert splitter.description == "a.txt, b.txt (given), 0.25 of its training images for validation"
    assert splitter.options.keys() == {"split", "lists_sha256", "val_fraction"}


def test_what_is_decided_is_not_drawn():
    held_out = {name: "test" for name, patient in PATIENTS.items() if patient in ("p1", "p2")}
    alone = {name: "pretraining" for name, patient in PATIENTS.items() if patient == "p9"}
    splitter = _splitter(val_fraction=0.25, test_fraction=0.5)
    given, _ = splitter.given(PATIENTS, {**held_out, **alone})
    splits = splitter.draw(given, PATIENTS, LABELS)
    assert splits["test"] == sorted(held_out)
    assert splits["pretraining"] == sorted(alone)
    assert (len(splits["training"]), len(splits["validation"])) == (20, 8)  # a quarter of the 28 that are left
    given, _ = splitter.given(PATIENTS, alone)
    splits = splitter.draw(given, PATIENTS, LABELS)
    sizes = [len(splits[split]) for split in ("training", "validation", "test")]
    np.testing.assert_allclose(sizes, [9, 9, 18], atol=4)  # off by one patient at most
    assert sum(sizes) == 36


def test_a_listed_image_goes_before_what_is_decided(tmp_path):
    rows = "image,split\n" + "".join(f"nr {p},{s}\n" for p, s in enumerate(("train", "val", "test")))
    splitter = _splitter(_write(tmp_path / "s.csv", rows))
    decided = {"p0_0": "pretraining", "p7_0": "pretraining"}
    given, missing = splitter.given(PATIENTS, decided, lambda line: line.replace("nr ", "p"))
    assert missing == []
    assert (given["p0_0"], given["p2_3"], given["p7_0"]) == ("training", "test", "pretraining")


def test_a_table_with_all_three_splits_is_taken_as_it_is(tmp_path):
    rows = "image,split\n" + "".join(f"p{p},{s}\n" for p, s in enumerate(("train", "val", "test")))
    splitter = _splitter(_write(tmp_path / "s.csv", rows))
    given, _ = splitter.given(PATIENTS)
    splits = splitter.draw(given, PATIENTS, LABELS)
    assert splits == {s: [f"p{p}_{i}" for i in range(4)] for p, s in enumerate(("training", "validation", "test"))}


NIH = {f"{p:08d}_{k:03d}.png": f"{p:08d}" for p in range(8, 12) for k in range(2)}


@pytest.mark.parametrize(
    "lines",
    [
        ["00000008", "00000009", "00000010", "00000011"],
        ["8", "9", "10", "11"],
        ["8.0", "00000009", "0010", "11"],
        ["images_001/8", "9/", "images\\10", "11"],
        ["00000008_000.png", "00000009_001.png", "00000010_000.png", "00000011_000.png"],
        ["images_001/images/00000008_000.png", "00000009_001", "x\\00000010_000.jpg", "y/00000011_000"],
    ],
)
@pytest.mark.parametrize("as_table", [True, False])
def test_spellings_of_names_and_patients(tmp_path, lines, as_table):
    splits = ["train", "val", "test", "train"]
    if as_table:
        rows = [f"{line},{split}" for line, split in zip(lines, splits, strict=True)]
        splitter = _splitter(_write(tmp_path / "s.csv", "\n".join(["image,split", *rows])))
    else:
        by_split = {"training": [lines[0], lines[3]], "validation": [lines[1]], "test": [lines[2]]}
        splitter = _splitter(lists={s: _write(tmp_path / s, "\n".join(names)) for s, names in by_split.items()})
    given, missing = splitter.given(NIH)
    assert missing == []
    expected = {"00000008": "training", "00000009": "validation", "00000010": "test", "00000011": "training"}
    assert {NIH[name]: split for name, split in given.items()} == expected
    assert len(given) == (4 if "_000" in lines[0] else 8)


@pytest.mark.parametrize(
    ("first", "second"),
    [("8", "00000008"), ("a/00000008_000.png", "00000008_000"), ("00000008_000", "00000008_000.png")],
)
def test_two_spellings_in_two_splits_are_refused(tmp_path, first, second):
    splitter = _splitter(_write(tmp_path / "s.csv", f"image,split\n{first},train\n{second},test\n"))
    with pytest.raises(DatasetError, match=f"as '{first}' in training and as '{second}' in test"):
        splitter.given(NIH)


def test_two_patients_of_one_number_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="8863 and 08863 are spellings of one number"):
        _splitter().given({"a": "8863", "b": "08863"})


@pytest.mark.parametrize(
    ("lists", "options", "reason"),
    [
        ({"training": "p0\np1_0", "test": "p1_1"}, {}, r"1 patient\(s\) in two splits \(p1: p1_0 \(training\), p1_1"),
        (
            {"training": "x", "test": "y"},
            {},
            r"none of the images .*\(such as p0_0\) or patients \(such as p0\)",
        ),
        ({"training": "p0\np1", "test": "p1"}, {}, r"1 line\(s\) of test.txt are in another list too \(p1\)"),
        ({"training": "p0", "test": "p1"}, {"test_fraction": 0.1}, "test fraction does not apply"),
        (
            {"training": "p0", "validation": "p2", "test": "p1"},
            {"val_fraction": 0.1},
            "validation fraction does not apply",
        ),
        (None, {"val_fraction": 0.5, "test_fraction": 0.5}, "leave too little to train on"),
    ],
)
def test_what_cannot_be_split(tmp_path, lists, options, reason):
    files = lists and {split: _write(tmp_path / f"{split}.txt", text) for split, text in lists.items()}
    with pytest.raises(DatasetError, match=reason):
        _splitter(lists=files, **options).given(PATIENTS)


def test_the_way_out_is_named(tmp_path):
    files = {"training": _write(tmp_path / "a.txt", "p0_0"), "test": _write(tmp_path / "b.txt", "p0_1")}
    with pytest.raises(DatasetError, match="or split by patient here, without lists"):
        _splitter(lists=files).given(PATIENTS)


@pytest.mark.parametrize("gone", ["test", "validation"])
def test_a_given_split_without_images_is_not_drawn_instead(tmp_path, gone):
    splitter = _splitter(val_fraction=0.25)
    held_out = {name: gone for name, patient in PATIENTS.items() if patient == "p1"}
    given, _ = splitter.given(PATIENTS, held_out)
    left = {name: split for name, split in given.items() if name not in held_out}
    with pytest.raises(DatasetError, match=f"the {gone} split is given, but all of its images are left out"):
        splitter.draw(left, PATIENTS, LABELS)
    table = _write(tmp_path / "split.csv", "image,split\np0,training\np2,training\np1,test\n")
    splitter = _splitter(split_csv=table)
    given, _ = splitter.given(PATIENTS)
    with pytest.raises(DatasetError, match="the test split is given"):
        splitter.draw({name: split for name, split in given.items() if split != "test"}, PATIENTS, LABELS)
