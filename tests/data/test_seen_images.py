from __future__ import annotations

import hashlib
import hmac
import json
import pwd
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_mocoi.data import (
    fingerprints,
    load_datalist,
    load_to_pretrain,
    pretraining_overlap,
    take_down_images,
)
from monai_mocoi.data.fingerprint_key import fingerprint_key
from monai_mocoi.data.seen_images import SEEN_NAME, try_to_take_down
from monai_mocoi.errors import DatasetError, HomeFolderError
from tests.data.dataset_folders import dataset_folder, picture, read_list, save, write_list


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MONAI_MOCOI_KEY", str(tmp_path / "keys" / "key"))
    return tmp_path / "keys" / "key"


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, dict[str, object]]:
    """A pretraining on 6 + 2 images; 3 more are its test images, which it has not seen."""
    folder = dataset_folder(tmp_path / "first")
    path = tmp_path / "run" / "encoder.pt"
    return path, {"seen_images": take_down_images(load_datalist(folder)).write_beside(path)}


def other_folder(root: Path) -> Path:
    """Two of the first folder's training images, one of validation and one of test, and a new one; none in its form."""
    items = []
    for number, patient in ((0, "p000"), (1, "x1"), (7, "x7"), (9, "x9"), (50, "p003"), (51, "x51")):
        name = f"scans/{100 - number}.tif"
        pixels = picture(number)
        save(root / name, np.stack([pixels] * 3, -1) if number == 1 else pixels)
        items.append({"image": name, "label": [0, 1], "patient": patient})
    write_list(root, training=items[5:], validation=items[:1], test=items[1:5])
    return root


def test_shared_pictures_and_patients_are_counted_under_other_names(tmp_path: Path, weights: tuple[Path, dict]) -> None:
    datalist = load_datalist(other_folder(tmp_path / "second"))
    splits = {"validation": datalist.validation, "test": datalist.test}
    assert pretraining_overlap(*weights, datalist.folder, splits) == {
        "checked": True,
        "seen_in": ["pretraining"],
        "splits": {
            "validation": {"images": 1, "seen_images": 1, "patients": 1, "seen_patients": 1},
            "test": {"images": 4, "seen_images": 2, "patients": 4, "seen_patients": 1},
        },
    }


def test_the_test_split_of_the_same_folder_was_not_seen(tmp_path: Path, weights: tuple[Path, dict]) -> None:
    datalist = load_datalist(tmp_path / "first")
    found = pretraining_overlap(*weights, datalist.folder, {"test": datalist.test, "training": datalist.training})
    assert found["splits"]["test"] == {"images": 3, "seen_images": 0, "patients": 3, "seen_patients": 0}
    assert found["splits"]["training"] == {"images": 6, "seen_images": 6, "patients": 6, "seen_patients": 6}


def test_spellings_of_one_patient_are_one(tmp_path: Path) -> None:
    datalists = []
    for number, patient in enumerate(("00000061", "61")):
        root = tmp_path / str(number)
        save(root / "a.png", picture(number))
        write_list(root, training=[{"image": "a.png", "patient": patient}])
        datalists.append(load_datalist(root))
    card = {"seen_images": take_down_images(datalists[0]).write_beside(tmp_path / "encoder.pt")}
    split = {"test": datalists[1].training}
    found = pretraining_overlap(tmp_path / "encoder.pt", card, datalists[1].folder, split)
    assert found["splits"]["test"] == {"images": 1, "seen_images": 0, "patients": 1, "seen_patients": 1}


def test_a_resized_copy_is_not_found(tmp_path: Path, weights: tuple[Path, dict]) -> None:
    root = tmp_path / "second"
    small = np.asarray(Image.fromarray(picture(0)).resize((20, 20)))
    save(root / "a.png", small)
    write_list(root, training=[{"image": "a.png", "patient": "a"}])
    datalist = load_datalist(root)
    found = pretraining_overlap(*weights, root, {"test": datalist.training})
    assert found["splits"]["test"]["seen_images"] == 0


def test_the_codes_are_hmac_of_the_fingerprint_under_the_key(weights: tuple[Path, dict], own_key: Path) -> None:
    """Written anew from its definition."""
    key = bytes.fromhex(own_key.read_text())
    digests = [fingerprints.fingerprint(picture(number)[None].astype(np.float32) / 255)[0] for number in range(8)]
    expected = sorted(hmac.new(key, b"picture\0" + digest, hashlib.sha256).hexdigest()[:16] for digest in digests)
    patients = sorted(hmac.new(key, b"patient\0p%03d" % n, hashlib.sha256).hexdigest()[:16] for n in range(8))
    content = json.loads(weights[0].with_name(SEEN_NAME).read_text())
    assert (content["pictures"], content["patients"]) == (expected, patients)


def test_nothing_in_the_file_leads_to_a_picture_or_the_key(weights: tuple[Path, dict], own_key: Path) -> None:
    content = weights[0].with_name(SEEN_NAME).read_text()
    assert set(json.loads(content)) == {"format", "key_id", "pictures", "patients"}
    assert own_key.read_text().strip()[:8] not in content
    for number in range(8):
        digest, _ = fingerprints.fingerprint(picture(number)[None].astype(np.float32) / 255)
        for plain in (digest, b"p%03d" % number):
            assert plain.hex()[:16] not in content
            assert hashlib.sha256(plain).hexdigest()[:16] not in content


def test_the_file_is_the_same_each_time_and_with_another_key_another(
    tmp_path: Path, weights: tuple[Path, dict], own_key: Path
) -> None:
    datalist = load_datalist(tmp_path / "first")
    first = take_down_images(datalist)
    assert first == take_down_images(datalist)
    assert first.content() == weights[0].with_name(SEEN_NAME).read_bytes()
    own_key.unlink()
    second = take_down_images(datalist)
    assert second.key_id != first.key_id
    assert not second.pictures & first.pictures
    found = pretraining_overlap(*weights, datalist.folder, {"test": datalist.training})
    assert found["checked"] is False
    assert "made with another key" in found["reason"]


def test_what_is_missing_is_said(tmp_path: Path, weights: tuple[Path, dict]) -> None:
    path, card = weights
    for changed, words in ((None, "nothing beside its weights"), ({"method": "mse"}, "nothing beside its weights")):
        assert words in pretraining_overlap(path, changed, tmp_path, {})["reason"]
    path.with_name(SEEN_NAME).write_text("{}")
    assert "damaged" in pretraining_overlap(path, card, tmp_path, {})["reason"]
    path.with_name(SEEN_NAME).unlink()
    assert "is not beside its weights" in pretraining_overlap(path, card, tmp_path, {})["reason"]


def test_the_key_is_made_once_for_its_owner_alone(own_key: Path) -> None:
    key = fingerprint_key()
    assert len(key) == 32
    assert fingerprint_key() == key
    assert stat.S_IMODE(own_key.stat().st_mode) == 0o600
    for damaged in ("", "0" * 63, "no key", "0" * 62):
        own_key.write_text(damaged)
        with pytest.raises(DatasetError, match="64 hexadecimal digits"):
            fingerprint_key()


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"HOME": "home", "MONAI_MOCOI_CACHE": "cache"}, "home/.config/monai_mocoi/fingerprint.key"),
        ({"HOME": "home", "XDG_CONFIG_HOME": "config"}, "config/monai_mocoi/fingerprint.key"),
        ({"HOME": "home", "XDG_CONFIG_HOME": "config", "MONAI_MOCOI_KEY": "own/key"}, "own/key"),
        ({"MONAI_MOCOI_CACHE": "cache"}, "cache/fingerprint.key"),
    ],
)
def test_it_lies_outside_the_cache_unless_there_is_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], place: str
) -> None:
    without_home(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    fingerprint_key()
    assert [path for path in tmp_path.rglob("*key") if path.is_file()] == [tmp_path / place]


def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(key: object) -> None:
        raise KeyError(key)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "MONAI_MOCOI_CACHE", "MONAI_MOCOI_KEY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_home_and_with_a_tilde_no_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    without_home(monkeypatch)
    assert try_to_take_down(datalist) is None
    assert "no home folder" in caplog.text
    monkeypatch.setenv("MONAI_MOCOI_KEY", "~/key")
    with pytest.raises(HomeFolderError, match="begins with '~'"):
        fingerprint_key()
    assert try_to_take_down(datalist) is None


def test_a_folder_that_cannot_be_written_is_told_as_that_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MONAI_MOCOI_KEY", str(tmp_path / "file" / "key"))
    with pytest.raises(DatasetError, match=r"the key of the fingerprints cannot be read or made \(\w+ .*KEY") as caught:
        fingerprint_key()
    assert "MONAI_MOCOI_CACHE" not in str(caught.value)


def test_what_the_audit_has_read_is_not_read_again(
    tmp_path: Path, weights: tuple[Path, dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    datalist = load_datalist(other_folder(tmp_path / "second"))
    pretraining_overlap(*weights, datalist.folder, {"test": datalist.test})
    pretraining_overlap(*weights, datalist.folder, {"validation": datalist.validation})
    monkeypatch.setattr(fingerprints, "read_image", lambda path: pytest.fail("read again"))
    found = pretraining_overlap(*weights, datalist.folder, {"test": datalist.test, "validation": datalist.validation})
    assert found["checked"]


def test_what_pretraining_alone_reads_is_seen_too(tmp_path):
    document = read_list(dataset_folder(tmp_path / "set"))
    document["pretraining"] = [document["training"].pop()]
    write_list(tmp_path / "set", **document)
    whole, part = (take_down_images(read(tmp_path / "set")) for read in (load_to_pretrain, load_datalist))
    assert (len(whole.pictures), len(part.pictures)) == (8, 7)
    assert (len(whole.patients), len(part.patients)) == (8, 7)
