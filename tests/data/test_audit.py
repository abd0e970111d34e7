from __future__ import annotations

import os
import shutil
import time

import numpy as np
import pytest

from monai_mocoi.data import LeakError, audit, audit_datalist, fingerprints, load_datalist
from monai_mocoi.data.audit_report import NEAR_CORRELATION, NEAR_IN_THE_MIDDLE
from monai_mocoi.data.fingerprints import Fingerprints
from tests.data.dataset_folders import dataset_folder, picture, read_list, save, write_list


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return dataset_folder(tmp_path / "set")


def _audit(folder):
    return audit_datalist(load_datalist(folder), progress=False)


def _leaks(folder) -> LeakError:
    with pytest.raises(LeakError) as error:
        _audit(folder)
    return error.value


def test_a_clean_folder(folder):
    report = _audit(folder)
    assert report.clean
    assert report.images == report.patients == {"training": 6, "validation": 2, "test": 3}
    assert report.leaks == {"patient": 0, "file": 0, "picture": 0}
    assert sum(report.near.values()) == 0
    assert "Result: clean" in report.text()
    assert "WARNING" not in report.text()


def test_a4_identical_validation_and_test_lists_are_an_error(folder):
    document = read_list(folder)
    document["validation"] = document["test"]
    write_list(folder, **document)
    error = _leaks(folder)
    assert error.report.leaks == {"patient": 3, "file": 3, "picture": 3}
    assert "3 patient(s), 3 file(s), 3 picture(s)" in str(error)
    assert "validation images/008.png = test images/008.png" in str(error)
    assert "prepare the dataset folder again" in str(error)
    assert "Result: LEAK" in error.report.text()


def test_a_copy_that_keeps_size_and_time_is_seen_after_a_clean_audit(folder):
    document = read_list(folder)
    for number, split in ((50, "training"), (51, "test")):
        name = f"images/{split}.tiff"
        save(folder / name, picture(number))
        os.utime(folder / name, ns=(5, 5))
        document[split].append({"image": name, "label": [0, 0], "patient": split})
    write_list(folder, **document)
    assert _audit(folder).clean
    time.sleep(0.02)  # beyond the tick of the file system's clock
    shutil.copy2(folder / "images/training.tiff", folder / "images/test.tiff")  # cp -p
    assert _leaks(folder).report.leaks == {"patient": 0, "file": 0, "picture": 1}


def test_a4_renamed_copies_with_other_patients_are_an_error(folder):
    # The lists look clean; only the pixels tell. A copy in another format, too.
    save(folder / "images/copy.tiff", picture(8))
    document = read_list(folder)
    document["validation"].append({"image": "images/copy.tiff", "label": [0, 0], "patient": "p900"})
    write_list(folder, **document)
    error = _leaks(folder)
    assert error.report.leaks == {"patient": 0, "file": 0, "picture": 1}
    assert "picture: validation images/copy.tiff = test images/008.png" in str(error)


def test_a_patient_in_two_splits(folder):
    document = read_list(folder)
    document["test"][0]["patient"] = "p000"
    write_list(folder, **document)
    error = _leaks(folder)
    assert error.report.leaks == {"patient": 1, "file": 0, "picture": 0}
    assert "patient p000: training images/000.png = test images/008.png" in str(error)


def test_ten_examples_of_many(tmp_path):
    folder = dataset_folder(tmp_path / "set", training=15, validation=1, test=1)
    document = read_list(folder)
    document["test"] = document["training"]
    write_list(folder, **document)
    error = _leaks(folder)
    assert error.report.leaks == {"patient": 15, "file": 15, "picture": 15}
    assert len(error.report.leak_examples) == 10
    assert {pair.what for pair in error.report.leak_examples} == {"patient", "file", "picture"}


def test_repeats_within_a_split_are_counted_only(folder):
    save(folder / "images/again.png", picture(0))
    document = read_list(folder)
    document["training"].append({"image": "images/again.png", "label": [0, 0], "patient": "p000"})
    write_list(folder, **document)
    report = _audit(folder)
    assert report.repeats == {"training": 1, "validation": 0, "test": 0}
    assert "training: 7 images of 6 patients, 1 repeat a picture" in report.text()


def test_near_copies_are_a_warning(folder):
    save(folder / "images/000.png", picture(9) // 2 + 30)
    report = _audit(folder)
    assert report.clean
    assert report.near == {"training and validation": 0, "training and test": 1, "validation and test": 0}
    (pair,) = report.near_examples
    assert (pair.first, pair.second) == (("training", "images/000.png"), ("test", "images/009.png"))
    assert float(pair.detail) >= NEAR_CORRELATION
    assert "WARNING" in report.text()


@pytest.mark.parametrize("block", [1, 3, 4, 100])
def test_blockwise_comparison_equals_the_naive_one(monkeypatch, block):
    monkeypatch.setattr(audit, "_BLOCK", block)
    rng = np.random.default_rng(0)
    base = rng.normal(size=(4, 2, 256))
    # Of the whole picture and of its middle, each like others' or not.
    rows = base[rng.integers(0, 4, 30)] + rng.normal(size=(30, 2, 256)) * rng.choice([0.01, 0.05, 0.1, 1], (30, 2, 1))
    rows = (rows / np.linalg.norm(rows, axis=2, keepdims=True)).astype(np.float16)
    digests = rng.integers(0, 2, (30, 16), dtype=np.uint8)
    digests[3] = digests[20]  # the same pixels: not near but identical
    splits = np.array(["training"] * 15 + ["validation"] * 5 + ["test"] * 10)
    counts, best = audit._compare(splits, Fingerprints(digests, rows))

    expected: dict[str, int] = dict.fromkeys(counts, 0)
    pairs, alike_outside = [], 0
    for a in range(30):
        for b in range(a + 1, 30):
            r, middle = (rows[a].astype(np.float32) * rows[b].astype(np.float32)).sum(1).tolist()
            if splits[a] != splits[b] and r >= NEAR_CORRELATION and (digests[a] != digests[b]).any():
                if middle < NEAR_IN_THE_MIDDLE:
                    alike_outside += 1
                    continue
                expected[f"{splits[a]} and {splits[b]}"] += 1
                pairs.append(r)
    assert counts == expected
    assert sum(counts.values()) > 10
    assert alike_outside > 10
    np.testing.assert_allclose([r for r, *_ in best], sorted(pairs, reverse=True)[:10], atol=1e-5)


def test_again_nothing_is_read_or_compared(folder, monkeypatch):
    first = _audit(folder)
    monkeypatch.setattr(fingerprints, "read_image", lambda path: pytest.fail("read again"))
    monkeypatch.setattr(audit, "_compare", lambda *_: pytest.fail("compared again"))
    assert _audit(folder) == first


def test_another_split_of_the_same_images_is_compared_again(folder):
    save(folder / "images/000.png", picture(9) // 2 + 30)
    assert sum(_audit(folder).near.values()) == 1
    document = read_list(folder)
    document["test"].insert(0, document["training"].pop(0))
    write_list(folder, **document)
    report = _audit(folder)
    assert sum(report.near.values()) == 0


def test_a_damaged_comparison_is_made_again(folder, tmp_path):
    first = _audit(folder)
    (file,) = (tmp_path / "cache/fingerprints").glob("*.near.json")
    os.truncate(file, 5)
    assert _audit(folder) == first


def with_pretraining(folder):
    document = read_list(folder)
    document["pretraining"] = [document["training"].pop() for _ in range(2)]
    return document


@pytest.mark.parametrize("split", ["validation", "test"])
def test_what_pretraining_alone_reads_may_not_be_scored(folder, split):
    document = with_pretraining(folder)
    write_list(folder, **document)
    assert _audit(folder).images == {"training": 4, "validation": 2, "test": 3, "pretraining": 2}
    save(folder / "images/copy.png", picture(7 if split == "validation" else 9))
    document["pretraining"].append({"image": "images/copy.png", "patient": "other"})
    write_list(folder, **document)
    assert _leaks(folder).report.leaks == {"patient": 0, "file": 0, "picture": 1}
    save(folder / "images/copy.png", picture(77))
    document["pretraining"][-1]["patient"] = document[split][0]["patient"]
    write_list(folder, **document)
    assert _leaks(folder).report.leaks == {"patient": 1, "file": 0, "picture": 0}


def test_training_and_pretraining_may_share_patients_and_pictures(folder):
    document = with_pretraining(folder)
    document["pretraining"][0]["patient"] = document["training"][0]["patient"]
    save(folder / "images/copy.png", picture(1))
    near = picture(2)
    near[0, 0] ^= 1
    save(folder / "images/near.png", near)
    document["pretraining"] += [{"image": f"images/{name}.png", "patient": name} for name in ("copy", "near")]
    write_list(folder, **document)
    report = _audit(folder)
    assert report.clean
    assert "training and pretraining" not in report.near
    assert sum(report.near.values()) == 0
    assert "pretraining: 4 images" in report.text()
