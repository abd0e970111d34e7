from __future__ import annotations

import random

import pytest

from data_prep.report_tables import LEAST, hidden_cells


@pytest.mark.parametrize(
    ("patients", "small", "also"),
    [
        ({"a": 9, "b": 0, "c": 5}, set(), set()),
        ({"a": 9, "b": 4, "c": 30}, {"b"}, {"a"}),  # alone, the sum would give it away
        ({"a": 9, "b": 2, "c": 3}, {"b", "c"}, set()),  # 5 together
        ({"a": 9, "b": 1, "c": 1}, {"b", "c"}, {"a"}),  # the sum 2 would give both away
        ({"a": 3}, {"a"}, set()),
        ({}, set(), set()),
    ],
)
def test_a_small_cell_is_hidden_with_what_would_give_it_away(patients, small, also):
    assert hidden_cells(patients) == (small, also)


def test_the_hidden_always_are_two_of_enough_patients_where_there_are_so_many():
    rng = random.Random(0)
    for _ in range(300):
        patients = {key: rng.choice([0, 1, 2, 4, 5, 8, 50]) for key in range(rng.randrange(1, 6))}
        small, also = hidden_cells(patients)
        hidden = [patients[key] for key in small | also]
        assert small == {key for key, number in patients.items() if number in (1, 2, 4)}
        assert all(patients[key] >= LEAST for key in also)
        if small and len(hidden) < sum(number > 0 for number in patients.values()):
            assert len(hidden) > 1
            assert sum(hidden) >= LEAST
