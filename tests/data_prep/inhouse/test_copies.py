from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_prep.inhouse.copies import AGAIN, COPY, TWO_OWNERS, TWO_PATIENTS, repeated_instances, same_pictures
from data_prep.inhouse.export_tree import list_tree
from data_prep.inhouse.survey import Seen, survey
from monai_mocoi.data.fingerprint import fingerprint
from monai_mocoi.data.fingerprints import Fingerprints
from tests.support.dicom_files import save


def _picture(seed):
    return np.kron(np.random.default_rng(seed).random((1, 16, 16), dtype=np.float32), np.ones((4, 4), np.float32))


def _prints(pictures):
    pairs = [fingerprint(picture) for picture in pictures]
    return Fingerprints(
        digests=np.array([np.frombuffer(digest, np.uint8) for digest, _ in pairs]),
        descriptors=np.array([descriptors for _, descriptors in pairs]),
    )


def _left_out(images, rank=str):
    """``images``: name -> (patient, picture)."""
    return same_pictures(
        list(images),
        {name: patient for name, (patient, _) in images.items()},
        _prints([picture for _, picture in images.values()]),
        rank,
    )


def test_different_pictures_stay():
    assert _left_out({"a": ("p1", _picture(1)), "b": ("p1", _picture(2)), "c": ("p2", _picture(3))}) == {}


def test_a_picture_under_two_patients_is_left_out_altogether():
    images = {"a": ("p1", _picture(1)), "b": ("p2", _picture(1)), "c": ("p1", _picture(1)), "d": ("p1", _picture(2))}
    assert _left_out(images) == {TWO_PATIENTS: ["a", "b", "c"]}


@pytest.mark.parametrize("change", ["none", "darker", "rounded", "made smaller"])
def test_one_copy_of_a_patients_picture_stays(change):
    one = _picture(1)
    other = {
        "none": one,
        "darker": 0.1 + 0.7 * one,
        "rounded": np.rint(one * 63) / np.float32(63),
        "made smaller": one.reshape(1, 32, 2, 32, 2).mean((2, 4)),
    }[change]
    images = {"b": ("p1", other), "a": ("p1", one), "c": ("p1", _picture(2))}
    assert _left_out(images) == {COPY: ["b"]}
    assert _left_out(images, rank=lambda name: name != "b") == {COPY: ["a"]}


def test_nearly_the_same_picture_of_two_patients_is_the_audits_matter():
    one = _picture(1)
    assert _left_out({"a": ("p1", one), "b": ("p2", 0.1 + 0.7 * one)}) == {}


def test_flat_pictures_are_copies_only_if_equal():
    flat = np.full((1, 64, 64), 0.5, np.float32)
    assert _left_out({"a": ("p1", flat), "b": ("p1", flat), "c": ("p1", flat * 0.5)}) == {COPY: ["b"]}


def test_no_images():
    assert same_pictures([], {}, Fingerprints(np.zeros((0, 16), np.uint8), np.zeros((0, 2, 256), np.float16))) == {}


def seen(folder: Path) -> dict[str, Seen]:
    return {own.file.key: own for own in survey(list_tree([str(folder)]).files, workers=2)}


def test_one_instance_in_several_files(tmp_path: Path) -> None:
    save(tmp_path / "b", SOPInstanceUID="1.2", PatientID="7")
    save(tmp_path / "a", SOPInstanceUID="1.2", PatientID="007")
    whole = save(tmp_path / "d", SOPInstanceUID="1.3").read_bytes()
    (tmp_path / "c").write_bytes(whole[:-100])
    save(tmp_path / "e", SOPInstanceUID="1.4", PatientID="7")
    save(tmp_path / "f", SOPInstanceUID="1.4", PatientID="8")
    save(tmp_path / "g", SOPInstanceUID="")
    save(tmp_path / "h", SOPInstanceUID="")
    own = list(seen(tmp_path).values())
    found = repeated_instances(own, [file.header.patient if file.header else "" for file in own])
    left_out = {own[place].file.key: reason for place, reason in found.left_out.items()}
    assert {own[copy].file.key: own[stays].file.key for copy, stays in found.kept.items()} == {"b": "a", "c": "d"}
    assert left_out == {"b": AGAIN, "c": AGAIN, "e": TWO_OWNERS, "f": TWO_OWNERS}


def test_the_patients_that_folders_tell_are_those_of_an_instance(tmp_path):
    for folder in ("P1", "P2"):
        save(tmp_path / folder / "a.dcm", SOPInstanceUID="1.2.3", PatientID="")
    own = survey(list_tree([str(tmp_path)]).files)
    assert repeated_instances(own, ["P1", "P2"]) == ({0: TWO_OWNERS, 1: TWO_OWNERS}, {})
    assert repeated_instances(own, ["P1", "P1"]) == ({1: AGAIN}, {1: 0})
