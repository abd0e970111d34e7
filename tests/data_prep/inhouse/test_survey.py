from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from data_prep.inhouse.export_tree import list_tree
from data_prep.inhouse.survey import CLOSED, HEAD, NO_PICTURE, NO_PIXELS, RASTER_SUFFIXES, Seen, file_kind, look, survey
from monai_mocoi.transforms.file_kinds import DICOM_SUFFIXES, RASTER_MAGIC
from tests.support.dicom_files import picture, save


def seen(folder: Path) -> dict[str, Seen]:
    return {own.file.key: own for own in survey(list_tree([str(folder)]).files, workers=2)}


def test_every_file_is_looked_at(tmp_path: Path) -> None:
    save(tmp_path / "IM1", PatientID="7")
    save(tmp_path / "SR.dcm", Rows=None, Columns=None, PixelData=None)
    save(tmp_path / "HUGE.dcm", Rows=60000, Columns=60000)
    Image.fromarray(picture(1)).save(tmp_path / "x.dcm", "PNG")
    (tmp_path / "empty").touch()
    (tmp_path / "page.dcm").write_text("<html>404</html>")
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0\0\0")
    found = seen(tmp_path)
    assert {key: own.kind for key, own in found.items()} == {
        "HUGE.dcm": "dicom",
        "IM1": "dicom",
        "SR.dcm": "dicom",
        "Thumbs.db": "other",
        "empty": "empty",
        "page.dcm": "text",
        "x.dcm": "png",
    }
    header = found["IM1"].header
    assert header is not None
    assert header.patient == "7"
    assert found["IM1"].size == (tmp_path / "IM1").stat().st_size
    assert [key for key, own in found.items() if own.fault is None] == ["IM1", "x.dcm"]
    assert found["SR.dcm"].fault == NO_PIXELS
    assert "60000" in str(found["HUGE.dcm"].fault)
    assert found["page.dcm"].fault == NO_PICTURE["text"]


def test_a_file_that_goes_away(tmp_path: Path) -> None:
    file = list_tree([str(save(tmp_path / "IM1").parent)]).files[0]
    (tmp_path / "IM1").unlink()
    assert look(file).fault == CLOSED


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_picture_is_known_whatever_its_name(form: str) -> None:
    content = io.BytesIO()
    Image.new("L", (4, 4)).save(content, form)
    for name in ("IM0001", "x.dcm", f"x.{form.lower()}", "x.txt"):
        assert file_kind(content.getvalue()[:HEAD], name) == form.lower()
    assert form.lower() in RASTER_SUFFIXES


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"\0" * 128 + b"DICM", "preamble"),
        (b"II*\0" + b"\0" * 124 + b"DICM", "preamble that begins as a TIFF"),
        (b"\x02\0\0\0UL\x04\0", "file meta group without preamble"),
        (b"\x08\0\x05\0CS\x0a\0ISO_IR 100", "data set alone, explicit VR"),
        (b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100", "data set alone, implicit VR"),
        (b"\0\x08\0\x05CS\0\x0aISO_IR 100", "data set alone, big endian"),
    ],
)
def test_dicom_is_known_with_and_without_preamble(head: bytes, what: str) -> None:
    assert file_kind(head, "IM0001") == "dicom", what


def test_the_survey_and_the_reader_know_the_same_pictures() -> None:
    assert {kind.lower() for kind in RASTER_MAGIC.values()} == RASTER_SUFFIXES.keys()
    for magic, kind in RASTER_MAGIC.items():
        assert file_kind(magic + b"\0" * 8) == kind.lower()


def test_what_else_lies_in_an_export() -> None:
    assert file_kind(b"", "a.dcm") == "empty"
    assert file_kind(b"<html>404</html>", "page.dcm") == "text"
    assert file_kind("Müller".encode("latin-1"), "notes") == "text"
    assert file_kind(b"\xff\xfeN\0o\0", "notes") == "text"
    assert file_kind(b"%PDF-1.7\n\0\x01", "letter.pdf") == "other"
    assert file_kind(b"\x01\x02\x03\x04", "x") == "other"


def test_the_suffix_counts_where_the_bytes_say_nothing() -> None:
    assert file_kind(b"\x01\x02\x03\x04", "x.DCM") == "dicom"
    for suffix in DICOM_SUFFIXES:
        assert file_kind(b"\x01\x02\x03\x04", f"x{suffix}") == "dicom"
