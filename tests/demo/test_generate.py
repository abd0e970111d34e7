import functools
import hashlib
import json
import logging
import multiprocessing
import os
import re
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from PIL import Image

from monai_mocoi.data import load_datalist
from monai_mocoi.demo import demo_sets, images_to_classify, resolve_dataset_dir
from monai_mocoi.demo import generate as demo
from monai_mocoi.demo.demo_sets import DEMO_SETS
from monai_mocoi.demo.generate import DEMO_VERSIONS, generate_demo
from monai_mocoi.demo.phantoms.chest import CHEST_FINDINGS
from monai_mocoi.errors import DatasetError, NoDatasetError, WeightsError

_small = functools.partial(generate_demo, patients=12, size=32, progress=False)


def _content(folder):
    """Digest of each file by its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return generate_demo(tmp_path_factory.mktemp("demo") / "chest", patients=60, size=32, progress=False)


@pytest.mark.parametrize(
    "modality", [pytest.param(kind, marks=pytest.mark.slow) if kind == "histology" else kind for kind in DEMO_SETS]
)
def test_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path, modality):
    make = functools.partial(_small, modality=modality)
    one, two = make(tmp_path / "one", workers=1), make(tmp_path / "two", workers=3)
    assert _content(one) == _content(two)
    other = make(tmp_path / "other", seed=1)
    assert not set(_content(one).values()) & set(_content(other).values())


def test_the_chest_files_are_those_of_the_first_release_of_their_drawing(tmp_path):
    """The picture of a patient may not change while the drawing's version stays: finished caches would be taken."""
    assert DEMO_VERSIONS["chest"] == 1
    folder = _small(tmp_path / "x", seed=2)
    lists = hashlib.sha256((folder / "datalist.json").read_bytes()).hexdigest()
    assert lists == "ed764f1872c96240fb1b682fb76504d9737aa252408dade5c58bd4a3ff1cb305"
    pixels = [pydicom.dcmread(path).pixel_array for path in sorted((folder / "images").iterdir())]
    # Not byte for byte: the last digits of exp and cos depend on the processor.
    assert np.mean([picture.mean() for picture in pixels]) == pytest.approx(14752.88, rel=1e-4)


def test_folder_is_a_valid_dataset_folder(folder):
    datalist = load_datalist(folder)
    assert datalist.labels == CHEST_FINDINGS
    items = [item for split in datalist.splits().values() for item in split]
    assert {item["name"] for item in items} == {f"images/{path.name}" for path in (folder / "images").iterdir()}
    patients = {split: {item["patient"] for item in items} for split, items in datalist.splits().items()}
    assert sum(map(len, patients.values())) == len(set.union(*patients.values())) == 60
    share = {split: len(own) / len(items) for split, own in datalist.splits().items()}
    assert share == pytest.approx({"training": 0.7, "validation": 0.1, "test": 0.2}, abs=0.03)
    images_each = np.unique([item["patient"] for item in items], return_counts=True)[1]
    assert set(images_each) == {1, 2, 3, 4}


def test_manifest_says_what_was_generated(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    datalist = load_datalist(folder)
    items = [item for split in datalist.splits().values() for item in split]
    assert manifest["source"] == "demo-chest"
    assert manifest["seed"] == 0
    assert manifest["options"] == {"patients": 60, "size": 32, "drawing": DEMO_VERSIONS["chest"]}
    assert manifest["exclusions"] == {}
    assert manifest["datalist_sha256"] == datalist.sha256
    positives = np.array([item["label"] for item in items]).sum(0)
    assert list(manifest["images_with"].values()) == positives.tolist()
    assert {"monai_mocoi", "numpy", "pillow", "pydicom"} <= set(manifest["versions"])


@pytest.fixture(scope="module")
def histology(tmp_path_factory):
    return generate_demo(tmp_path_factory.mktemp("demo") / "h", "histology", patients=20, size=32, progress=False)


def test_histology_patches_have_the_names_of_the_idc_data_set(histology):
    datalist = load_datalist(histology)
    assert datalist.labels == ("no IDC", "IDC")
    items = [item for split in datalist.splits().values() for item in split]
    assert {item["name"] for item in items} == {f"images/{path.name}" for path in (histology / "images").iterdir()}
    places = set()
    for item in items:
        patient, x, y, label = re.fullmatch(r"images/(\d+)_idx5_x(\d+)_y(\d+)_class([01])\.png", item["name"]).groups()
        assert patient == item["patient"]
        assert int(label) == item["label"]
        assert int(x) % 32 == int(y) % 32 == 1  # a grid of patches, as cut from a slide
        places.add((patient, x, y))
        with Image.open(item["image"]) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (32, 32))
    assert len(places) == len(items)


def test_histology_patients_have_many_patches_of_both_classes_and_stay_together(histology):
    datalist = load_datalist(histology)
    patients = {split: {item["patient"] for item in items} for split, items in datalist.splits().items()}
    assert sum(map(len, patients.values())) == len(set.union(*patients.values())) == 20
    items = [item for split in datalist.splits().values() for item in split]
    names, counts = np.unique([item["patient"] for item in items], return_counts=True)
    assert 10 <= counts.min() < counts.max() <= 22
    mixed = [len({item["label"] for item in items if item["patient"] == name}) == 2 for name in names]
    assert np.mean(mixed) > 0.8
    manifest = json.loads((histology / "manifest.json").read_text())
    assert manifest["source"] == "demo-histology"
    positives = sum(item["label"] for item in items)
    assert manifest["images_with"] == {"no IDC": len(items) - positives, "IDC": positives}


@pytest.mark.slow
def test_the_default_histology_test_split_has_50_patches_of_each_class(tmp_path, monkeypatch):
    """At the default count; the pictures themselves are not needed, so none is drawn."""
    monkeypatch.setattr(demo_sets.phantoms, "draw_patch", lambda *_: (np.zeros((1, 1, 3)), {}))
    folder = generate_demo(tmp_path / "x", "histology", progress=False)
    datalist = load_datalist(folder)
    assert np.bincount([item["label"] for item in datalist.test]).min() >= 50
    everything = [item["label"] for items in datalist.splits().values() for item in items]
    assert 850 <= len(everything) <= 1050
    assert 0.3 < np.mean(everything) < 0.45
    options = json.loads((folder / "manifest.json").read_text())["options"]
    assert options == {"patients": 60, "size": 50, "drawing": DEMO_VERSIONS["histology"]}


@pytest.fixture(scope="module")
def fundus(tmp_path_factory):
    return generate_demo(tmp_path_factory.mktemp("demo") / "f", "fundus", patients=12, size=64, progress=False)


def test_fundus_photographs_come_in_pairs_under_the_names_of_eyepacs(fundus):
    datalist = load_datalist(fundus)
    assert datalist.labels == ("not referable", "referable")
    split_of = {item["name"]: split for split, items in datalist.splits().items() for item in items}
    patients = [f"p{number:04d}" for number in range(1, 13)]
    assert set(split_of) == {f"images/{patient}_{side}.jpeg" for patient in patients for side in ("left", "right")}
    assert {f"images/{path.name}" for path in (fundus / "images").iterdir()} == set(split_of)
    for patient in patients:
        assert split_of[f"images/{patient}_left.jpeg"] == split_of[f"images/{patient}_right.jpeg"]
    shapes = set()
    for items in datalist.splits().values():
        for item in items:
            assert item["name"].startswith(f"images/{item['patient']}_")
            with Image.open(item["image"]) as picture:
                assert (picture.format, picture.mode, picture.height) == ("JPEG", "RGB", 64)
                shapes.add(picture.width)
    assert len(shapes) > 1  # raw photographs of several cameras


def test_fundus_grades_are_listed_as_eyepacs_lists_them(fundus):
    rows = (fundus / "trainLabels.csv").read_text().split()
    assert rows[0] == "image,level"
    grades = {name: int(level) for name, level in (row.split(",") for row in rows[1:])}
    items = [item for items in load_datalist(fundus).splits().values() for item in items]
    assert {item["name"][7:-5]: item["label"] for item in items} == {name: g >= 2 for name, g in grades.items()}
    manifest = json.loads((fundus / "manifest.json").read_text())
    assert manifest["source"] == "demo-fundus"
    referable = sum(item["label"] for item in items)
    assert manifest["images_with"] == {"not referable": 24 - referable, "referable": referable}


def test_the_default_fundus_test_split_has_50_eyes_of_each_class(tmp_path, monkeypatch):
    """At the default count; the pictures themselves are not needed, so none is drawn."""
    blank = SimpleNamespace(image=np.zeros((1, 1, 3)))
    monkeypatch.setattr(demo_sets.phantoms, "draw_photograph", lambda *_: blank)
    monkeypatch.setattr(
        demo_sets.phantoms,
        "sample_photograph",
        lambda _, person, side: SimpleNamespace(label=int(person.grades[side == "right"] >= 2)),
    )
    folder = generate_demo(tmp_path / "x", "fundus", progress=False)
    datalist = load_datalist(folder)
    assert np.bincount([item["label"] for item in datalist.test]).min() >= 50
    everything = [item["label"] for items in datalist.splits().values() for item in items]
    assert len(everything) == 840
    assert 0.35 < np.mean(everything) < 0.45
    options = json.loads((folder / "manifest.json").read_text())["options"]
    assert options == {"patients": 420, "size": 160, "drawing": DEMO_VERSIONS["fundus"]}


def test_every_kind_of_storage_is_there_and_reads_without_a_warning(folder):
    seen = set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in (folder / "images").iterdir():
            ds = pydicom.dcmread(path)
            assert ds.pixel_array.shape == (32, 32)
            assert ds.PatientID == path.name.split("_")[0]
            seen |= {ds.PhotometricInterpretation, ds.BitsStored, ds.file_meta.TransferSyntaxUID.name}
            seen |= {tag for tag in ("WindowCenter", "RescaleSlope") if tag in ds}
    assert seen == {
        *("MONOCHROME1", "MONOCHROME2", 12, 16, "Explicit VR Little Endian", "RLE Lossless"),
        *("WindowCenter", "RescaleSlope"),
    }


def test_the_default_test_split_has_25_images_with_and_without_each_finding(tmp_path, monkeypatch):
    """At the default count; the pictures themselves are not needed, so none is written."""
    monkeypatch.setattr(demo_sets.phantoms, "save_radiograph", lambda path, *_: path.touch())
    datalist = load_datalist(generate_demo(tmp_path / "x", size=32, progress=False))
    test = np.array([item["label"] for item in datalist.test])
    assert test.sum(0).min() >= 25
    assert (1 - test).sum(0).min() >= 25
    everything = np.array([item["label"] for items in datalist.splits().values() for item in items])
    assert 700 <= len(everything) <= 950
    assert ((everything.mean(0) > 0.15) & (everything.mean(0) < 0.35)).all()


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"patients": 9}, "patients is 9; it must be from 10 to 9999"),
        ({"size": 16}, "size is 16; it must be from 32 to 2048"),
        ({"seed": -1}, "seed is -1"),
        ({"modality": "knee"}, "no demo data for modality 'knee', only for chest"),
    ],
)
def test_bad_options_are_refused(tmp_path, option, text):
    with pytest.raises(DatasetError, match=text):
        generate_demo(tmp_path / "x", **option)
    assert not any(tmp_path.iterdir())


def test_a_finished_folder_is_kept_and_another_one_refused(tmp_path):
    folder = _small(tmp_path / "x")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert _small(tmp_path / "x") == folder
    with pytest.raises(DatasetError, match="'x' exists and holds demo data with other options; nothing was written"):
        _small(tmp_path / "x", seed=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(DatasetError, match="'mine' exists and holds something else"):
        _small(tmp_path / "mine")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_used(tmp_path):
    (tmp_path / "x").mkdir()
    assert load_datalist(_small(tmp_path / "x")).training


def test_a_failed_run_leaves_no_folder_and_the_next_one_ends_well(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(demo_sets.phantoms, "save_radiograph", full)
        with pytest.raises(OSError, match="disk full"):
            _small(tmp_path / "x")
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    (tmp_path / ".x.partial" / "images").mkdir(parents=True)  # as a killed run leaves it
    assert load_datalist(_small(tmp_path / "x")).training
    assert not (tmp_path / ".x.partial").exists()


def _generate_and_stamp(path):
    return _small(path).stat().st_ino


def test_processes_that_start_at_once_share_one_generation(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        inodes = pool.map(_generate_and_stamp, [tmp_path / "x"] * 3, chunksize=1)
    assert len(set(inodes)) == 1
    assert load_datalist(tmp_path / "x").training


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(demo, "generate_demo", _small)
    return tmp_path / "cache"


def test_demo_is_generated_once_into_the_cache_with_a_warning(cache, caplog):
    with caplog.at_level(logging.WARNING):
        first = resolve_dataset_dir("demo", "chest")
    assert first == str(cache / "demo" / f"chest-{DEMO_VERSIONS['chest']}")
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "NOT MEDICAL DATA" in record.getMessage()
    assert first in record.getMessage()
    assert "\n" not in record.getMessage()
    stamp = os.stat(first).st_mtime_ns
    assert resolve_dataset_dir("demo", "chest") == first
    assert os.stat(first).st_mtime_ns == stamp


def test_a_dataset_folder_is_given_back_as_an_absolute_path(cache, folder, monkeypatch, caplog):
    monkeypatch.chdir(folder.parent)
    assert resolve_dataset_dir(folder.name, "chest") == str(folder)
    assert not caplog.records
    assert not cache.exists()


def test_a_mistyped_folder_names_the_near_one(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    wrong = folder.name[:-1]
    with pytest.raises(DatasetError, match=f"'{wrong}', which does not exist: is '{folder.name}' meant\\?$"):
        resolve_dataset_dir(wrong, "chest")
    with pytest.raises(DatasetError, match=f"is '{folder}' meant"):
        resolve_dataset_dir(f"{folder}x", "chest")
    (folder / "datalist.json").rename(folder / "elsewhere.json")  # no dataset folder any more
    with pytest.raises(DatasetError, match="Prepare it first"):
        resolve_dataset_dir(wrong, "chest")


def test_a_bundle_is_no_dataset_folder(tmp_path):
    (tmp_path / "my_study" / "configs").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"my_study', which is a bundle .* give the dataset folder"):
        resolve_dataset_dir(str(tmp_path / "my_study"), "chest")


@pytest.mark.parametrize(
    ("value", "problem"),
    [("nowhere/nih", "does not exist"), ("empty", "has no datalist.json"), ("", "does not exist")],
)
def test_anything_else_is_an_error_that_knows_what_was_given(cache, tmp_path, monkeypatch, value, problem):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoDatasetError) as caught:
        resolve_dataset_dir(value, "chest")
    assert (caught.value.dataset_dir, caught.value.modality) == (value, "chest")
    assert f"'{value}'" in str(caught.value)
    assert problem in str(caught.value)
    assert not cache.exists()


def test_histology_demo_has_a_folder_of_its_own(cache):
    folder = resolve_dataset_dir("demo", "histology")
    assert folder == str(cache / "demo" / f"histology-{DEMO_VERSIONS['histology']}")
    assert load_datalist(folder).labels == ("no IDC", "IDC")


def test_demo_of_an_unknown_modality_is_an_error(cache):
    with pytest.raises(DatasetError, match="no demo data for modality 'retina'"):
        resolve_dataset_dir("demo", "retina")


def test_importing_it_does_not_import_torch():
    code = "import sys, monai_mocoi.demo.generate; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("manifest", "warned"),
    [
        ({"source": "bch"}, True),
        ({"source": "demo-histology"}, True),
        ({"source": "nih"}, False),
        ({"source": "our own"}, False),
        ([], False),
        (None, False),
    ],
)
def test_a_folder_of_another_modality_is_warned_of(tmp_path, caplog, manifest, warned):
    (tmp_path / "datalist.json").write_text("{}")
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert resolve_dataset_dir(str(tmp_path), "chest") == str(tmp_path)
    assert ("The bundle is for chest images, but dataset_dir" in caplog.text) is warned


def test_phantoms_are_not_drawn_for_weights_of_real_images(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    (tmp_path / "classifier.pt").touch()
    known = {"labels": ["a"], "dataset": "Hospital", "settings": {"demo": False}}
    (tmp_path / "classifier.json").write_text(json.dumps(known))
    for weights in (tmp_path, str(tmp_path / "classifier.pt")):
        with pytest.raises(WeightsError, match="the classifier was made on the data set 'Hospital'"):
            resolve_dataset_dir("demo", "chest", weights=weights)
        with pytest.raises(WeightsError, match="Hospital"):
            images_to_classify(None, "demo", "chest", weights)
    with pytest.raises(WeightsError, match=r"no weights file 'encoder\.pt'"):
        resolve_dataset_dir("demo", "chest", weights=tmp_path / "encoder.pt")
    assert not (tmp_path / "cache").exists()
