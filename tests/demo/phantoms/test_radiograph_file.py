"""Every way of storing gives one picture, by pydicom's display rules and by the project's reader."""

import itertools
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import RLELossless

from monai_mocoi.demo.phantoms.radiograph_file import RadiographIdentity, Storage, sample_storage, save_radiograph
from monai_mocoi.transforms.reader import read_image

_WAYS = [
    Storage(inverted, bits, window, rescale, rle)
    for inverted, bits, window, rescale, rle in itertools.product(
        (False, True), (12, 16), (False, True), (False, True), (False, True)
    )
    if window or not rescale
]
_IDENTITY = RadiographIdentity("p0001", 0, "F", ("a test",))


@pytest.fixture
def image():
    """A picture that reaches black and white, with as many rows as columns plus one."""
    picture = np.random.default_rng(0).random((25, 24), dtype=np.float32)
    picture[0, :2] = 0, 1
    return picture


def _shown(path):
    """The picture by pydicom's own functions: modality, VOI, then MONOCHROME1 turned over; 0..1."""
    ds = pydicom.dcmread(path)
    values = apply_modality_lut(ds.pixel_array, ds)
    if "WindowCenter" in ds:
        # apply_voi_lut scales to the output range of the modality transformation
        slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
        low, high = intercept, (2**ds.BitsStored - 1) * slope + intercept
        values = (apply_voi_lut(values, ds) - low) / (high - low)
    else:
        values = values / (2**ds.BitsStored - 1)
    return 1 - values if ds.PhotometricInterpretation == "MONOCHROME1" else values


@pytest.mark.parametrize("storage", _WAYS, ids=str)
def test_stored_any_way_the_picture_is_the_same(tmp_path, image, storage):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_radiograph(tmp_path / "x.dcm", image, storage, _IDENTITY, 2.5)
        shown = _shown(tmp_path / "x.dcm")
    # Half a grey level of the part of the range that is used.
    tolerance = 0.51 / ((2**storage.bits - 1) * (0.65 if storage.window else 1)) + 1e-6
    np.testing.assert_allclose(shown, image, atol=tolerance)
    np.testing.assert_allclose(read_image(tmp_path / "x.dcm")[0], image, atol=tolerance)


def test_tags_say_how_it_is_stored(tmp_path, image):
    save_radiograph(tmp_path / "x.dcm", image, Storage(True, 12, True, True, True), _IDENTITY, 2.5)
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert ds.file_meta.TransferSyntaxUID == RLELossless
    assert (ds.PhotometricInterpretation, ds.BitsAllocated, ds.BitsStored, ds.HighBit) == ("MONOCHROME1", 16, 12, 11)
    assert (ds.Rows, ds.Columns) == image.shape
    assert ds.pixel_array.max() < 2**12
    assert {"WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "RescaleType"} <= set(dir(ds))


def test_nothing_looks_like_a_person(tmp_path, image):
    save_radiograph(tmp_path / "x.dcm", image, _WAYS[0], _IDENTITY, 2.5)
    ds = pydicom.dcmread(tmp_path / "x.dcm")
    assert (ds.PatientID, str(ds.PatientName), ds.PatientBirthDate) == ("p0001", "PHANTOM", "")
    assert "phantom" in ds.StudyDescription


def test_uids_are_valid_and_of_their_own(tmp_path, image):
    uids = []
    for index in range(3):
        save_radiograph(tmp_path / "x.dcm", image, _WAYS[0], RadiographIdentity("p0001", index, "F", ("s",)), 2.5)
        ds = pydicom.dcmread(tmp_path / "x.dcm")
        uids += [ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID]
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
    assert all(uid.is_valid for uid in uids)
    assert len(set(uids)) == 9


def test_all_ways_are_drawn_and_rescale_only_with_a_window():
    rng = np.random.default_rng(0)
    assert {sample_storage(rng) for _ in range(600)} == set(_WAYS)
