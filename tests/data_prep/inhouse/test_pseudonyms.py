from __future__ import annotations

import hashlib
import hmac
import re

import pytest

from data_prep.inhouse.patients import join_patients
from data_prep.inhouse.pseudonyms import Pseudonyms, normalised_patient

KEY = bytes(range(32))


def test_patient_is_the_keyed_hash_of_its_id():
    expected = hmac.new(KEY, b"patient\0" + b"abc-7", hashlib.sha256).hexdigest()[:16]
    assert Pseudonyms(KEY).patient("ABC-7") == "p" + expected


@pytest.mark.parametrize(
    "spelling", ["0012", " 12 ", "12.0", "mrn12", "MRN12", "MRN-0012", "Mrn: 12", "12\0", "１２", "mrn 0012 "]
)
def test_spellings_of_one_patient_are_one(spelling):
    names = Pseudonyms(KEY)
    assert names.patient(spelling) == names.patient("12")


@pytest.mark.parametrize("other", ["120", "112", "1 2", "12a", "a12", "12.5", "mrn", "mrn1", "mrna12"])
def test_other_patients_are_others(other):
    names = Pseudonyms(KEY)
    assert names.patient(other) != names.patient("12")


def test_composed_and_decomposed_letters_are_one_and_capitals_do_not_count():
    assert normalised_patient("MU\u0308LLER-1") == normalised_patient("m\u00fcller-1")


@pytest.mark.parametrize("empty", ["", "  ", "\0"])
def test_an_empty_id_is_nobody(empty):
    with pytest.raises(ValueError, match="empty"):
        Pseudonyms(KEY).patient(empty)


def test_forms_and_kinds():
    names = Pseudonyms(KEY)
    assert re.fullmatch("p[0-9a-f]{16}", names.patient("x"))
    assert re.fullmatch("i[0-9a-f]{16}", names.image("x"))
    assert re.fullmatch("site-[0-9a-f]{6}", names.site("x"))
    assert re.fullmatch("[0-9a-f]{16}", names.key_fingerprint)
    hashes = {names.patient("x")[1:], names.image("x")[1:], names.setting("x"), names.key_fingerprint}
    assert len(hashes) == 4  # equal texts of two kinds must not look alike


def test_the_same_key_gives_the_same_names_and_another_key_others():
    one, same, other = Pseudonyms(KEY), Pseudonyms(KEY), Pseudonyms(KEY[::-1])
    assert (one.patient("1"), one.image("1"), one.site("a")) == (same.patient("1"), same.image("1"), same.site("a"))
    assert one.key_fingerprint == same.key_fingerprint != other.key_fingerprint
    assert {one.patient("1"), one.image("1"), one.site("a")}.isdisjoint(
        {other.patient("1"), other.image("1"), other.site("a")}
    )


def test_images_and_paths_of_any_bytes_have_names():
    assert Pseudonyms(KEY).image("M\udcfcller/IM1") != Pseudonyms(KEY).image("M/IM1")


def test_sites_differ_by_more_than_blanks_and_capitals():
    names = Pseudonyms(KEY)
    assert names.site(" St.  Corvinus") == names.site("st. corvinus ") != names.site("St. Corvin")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_short_key_is_refused(length):
    with pytest.raises(ValueError, match=f"{length} bytes; 32"):
        Pseudonyms(bytes(length))


def test_a_patient_keeps_the_pseudonym_from_export_to_export_however_the_id_is_written():
    names = Pseudonyms(KEY)
    exports = (["QX-12"], ["qx 0012"], ["QX-12", "QX 12"], ["QX12", "", "qx_12"])
    seen = {names.patient(own) for ids in exports for own in join_patients(ids, [""] * len(ids)).ids if own}
    assert seen == {names.patient("qx-12")}
    assert names.patient("--") != names.patient("//")  # without a letter or number, the signs are the id
