"""The report of an evaluation in lines."""

from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.analysis import evaluate_predictions, report_lines
from tests.support.made_predictions import findings

FEW = {"min_positives": 5, "min_negatives": 5}


@pytest.mark.parametrize(("level", "words"), [(0.95, "95%"), (0.999, "99.9%"), (0.975, "97.5%")])
def test_the_level_of_the_intervals_is_not_rounded(level: float, words: str) -> None:
    lines = report_lines("test", evaluate_predictions(findings(), level=level, **FEW))
    assert f"; {words} intervals over patients (" in lines[0]


def test_a_class_that_is_left_out_has_its_counts_and_the_reason() -> None:
    predictions = findings()
    predictions.labels[:, 1] = 1
    predictions.labels[:3, 1] = 0
    lines = report_lines("test", evaluate_predictions(predictions, resamples=99, **FEW))
    count = np.sum(predictions.labels[:, 1])
    assert lines[-1] == f"  not evaluated: B ({count} positive, 3 negative: fewer than 5 negatives)"
