from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.file_index import FileIndex, Match
from data_prep.inhouse.matching import check_match, choose_match, masked, summary, unmatched
from data_prep.inhouse.table_file import LabelFile
from monai_mocoi.errors import DatasetError

PATHS = ["a/IM1.dcm", "b/IM1.dcm", "b/IM2", "c/x.png"]
HEADERS = [
    DicomHeader(sop="1.2.1", study="1.1", accession="ACC0000001", patient="MRN7"),
    DicomHeader(sop="1.2.2", study="1.2", accession="0012", patient="0008"),
    DicomHeader(sop="1.2.3", study="1.2", accession="0012", patient="0008"),
    None,
]
INDEX = FileIndex(PATHS, HEADERS)


def files(key: str, *cells: str) -> list[tuple[int, ...]]:
    return INDEX.match("c", cells, key).files


def test_ids() -> None:
    assert files("sop", "1.2.2", "1.2.22", "") == [(1,), (), ()]
    assert files("study", " 1.2 ") == [(1, 2)]
    assert files("accession", "acc0000001", "12", "12.0", "") == [(0,), (1, 2), (1, 2), ()]
    assert files("patient", "mrn7", "8", "8.0", "9", "MRN-007") == [(0,), (1, 2), (1, 2), (), (0,)]


def test_paths_and_names() -> None:
    assert files("file", "a/IM1.dcm", "a/im1", "b\\IM1.DCM") == [(0,), (0,), (1,)]
    assert files("file", "IM2", "im2.dcm", "x") == [(2,), (2,), (3,)]
    assert files("file", "D:\\export\\c\\x.png", "/mnt/a/IM1.dcm", "./c/x.png") == [(3,), (0,), (3,)]


def test_a_path_in_another_folder_is_another_file() -> None:
    assert files("file", "z/IM2", "z/x.png", "", "IM3") == [(), (), (), ()]


def test_a_copy_that_was_left_out_stands_for_the_file_that_stays() -> None:
    index = FileIndex(PATHS, HEADERS, copies={2: ["b/IM2_copy", "d/IM2_again"]})
    assert index.match("c", ["b/IM2_copy", "IM2_again", "IM2"], "file").files == [(2,), (2,), (2,)]


def test_a_name_that_several_files_have_stands_for_none() -> None:
    match = INDEX.match("c", ["IM1.dcm", "IM1", "IM2"], "file")
    assert match.files == [(), (), (2,)]
    assert match.several == 2


def table(tmp_path: Path, text: str) -> LabelFile:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    return LabelFile(str(path))


def test_the_key_is_found_where_it_is_not_named(tmp_path: Path) -> None:
    file = table(tmp_path, "MRN,Accession,p\n7,ACC0000001,1\n8,12,0\n9,13,0\n")
    match, best = choose_match(file, INDEX, ["MRN", "Accession"], None)
    assert (match.column, match.key, match.rows, match.pictures) == ("Accession", "accession", 2, 3)
    assert best == match
    by_patient, _ = choose_match(file, INDEX, ["MRN"], None)
    assert (by_patient.column, by_patient.key) == ("MRN", "patient")
    assert summary(match, INDEX) == (
        "2 of 3 rows match by column 'Accession' as accession number; 3 of 4 pictures have a row"
    )


def test_an_inexact_key_only_where_it_fits_far_better(tmp_path: Path) -> None:
    keys = [f"{n}" for n in range(10)]
    headers = [DicomHeader(accession=f"A{key}", patient=f"P{key}") for key in keys]
    index = FileIndex([f"IM{key}" for key in keys], headers)

    def chosen(right: int) -> str:
        rows = [f"P{n},A{n if n < right else -1},1" for n in range(10)]
        return choose_match(table(tmp_path, "\n".join(["m,a,p", *rows])), index, ["m", "a"], None)[0].key

    assert (chosen(10), chosen(8), chosen(7)) == ("accession", "accession", "patient")


def numbered(tmp_path: Path, order: list[int], accessions: int | None = None) -> tuple[LabelFile, FileIndex]:
    """A table of a running number and an accession number, and files 1.dcm, 2.dcm, ... of these, in another order."""
    count = len(order)
    known = count if accessions is None else accessions
    rows = [f"{n + 1},{f'A{n}' if n < known else 'none'},{n % 2}" for n in range(count)]
    index = FileIndex([f"{n + 1}.dcm" for n in range(count)], [DicomHeader(accession=f"A{n}") for n in order])
    return table(tmp_path, "\n".join(["nr,Acc,p", *rows])), index


def test_a_running_number_never_beats_the_accession_number(tmp_path: Path) -> None:
    order = [*range(11, 30), *range(11)]
    file, index = numbered(tmp_path, order)
    with pytest.raises(DatasetError, match="do not mean the same images") as error:
        choose_match(file, index, ["nr", "Acc"], None)
    said = str(error.value)
    assert "column 'Acc' as accession number matches 30 of 30 rows" in said
    assert "column 'nr' as file path or name matches 30 of 30 rows" in said
    assert "30 rows get other images" in said
    assert "--key-column 'Acc' --key-is accession, or --key-column 'nr' --key-is file" in said
    assert choose_match(file, index, ["Acc"], None, True)[0].files == [(order.index(n),) for n in range(30)]
    assert choose_match(file, index, ["nr"], "file", True)[0].files == [(n,) for n in range(30)]
    with pytest.raises(DatasetError, match="--key-is file"):  # nor where it fits more rows
        choose_match(*numbered(tmp_path, order, accessions=20), ["nr", "Acc"], None)


def test_numbers_are_no_names_of_files_unless_they_are_named(tmp_path: Path) -> None:
    file, index = numbered(tmp_path, list(range(10)), accessions=0)
    with pytest.raises(
        DatasetError, match="'nr' as file path or name matches 10 of 10 rows, but its cells are numbers"
    ):
        choose_match(file, index, ["nr", "Acc"], None)
    for wanted, told in ((None, True), ("file", False)):
        assert choose_match(file, index, ["nr"], wanted, told)[0].rows == 10
    agreeing = numbered(tmp_path, list(range(10)))  # both mean the same files
    assert choose_match(*agreeing, ["nr", "Acc"], None)[0].column == "Acc"


def test_a_column_of_few_values_is_no_key(tmp_path: Path) -> None:
    index = FileIndex([f"x{n}" for n in range(10)], [DicomHeader(accession=f"{n}") for n in range(10)])
    rows = [f"{n if n != 3 else 99},{n % 2}" for n in range(10)]
    file = table(tmp_path, "\n".join(["acc,effusion", *rows]))
    assert choose_match(file, index, ["acc", "effusion"], None)[0].column == "acc"


def test_a_few_wrong_ids_of_patients_do_not_make_the_key_unclear(tmp_path: Path) -> None:
    index = FileIndex(
        [f"x{n}" for n in range(40)], [DicomHeader(accession=f"A{n}", patient=f"P{n}") for n in range(40)]
    )

    def chosen(wrong: int) -> str:
        rows = [f"A{n},P{(n + 1) % 40 if n < wrong else n}" for n in range(40)]
        return choose_match(table(tmp_path, "\n".join(["acc,mrn", *rows])), index, ["acc", "mrn"], None)[0].key

    assert chosen(2) == "accession"
    with pytest.raises(DatasetError, match="3 rows get other images"):
        chosen(3)


def test_a_table_that_fits_passes(tmp_path: Path) -> None:
    file = table(tmp_path, "id\n1.2.1\n" + "".join(f"9.9.{n}\n" for n in range(10)))
    match, best = choose_match(file, INDEX, ["id"], "sop")
    with pytest.raises(DatasetError, match="does not fit"):
        check_match(file, INDEX, match, best)  # 1 of 11 rows and 1 of 4 pictures
    few = FileIndex(PATHS[:1], HEADERS[:1])
    match, best = choose_match(file, few, ["id"], "sop")
    check_match(file, few, match, best)  # a table of the whole hospital


def test_what_does_not_fit_is_explained_without_showing_it(tmp_path: Path) -> None:
    file = table(tmp_path, "MRN,Accession,p\nMRN7,ACC0000001,1\n0008,0012,0\nQvistgaard,Z-99,0\n")
    match, best = choose_match(file, INDEX, ["MRN"], "accession")
    with pytest.raises(DatasetError) as error:
        check_match(file, INDEX, match, best)
    assert str(error.value).split("\n") == [
        "the labels table does not fit the images; no pixel was read.",
        "  0 of 3 rows match by column 'MRN' as accession number; 0 of 4 pictures have a row",
        "  rows without a picture look like AAA0 (1), 0000 (1), AAAAAAAAAA (1)",
        "  the accession number of pictures without a row looks like 0000 (2), AAA0000000 (1), (empty) (1)",
        "  column 'Accession' as accession number would match 2 rows and 3 pictures: give --key-column 'Accession' "
        "--key-is accession",
        "  (Of what is shown, A is any letter and 0 any digit.)",
    ]


def test_a_table_of_another_export(tmp_path: Path) -> None:
    file = table(tmp_path, "MRN\n77\n88\n")
    match, best = choose_match(file, INDEX, ["MRN"], None)
    with pytest.raises(DatasetError, match="no other column fits better"):
        check_match(file, INDEX, match, best)


def test_names_that_are_not_unique(tmp_path: Path) -> None:
    file = table(tmp_path, "name\nIM1.dcm\nIM1\n")
    match, best = choose_match(file, INDEX, ["name"], None)
    with pytest.raises(DatasetError, match="2 rows fit several files") as error:
        check_match(file, INDEX, match, best)
    assert "must hold paths" in str(error.value)


def test_numbers_that_excel_spoilt(tmp_path: Path) -> None:
    file = table(tmp_path, "acc\n1.23457E+12\n")
    match, _ = choose_match(file, INDEX, ["acc"], "accession")
    assert any("loses digits" in line for line in unmatched(file, INDEX, match))


def test_shapes() -> None:
    assert masked("ACC1234567") == "AAA0000000"
    assert masked("Müller^Zoë") == "AAAAAA^AAA"
    assert masked("D:\\x\\2019-03") == "A:\\A\\0000-00"
    assert len(masked("x" * 100)) == 40
    assert Match("c", "sop", [(0, 1), ()], 0).pictures == 2


def test_rows_of_folders_that_are_not_there() -> None:
    """The folder north is given, and the table is of north and south."""
    index = FileIndex(["1.png", "2.png"], [None, None])
    match = index.match("c", ["north/1.png", "south/1.png", "south/2.png"], "file")
    assert (match.files, match.several) == ([(), (), ()], 3)
    match = index.match("c", ["/old/north/1.png", "/old/north/2.png", "/old/north/3.png"], "file")
    assert (match.files, match.several) == ([(0,), (1,), ()], 0)
    deeper = FileIndex(["img/1.png"], [None])
    assert deeper.match("c", ["north/img/1.png", "south/img/1.png"], "file").files == [(), ()]


def test_a_name_that_a_picture_has_that_was_left_out() -> None:
    index = FileIndex(["b/IM1.jpg", "b/IM2.jpg"], [None, None], others=["a/IM1.jpg", "a/IM3.jpg"])
    match = index.match("c", ["IM1.jpg", "b/IM1.jpg", "IM2", "IM3"], "file")
    assert (match.files, match.several) == ([(), (0,), (1,), ()], 1)


def test_the_last_number_of_a_uid_is_no_suffix() -> None:
    index = FileIndex(["1.2.7.1", "1.2.9.1.dcm"], [None, None])
    assert index.match("c", ["1.2.7.2", "1.2.7", "1.2.7.1", "1.2.9.1"], "file").files == [(), (), (0,), (1,)]


def test_a_word_in_the_place_of_an_id_means_no_file() -> None:
    headers = [DicomHeader(accession=accession, patient="ANONYMOUS") for accession in ("0", "N/A", "0")]
    index = FileIndex(["a", "b", "c"], headers)
    assert index.match("c", ["0", "n/a", "0000"], "accession").files == [(), (), ()]
    assert index.match("c", ["anonymous"], "patient").files == [()]
