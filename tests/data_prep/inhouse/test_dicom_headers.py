from __future__ import annotations

import io
import struct
from datetime import date
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from data_prep.inhouse.dicom_headers import (
    DicomHeader,
    read_header,
)
from data_prep.inhouse.survey import NO_PIXELS, NO_SUCH_FRAMES, NO_SYNTAX, picture_fault
from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms import dicom_header
from tests.support.dicom_files import CR, content, dataset, uid


def header(raw: bytes) -> DicomHeader:
    return read_header(io.BytesIO(raw))


def of(**tags: Any) -> DicomHeader:
    return header(content(dataset(**tags)))


def test_a_plain_header() -> None:
    found = of(PatientAge="045Y", PatientSex="F")
    assert found == DicomHeader(
        patient="MRN1",
        accession="ACC1",
        study=uid("study"),
        sop=found.sop,
        names="Qvistgaard^Thaddeus",
        sop_class=CR,
        modality="CR",
        body_part="CHEST",
        view="PA",
        image_type=("ORIGINAL", "PRIMARY"),
        burned_in="NO",
        manufacturer="AGFA",
        sex="F",
        age=45.0,
        date=date(2019, 3, 4),
        rows=32,
        columns=32,
        bits=8,
        transfer_syntax="1.2.840.10008.1.2.1",
    )
    assert found.sop
    assert picture_fault(found, 10_000) is None


def test_all_people_of_the_header_are_known() -> None:
    people = {"OperatorsName": "Op^A", "PerformingPhysicianName": ["Per^B", "Per^C"], "ReferringPhysicianName": "Ref^D"}
    names = of(**people, NameOfPhysiciansReadingStudy="Read^E").names
    for name in ("Qvistgaard^Thaddeus", "Op^A", "Per^B", "Per^C", "Ref^D", "Read^E"):
        assert name in names


def test_without_preamble_and_without_file_meta() -> None:
    ds = dataset()
    whole = content(ds)
    assert header(whole[132:]) == header(whole)
    length = 12 + struct.unpack("<I", whole[140:144])[0]  # of the group with the transfer syntax
    bare = header(whole[132 + length :])
    assert (bare.patient, bare.rows, bare.transfer_syntax) == ("MRN1", 32, "")
    assert picture_fault(bare, len(whole)) == NO_SYNTAX


@pytest.mark.parametrize(("told", "years"), [("045Y", 45), ("006M", 0.5), ("999Y", None), ("old", None), ("", None)])
def test_age_as_it_is_told(told: str, years: float | None) -> None:
    assert of(PatientAge=told).age == years


def test_age_from_the_dates() -> None:
    assert of(PatientBirthDate="19500305").age == 68  # the day before the birthday
    assert of(PatientBirthDate="19500304").age == 69
    assert of(PatientBirthDate="1950").age is None
    assert of(PatientBirthDate="20190305").age is None  # born after the study
    assert of(PatientBirthDate="18010304").age is None


def test_the_date_of_another_field_where_the_study_has_none() -> None:
    assert of(StudyDate="", AcquisitionDate="2018-02-01").date == date(2018, 2, 1)
    assert of(StudyDate="20191399").date is None


def test_a_coded_view() -> None:
    code = Dataset()
    code.CodeMeaning = "Postero-anterior"
    assert of(ViewPosition="", ViewCodeSequence=Sequence([code])).view == "PA"
    assert of(ViewPosition="AP", ViewCodeSequence=Sequence([code])).view == "AP"


def test_names_in_latin_1_and_a_character_set_that_is_none() -> None:
    ds = dataset(PatientID="Müllerström", SpecificCharacterSet="ISO_IR 100")
    assert header(content(ds)).patient == "Müllerström"
    broken = content(ds).replace(b"ISO_IR 100", b"ISO_IR 999")
    assert header(broken).rows == 32


def test_wrong_vr_of_a_field_spoils_no_other() -> None:
    raw = content(dataset())
    rows = raw.index(b"\x28\0\x10\0US")
    as_text = raw[:rows] + b"\x28\0\x10\0IS\x02\x0032" + raw[rows + 10 :]
    assert header(as_text).rows == 32
    age = content(dataset(PatientAge="045Y"))
    damaged = age.replace(b"AS\x04\x00045Y", b"FL\x04\x00045Y")
    assert damaged != age
    assert (header(damaged).age, header(damaged).columns) == (None, 32)


def test_a_header_cut_short_tells_no_picture() -> None:
    raw = content(dataset())
    for end in (140, 200, raw.index(b"\x28\0\x10\0US")):
        try:
            found = header(raw[:end])
        except ImageReadError as error:
            assert "MRN1" not in str(error)  # noqa: PT017
        else:
            assert picture_fault(found, end) == NO_PIXELS


def test_whatever_a_damaged_header_holds_ends_in_a_header_or_in_our_error() -> None:
    raw = content(dataset(PatientAge="045Y"))
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(raw)
        for place in random.integers(128, raw.index(b"\xe0\x7f\x10\0"), 4):
            damaged[place] = random.integers(256)
        try:
            found = header(bytes(damaged))
        except ImageReadError as error:
            assert "MRN1" not in str(error)  # noqa: PT017
        else:
            assert "MRN1" not in str(picture_fault(found, len(raw)))


def test_a_field_that_claims_to_be_huge() -> None:
    ds = dataset()
    ds.add_new(0x00091001, "OB", b"abcd")
    raw = content(ds)
    place = raw.index(b"\x09\0\x01\x10OB\0\0") + 8
    found = header(raw[:place] + struct.pack("<I", 0xFFFFFFF0) + raw[place + 4 :])
    assert found.accession == "ACC1"
    assert picture_fault(found, len(raw)) == NO_PIXELS  # what stands behind cannot be found


def test_what_cannot_be_a_picture() -> None:
    assert picture_fault(of(Rows=None, Columns=None, PixelData=None), 1000) == NO_PIXELS
    huge = picture_fault(of(Rows=60000, Columns=60000), 1000)
    assert huge is not None
    assert "the limit is 100000000" in huge
    assert picture_fault(of(NumberOfFrames=10**9), 5000) == NO_SUCH_FRAMES
    assert picture_fault(of(frames=3), 5000) is None


def test_compressed_frames_are_counted_by_their_items() -> None:
    compressed = DicomHeader(rows=100, columns=100, bits=16, frames=100, transfer_syntax="1.2.840.10008.1.2.5")
    assert picture_fault(compressed, 800) is None
    assert picture_fault(compressed, 799) == NO_SUCH_FRAMES


@pytest.mark.filterwarnings("error")
def test_a_transfer_syntax_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    odd = DicomHeader(rows=100, columns=100, bits=16, frames=100, transfer_syntax="Qvistgaard")
    assert picture_fault(odd, 800) is None  # the reader says that it cannot be decoded
    assert picture_fault(odd, 799) == NO_SUCH_FRAMES
    assert "Qvist" not in "".join(capsys.readouterr())


def test_a_deflated_file_that_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ds = dataset()
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    raw = content(ds)
    assert header(raw).patient == "MRN1"
    monkeypatch.setattr(dicom_header, "_MAX_INFLATED", 100)
    with pytest.raises(ImageReadError, match="deflated"):
        header(raw)


def test_several_ids_in_one_field_stay_apart() -> None:
    assert of(PatientID="A\\B").patient == "A\\B"


def test_sixteen_bits_and_colour() -> None:
    assert of(pixels=np.zeros((4, 4), np.uint16)).bits == 16
    assert of(SamplesPerPixel=3).samples == 3
