from __future__ import annotations

from pathlib import Path

from PIL import Image

from data_prep.inhouse.dicom_headers import NO_PIXELS
from data_prep.inhouse.export_tree import list_tree
from data_prep.inhouse.instances import AGAIN, TWO_PATIENTS, repeated_instances
from data_prep.inhouse.survey import CLOSED, NO_PICTURE, Seen, look, survey
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
    found = repeated_instances(own)
    left_out = {own[place].file.key: reason for place, reason in found.left_out.items()}
    assert {own[copy].file.key: own[stays].file.key for copy, stays in found.kept.items()} == {"b": "a", "c": "d"}
    assert left_out == {"b": AGAIN, "c": AGAIN, "e": TWO_PATIENTS, "f": TWO_PATIENTS}
