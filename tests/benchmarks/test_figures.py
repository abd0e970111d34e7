from __future__ import annotations

import pytest

from benchmarks.figures import Figure, Row, per_second, ratio


def test_a_ratio_is_that_of_each_round() -> None:
    assert ratio([1.0, 9.0, 4.0], [2.0, 3.0, 4.0]).values == (0.5, 3.0, 1.0)
    assert ratio([1.0, 9.0, 4.0], [2.0, 3.0, 4.0]).median == 1.0  # not 4 / 3, the ratio of the medians
    assert per_second(10, [2.0, 5.0]).values == (5.0, 2.0)


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure((1.0,), at_least=1.0), True),
        (Figure((0.99,), at_least=1.0), False),
        (Figure((1.0, 1.2, 1.3), at_most=1.2), True),
        (Figure((1.0, 1.21, 1.3), at_most=1.2), False),
        (Figure((1.0,)), True),
    ],
)
def test_the_median_keeps_the_limit(figure: Figure, met: bool) -> None:
    assert figure.is_met is met


def test_rows_come_back_as_they_were_saved() -> None:
    rows = [
        Row("a case", {"ours, images/s": Figure((1.0, 3.0, 2.5)), "ours / plain": Figure((0.9,), at_least=0.95)}),
        Row("another", skipped="it is not installed"),
    ]
    saved = [row.to_json() for row in rows]
    assert saved[0]["figures"]["ours, images/s"] == {
        "median": 2.5,
        "smallest": 1.0,
        "largest": 3.0,
        "rounds": [1.0, 3.0, 2.5],
    }
    assert [Row.from_json(row) for row in saved] == rows
