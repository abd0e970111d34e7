from __future__ import annotations

import numpy as np
import pytest

from data_prep.inhouse.same_pictures import COPY, TWO_PATIENTS, same_pictures
from monai_mocoi.data.fingerprint import fingerprint
from monai_mocoi.data.fingerprints import Fingerprints


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
