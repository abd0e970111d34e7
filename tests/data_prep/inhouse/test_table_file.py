from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest

from data_prep.inhouse.table_file import LabelFile, decode_table
from monai_mocoi.errors import RefusedError, TableError

TEXT = "Accession;MRN;pneumonia;Größe\nACC1;Müller;yes;1,7\n\nACC2;Ó Dálaigh;;\n"


def read(tmp_path: Path, content: str | bytes, name: str = "labels.csv") -> LabelFile:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return LabelFile(str(path))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("latin-1"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n").encode("cp1252"),
        TEXT.replace(";", "\t").encode(),
        TEXT.replace(",", ".").replace(";", ",").encode(),
        TEXT.replace(";", "|").encode(),
        b"sep=;\n" + TEXT.encode(),
        TEXT.replace("ACC1", '"ACC1"').encode(),
    ],
)
def test_any_encoding_and_separator(tmp_path: Path, content: bytes) -> None:
    table = read(tmp_path, content)
    assert table.header == ["Accession", "MRN", "pneumonia", "Größe"]
    assert table.column("Accession") == ["ACC1", "ACC2"]
    assert table.column("MRN") == ["Müller", "Ó Dálaigh"]
    assert table.column("pneumonia") == ["yes", ""]


def test_row_numbers_are_those_of_the_spreadsheet(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT).numbers == [2, 4]
    assert read(tmp_path, "sep=;\n" + TEXT).numbers == [3, 5]


def test_gzip_and_one_column(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(TEXT.encode()), "x.csv.gz").header[0] == "Accession"
    assert read(tmp_path, "image\na.png\nb.png\n").column("image") == ["a.png", "b.png"]


def test_separators_within_quotes_and_in_free_text(tmp_path: Path) -> None:
    table = read(tmp_path, 'id,comment,label\n1,"a, b; c",yes\n2,"d; e; f; g",no\n')
    assert table.column("label") == ["yes", "no"]


def test_a_row_with_too_many_cells_is_left_out_and_told(tmp_path: Path) -> None:
    table = read(tmp_path, "id,comment,label\n1,fine,yes\n2,a, b,no\n3,fine\n4,fine,no,,\n")
    assert table.torn == [3, 5]  # in the last, too, a comma in a number may have moved the cells
    assert table.column("id") == ["1", "3"]
    assert table.column("label") == ["yes", ""]
    assert read(tmp_path, "id,dose,f,g\n1,2,5,0,1\n2,2,0,0\n3,3,1,0,\n").torn == [2, 4]  # 3,1; f is 0, g not known


def test_a_separator_at_the_end_of_each_row_is_no_further_cell(tmp_path: Path) -> None:
    table = read(tmp_path, "id,label\n1,yes,\n2,no,\n3,\n")
    assert (table.torn, table.column("label")) == ([], ["yes", "no", ""])
    assert read(tmp_path, "id,label\n1,yes\n2,no,\n3,yes\n4,no\n").torn == []  # of one row alone


def test_a_quotation_mark_that_takes_in_rows_is_refused_and_chooses_no_separator(tmp_path: Path) -> None:
    text = 'id,label,note\n1,0,fine\n2,1,"10 cm\n3,0,fine\n4,1,7 cm"\n5,0,fine\n'
    for separator in ",;":
        with pytest.raises(TableError, match="row 3: a quotation mark begins a text that takes in the next 1 rows"):
            read(tmp_path, text.replace(",", separator))


def test_columns_are_found_in_any_case(tmp_path: Path) -> None:
    table = read(tmp_path, TEXT)
    assert table.find("--label-columns", ["PNEUMONIA", " mrn "]) == ["pneumonia", "MRN"]
    with pytest.raises(RefusedError, match=r"no column 'pnuemonia'; did you mean 'pneumonia'\?"):
        table.find("--label-columns", ["pnuemonia"])
    with pytest.raises(RefusedError, match="among its 4") as error:
        table.find("--key-column", ["image"])
    assert "Accession" not in str(error.value)  # it could be a cell of a table without header
    with pytest.raises(RefusedError, match="no column 'pneumonia,mrn'; separate names by blanks"):
        table.find("--label-columns", ["pneumonia,mrn"])
    with pytest.raises(RefusedError, match="2 columns 'x'"):
        read(tmp_path, "X,X\n1,2\n").find("--label-columns", ["x"])


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no rows"):
        read(tmp_path, "Accession;MRN\n")
    with pytest.raises(TableError, match="seems to hold data") as error:
        read(tmp_path, "ACC1234567;Qvistgaard\nACC1234568;Nakatomi\n")
    assert "Qvist" not in str(error.value)
    with pytest.raises(TableError, match="workbook"):
        decode_table(b"PK\3\4xyz")
    with pytest.raises(TableError, match="no whole gzip"):
        read(tmp_path, b"x", "x.gz")
    with pytest.raises(TableError, match="cannot be read") as missing:
        LabelFile(str(tmp_path / "Qvistgaard.csv"))
    assert "Qvist" not in str(missing.value)


def test_a_header_with_another_separator_than_the_rows_is_told(tmp_path: Path) -> None:
    header, rows = "Accession,MRN,pneumonia\n", "ACC1;M,1;yes\nACC2;M2;no\nACC3;M3;\n"
    with pytest.raises(
        TableError, match=r"read with commas, .* 3 of 3 rows have another number .* by semicolons"
    ) as error:
        read(tmp_path, header + rows)
    assert "ACC" not in str(error.value).replace("Accession", "")
    assert read(tmp_path, header + "ACC1\nACC2\nACC3,M3,yes\n").column("MRN") == ["", "", "M3"]  # cells that end early
