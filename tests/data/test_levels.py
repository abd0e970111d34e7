from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.data import NoLevels, check_age_bands, column_levels
from monai_mocoi.data.levels import few_numbers
from monai_mocoi.errors import RefusedError


def names_of(levels):
    return [None if own == -1 else levels.names[own] for own in levels.index]


def test_words_as_they_are():
    levels = column_levels("view", ["PA", None, "AP", "PA"])
    assert (levels.names, levels.kind) == (("AP", "PA"), "values")
    assert names_of(levels) == ["PA", None, "AP", "PA"]


def test_ages_in_bands_at_their_edges():
    levels = column_levels("Patient Age", [17.9, "018Y", 39.0, 40.0, "011M", 414.0, -1.0, None, 80.0])
    expected = ["under 18", "18 to under 40", "18 to under 40", "40 to under 60", "under 18", None, None, None]
    assert names_of(levels) == [*expected, "80 or more"]
    assert levels.names == ("under 18", "18 to under 40", "40 to under 60", "80 or more")  # those that have images
    assert levels.kind == "ages"
    assert column_levels("age", [10.0, 70.0], [65]).names == ("under 65", "65 or more")


def test_a_column_of_age_words_is_no_number():
    assert column_levels("age", ["old", "young", "old"]).names == ("old", "young")


def test_few_numbers_as_they_are_and_many_at_their_quartiles():
    assert column_levels("fold", [2.0, 1.0, "10"]).names == ("1", "2", "10")
    values = [float(own) for own in np.random.default_rng(0).permutation(100)] + [None]
    levels = column_levels("dose", values)
    assert levels.names == ("up to 24", "above 24 to 49", "above 49 to 74", "above 74")
    assert np.bincount(levels.index[:-1]).tolist() == [25, 25, 25, 25]
    assert levels.index[-1] == -1
    for value, group in zip(values[:-1], levels.index, strict=False):
        assert group == np.searchsorted([24, 49, 74], value)


def test_few_numbers_may_be_codes_but_ages_are_not():
    assert few_numbers("site", np.array([3.0, np.nan, 1.0, 3.0])).tolist() == [1, 3]
    assert few_numbers("site", np.arange(8.0)).tolist() == list(range(8))
    assert few_numbers("site", np.arange(9.0)) is None
    assert few_numbers("Patient Age", np.array([1.0, 2.0])) is None


def test_quartiles_that_coincide_are_one_edge():
    levels = column_levels("count", [0.0] * 60 + [float(own) for own in range(1, 31)])
    assert levels.names[0] == "up to 0"
    assert (levels.index == 0).sum() == 60


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (["a", "a", None], "same value"),
        ([None, None], "no value is known"),
        ([f"id {own}" for own in range(21)], "21 different texts, more than 20"),
    ],
)
def test_columns_that_make_no_groups(values, why):
    with pytest.raises(NoLevels, match=why):
        column_levels("x", values)


@pytest.mark.parametrize("bands", [[], [0, 18], [18, 18], [40, 18], ["18"], [True]])
def test_age_bands_that_cannot_be_meant(bands):
    with pytest.raises(RefusedError, match="age_bands"):
        check_age_bands(bands)
