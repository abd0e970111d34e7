from __future__ import annotations

import io

import pytest
from PIL import Image

from monai_mocoi.transforms.file_kinds import DICOM_SUFFIXES, RASTER_MAGIC, starts_with


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_picture_is_known_by_its_first_bytes(form):
    content = io.BytesIO()
    Image.new("L", (4, 4)).save(content, form)
    assert starts_with(content.getvalue(), RASTER_MAGIC) == form


def test_other_bytes_and_too_few():
    assert starts_with(b"GIF89a", RASTER_MAGIC) is None
    assert starts_with(b"\x89PN", RASTER_MAGIC) is None
    assert starts_with(b"", RASTER_MAGIC) is None


def test_suffixes_are_in_small_letters():
    assert [suffix.lower() for suffix in DICOM_SUFFIXES] == list(DICOM_SUFFIXES)
