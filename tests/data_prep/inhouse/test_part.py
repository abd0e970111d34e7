from __future__ import annotations

import pytest

from data_prep.inhouse.part import Part
from data_prep.inhouse.pseudonyms import Pseudonyms
from monai_mocoi.errors import DatasetError


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_patient_is_in_one_part_and_the_parts_are_about_equal(of):
    names = Pseudonyms(bytes(32))
    patients = [names.patient(str(number)) for number in range(1400)]
    parts = [Part.parse(f"{number}/{of}") for number in range(1, of + 1)]
    counts = [sum(part.holds(patient) for patient in patients) for part in parts]
    assert all(sum(part.holds(patient) for part in parts) == 1 for patient in patients)
    # Five standard deviations of a binomial.
    assert all(abs(count - 1400 / of) <= 5 * (1400 * (1 / of) * (1 - 1 / of)) ** 0.5 for count in counts)


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "2/0", "-1/3", "1.5/3", "a/b", "1/2/3"])
def test_what_is_no_part(text):
    with pytest.raises(DatasetError, match="--part") as refused:
        Part.parse(text)
    assert refused.value.exit_code == 2


def test_a_part_reads_as_it_was_written():
    assert str(Part.parse(" 2/3 ")) == "2/3"
