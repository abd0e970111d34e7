from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from data_prep.__main__ import main
from data_prep.inhouse.private_folder import PrivateFolder
from tests.data.dataset_folders import dataset_folder, read_list, write_list


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


def test_clean_is_0(tmp_path, capsys):
    assert main(["audit", str(dataset_folder(tmp_path / "set"))]) == 0
    out = capsys.readouterr().out
    assert "training: 6 images of 6 patients" in out
    assert "Result: clean" in out


def test_a_leak_is_3_with_the_whole_report(tmp_path, capsys):
    document = read_list(dataset_folder(tmp_path / "set"))
    document["test"] = document["validation"]
    write_list(tmp_path / "set", **document)
    assert main(["audit", str(tmp_path / "set")]) == 3
    out = capsys.readouterr().out
    assert "identical pictures in two splits: 2" in out
    assert "How to fix it" in out


def test_no_dataset_folder_and_unreadable_images_are_3(tmp_path, capsys):
    assert main(["audit", str(tmp_path)]) == 3
    assert "no (finished) dataset folder" in capsys.readouterr().err
    dataset_folder(tmp_path / "set")
    (tmp_path / "set/images/003.png").write_bytes(b"")
    assert main(["audit", str(tmp_path / "set")]) == 3
    assert "images/003.png: the image file is empty" in capsys.readouterr().err


@pytest.fixture
def private(tmp_path):
    folder = PrivateFolder(tmp_path / "private")
    row = {
        "image": "i1",
        "patient": "p1",
        "patient_id": "MRN0012",
        "date": "2020-01-31",
        "sop_instance_uid": "1.2.3.4",
        "site": "St. Corvinus",
    }
    folder.add([{**row, "path": "/data/export/Qvistgaard_Zoe/IM1"}])
    folder.add([{"image": "i2", "path": "/data/export/Oyelaran_Ngozi/IM2", "accession_number": "ACC77"}])
    folder.exclude("/data/export/Nakatomi_Anselm/IM3", "empty")
    folder.site("Klinikum Nord")
    return tmp_path / "private"


def _run(capsys, *words):
    code = main(["search-identity", *map(str, words)])
    return code, "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("mrn0012", "patient_id of row 2 of mapping.csv"),
        ("2020-01-31", "date of row 2 of mapping.csv"),
        ("20200131", "date of row 2 of mapping.csv"),
        ("1.2.3.4", "sop_instance_uid of row 2 of mapping.csv"),
        ("ST. CORVINUS", "site of row 2 of mapping.csv"),
        ("Klinikum Nord", "name of row 2 of sites.csv"),
        ("x/Oyelaran_Ngozi", "path of row 3 of mapping.csv, its folder 3"),
        ("Nakatomi_Anselm", "path of row 2 of excluded.csv, its folder 3"),
        ("ACC77", "accession_number of row 3 of mapping.csv"),
    ],
)
def test_whatever_the_private_folder_knows_is_found_and_not_repeated(tmp_path, capsys, private, content, place):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/log.txt").write_text(f"about {content}!")
    code, text = _run(capsys, tmp_path / "run", "--private", private)
    assert code == 3
    assert f"  log.txt: {place} (" in text
    assert "Result: 1 findings" in text
    assert content.lower() not in text.lower()


def test_pseudonyms_and_the_exports_own_folder_tell_of_nobody(tmp_path, capsys, private):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/log.txt").write_text("p1 i1 /data/export oyelaran_ngozi")  # folders count as they are written
    code, text = _run(capsys, tmp_path / "run", "--private", private)
    assert code == 0
    assert "nobody is told" in text


def _mapped(folder, *rows):
    PrivateFolder(folder).add([{"image": path, "patient": patient, "path": path} for patient, path in rows])
    return folder


def test_a_folder_of_all_patients_is_not_searched_wherever_it_lies(tmp_path, capsys):
    private = _mapped(tmp_path / "private", ("p1", "/old/export/Adler/IM1"), ("p2", "export/Berg/IM2"))
    PrivateFolder(private).exclude("row 7 of the table", "no image")
    (tmp_path / "report.html").write_text("damaged by an export")
    assert _run(capsys, tmp_path / "report.html", "--private", private)[0] == 0
    (tmp_path / "report.html").write_text("Berg")
    code, text = _run(capsys, tmp_path / "report.html", "--private", private)
    assert code == 3
    assert "report.html: path of row 3 of mapping.csv, its folder 2 (" in text


def test_the_folder_of_the_only_patient_is_searched(tmp_path, capsys):
    private = _mapped(tmp_path / "private", ("p1", "export/Adler/IM10"), ("p1", "export/Adler/IM11"))
    (tmp_path / "log.txt").write_text("Adler IM11")
    code, text = _run(capsys, tmp_path / "log.txt", "--private", private)
    assert code == 3
    assert "log.txt: path of row 2 of mapping.csv, its folder 2 (" in text
    assert "log.txt: path of row 3 of mapping.csv, its file name (" in text


def test_a_list_of_words_and_a_file_named_after_one(tmp_path, capsys):
    (tmp_path / "names.txt").write_text("\nXanthopoulos\nBrzezinski\n", encoding="utf-8-sig")
    (tmp_path / "out.zip").write_bytes("Brzezinski".encode("utf-16-le"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run/xanthopoulos.png").touch()
    code, text = _run(capsys, tmp_path / "out.zip", tmp_path / "run", "--words", tmp_path / "names.txt")
    assert code == 3
    assert "out.zip: line 3 of names.txt (UTF-16 LE)" in text
    assert "a file or folder by its name: line 2 of names.txt" in text
    assert "anthopoulos" not in text
    assert "rzezinski" not in text


@pytest.mark.parametrize("words", [["."], [".", "--private", "nowhere"], ["nowhere", "--words", "names.txt"]])
def test_what_cannot_be_searched_is_refused(tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("Brzezinski")
    code, text = _run(capsys, *words)
    assert code == 2
    assert "error: " in text


def test_what_cannot_be_looked_into_is_not_called_clean(tmp_path, capsys, private):
    folder = tmp_path / "folder"
    folder.mkdir()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "nothing " * 100)
        archive.writestr("b.txt", "of MRN0012 " * 100)
    content = bytearray(packed.getvalue())
    (folder / "a.zip").write_bytes(content)
    code, text = _run(capsys, folder, "--private", private)
    assert (code, "patient_id of row 2" in text) == (3, True)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the first member is encrypted now
        content[content.find(header) + flags] |= 1
    (folder / "a.zip").write_bytes(content)
    code, text = _run(capsys, folder, "--private", private)
    assert "patient_id of row 2" in text  # the other member is searched all the same
    assert "1 packed files could not be looked into" in text
    (folder / "a.zip").write_bytes(gzip.compress(b"nothing" * 1000)[:-12])
    code, text = _run(capsys, folder, "--private", private)
    assert (code, "nobody is told" in text) == (3, False)
