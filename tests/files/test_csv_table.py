"""Tables as spreadsheets save them, through the module itself and through each of its readers."""

from __future__ import annotations

import gzip

import pytest

from data_prep.eyepacs_labels import read_labels
from data_prep.nih_metadata import read_metadata
from data_prep.tables import read_image_list, read_split_csv
from monai_mocoi.data import find_new_images, read_predictions
from monai_mocoi.errors import TableError
from monai_mocoi.files.csv_table import read_table, read_text

ROWS = ["a,b", "1,Müller", "2,y"]
READERS = {
    "metadata": (read_metadata, ["Image Index,Finding Labels,Patient ID,Größe", "00000001_000.png,Mass,1,2"]),
    "labels": (lambda path: read_labels([path]), ["image,level,Größe", "10_left,0,2"]),
    "split": (read_split_csv, ["image,split,Größe", "10_left,train,2"]),
    "predictions": (read_predictions, ["image,patient,label_A,probability_A,Größe", "a.png,p,1,0.5,2"]),
    "images": (find_new_images, ["image,Größe", "a.png,2"]),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [True, False])
def test_utf_8_with_and_without_mark(tmp_path, encoding, ending, packed):
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    content = ending.join(ROWS).encode(encoding)
    path.write_bytes(gzip.compress(content) if packed else content)
    table = read_table(path, ["a"])
    assert table.header == ["a", "b"]
    assert table.rows == [(2, ["1", "Müller"]), (3, ["2", "y"])]


def test_empty_rows_are_left_out_and_counted(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('\n a , b\n,\n1,"x\ny"\n\n  , \n2,\n,,,,\n')
    table = read_table(path, ["a"])
    assert table.header == ["a", "b"]
    assert table.rows == [(4, ["1", "x\ny"]), (7, ["2", ""])]
    path.write_text("")
    assert read_table(path, ["a"]).header == []


def test_rows_with_more_cells_than_the_header_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image,dose,sex\na.png,2,F\nb.png,3,1,F\nc.png,4,M,\n")
    with pytest.raises(TableError, match=r"t.csv: 2 of 3 rows \(row 3, 4\) have more cells .* which has 3"):
        read_table(path, ["image"])
    path.write_text("image,sex\na.png,F\nb.png,M,\nc.png,F\n")  # a row ends with a comma
    assert len(read_table(path, ["image"]).rows) == 3
    path.write_text("image,sex\na.png,F,\nb.png,M,\n")  # a comma ends each row
    assert [row[:2] for _, row in read_table(path, ["image"]).rows] == [["a.png", "F"], ["b.png", "M"]]


def test_an_unclosed_quotation_mark_that_takes_in_rows_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{number},{number % 2},fine" for number in range(60)]
    rows[9], rows[19] = '9,1,"10 cm', '19,1,7 cm"'
    path.write_text("\n".join(["id,label,note", *rows]))
    with pytest.raises(TableError, match=r"t.csv, row 11: a quotation mark .* takes in the next 9 rows"):
        read_table(path, ["id"])
    for header, cell in (
        (
            "image,patient,label,age,report",
            "Findings:\nNo pneumothorax, effusion, consolidation, nodule, or mass.\nHeart",
        ),
        ("image,report", "One, two.\n" * 6),
    ):
        start = "a.png" + ",1" * (header.count(",") - 1)
        path.write_text(f'{header}\n{start},"{cell}"\n{start},fine\n')
        assert len(read_table(path, ["image"]).rows) == 2
    path.write_text('image,a,report\na.png,,"x\n1,2,3\ny"\n')  # nothing to compare it with
    assert len(read_table(path, ["image"]).rows) == 1
    report = 'a.png,"Heart, lungs.\nNo effusion, no mass.\n\nSmall, old fracture."'
    path.write_text(f"image,report\n{report}\n")  # lines of a text, not rows
    assert len(read_table(path, ["image"]).rows) == 1


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_leaves_empty_rows_out(tmp_path, reader):
    read, rows = READERS[reader]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    before = read(path)
    path.write_text("\r\n".join([*rows, ",,,,", " , ", ""]), encoding="utf-8-sig")
    assert repr(read(path)) == repr(before)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("encoding", "why"),
    [("utf-16", "Unicode Text"), ("utf-16-le", "zero bytes|not in UTF-8"), ("latin-1", "not in UTF-8")],
)
def test_other_encodings_are_told_with_what_to_do(tmp_path, reader, encoding, why):
    read, rows = READERS[reader]
    (tmp_path / "t.csv").write_bytes("\n".join(rows).encode(encoding))
    with pytest.raises(ValueError, match=f"({why}).*save it as CSV UTF-8"):
        read(tmp_path / "t.csv")


@pytest.mark.parametrize("reader", [name for name in READERS if name != "images"])
@pytest.mark.parametrize(("sign", "word"), [(";", "semicolons"), ("\t", "tabs")])
def test_other_signs_are_named(tmp_path, reader, sign, word):
    read, rows = READERS[reader]
    extra = "OriginalImage[Width,Height]"  # NIH's: a comma in the header
    lines = [f"{rows[0]},x".replace(",", sign) + sign + extra, rows[1].replace(",", sign)]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match=f"has {word} between its columns; save it with commas"):
        read(tmp_path / "t.csv")


def test_an_excel_workbook_and_a_damaged_archive(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"PK\x03\x04\x14\x00\x06\x00\xff")
    with pytest.raises(TableError, match="an Excel workbook is; save it as CSV UTF-8"):
        read_text(tmp_path / "t.csv")
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"x" * 100)[:-9])
    with pytest.raises(TableError, match="no whole gzip"):
        read_text(tmp_path / "t.csv.gz")
    (tmp_path / "l.txt").write_bytes("ö".encode("latin-1"))
    with pytest.raises(TableError, match="save it as UTF-8 text"):
        read_image_list(tmp_path / "l.txt")
    (tmp_path / "t.csv").write_text("a\n" + "x" * 200_000)
    with pytest.raises(TableError, match=r"t\.csv, row 2: no readable CSV"):
        read_table(tmp_path / "t.csv", ["a"])
