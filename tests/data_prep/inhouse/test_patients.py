from __future__ import annotations

from data_prep.inhouse.patients import join_patients
from data_prep.inhouse.pseudonyms import plain_id


def test_each_file_has_the_id_of_its_header_or_row() -> None:
    found = join_patients(["MRN1", "", "B", ""], ["", "2", "", ""])
    assert found.ids == ["1", "2", "b", ""]  # "MRN" is no part of a number
    assert (found.spellings, found.nobodies) == (0, 0)


def test_spellings_are_one_person() -> None:
    found = join_patients(["MRN0007", "mrn7", " 7 ", "8"], ["", "", "7.0", ""])
    assert found.ids == ["7", "7", "7", "8"]
    assert found.spellings == 1


def test_a_file_with_two_ids_makes_them_one_person() -> None:
    headers = ["H1", "H1", "H2", "", "H3"]
    table = ["T1", "", "T1", "T2", ""]
    found = join_patients(headers, table)
    assert found.ids == ["h1", "h1", "h1", "t2", "h3"]
    assert found.meant == {"h-1": "h1", "h-2": "h1", "t-1": "h1", "t-2": "t2", "h-3": "h3"}


def test_the_id_is_that_of_the_headers_whatever_the_table_says() -> None:
    assert join_patients(["h2", "h1"], ["a", "a"]).ids == ["h1", "h1"]
    assert join_patients(["h2", "h1"], ["b", "b"]).ids == ["h1", "h1"]


def test_an_anonymisers_word_is_no_person() -> None:
    headers = ["STUDY", "STUDY", "STUDY", "STUDY", "STUDY"]
    found = join_patients(headers, ["a", "b", "c", "d", ""])
    assert found.ids == ["a", "b", "c", "d", ""]
    assert found.nobodies == 1
    assert join_patients(["Anonymous", "0", "N/A", "unknown"], [""] * 4).ids == [""] * 4


def test_the_order_of_the_files_does_not_matter() -> None:
    headers, table = ["h3", "h1", "h2", ""], ["t1", "t2", "t1", "t2"]
    ids = join_patients(headers, table).ids
    turned = join_patients(headers[::-1], table[::-1]).ids
    assert turned[::-1] == ids == ["h2", "h1", "h2", "h1"]


def test_spellings_with_signs_between() -> None:
    found = join_patients(["QX-0012", "qx 12", "", "QX 1/2"], ["", "", "QX12", ""])
    assert len(set(found.ids[:3])) == 1
    assert found.ids[3] not in found.ids[:3]
    assert found.spellings == 1
    assert plain_id("1/12") != plain_id("11/2") != plain_id("112")


def test_a_patient_with_many_studies_is_one_person() -> None:
    """The table's ids are those of studies; the header's is that of few of the files, so it is no word for all."""
    others = [f"H{number}" for number in range(30)]
    found = join_patients(["H99"] * 5 + others, ["F1", "F2", "F3", "F4", "F5"] + [""] * 30)
    assert set(found.ids[:5]) == {"h99"}
    assert found.nobodies == 0
