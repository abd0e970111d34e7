"""Thresholds chosen on validation: the reason where none reaches the target."""

from __future__ import annotations

import numpy as np

from monai_mocoi.analysis import choose_operating_points
from tests.support.made_predictions import of


def reasons(said: np.ndarray, labels: np.ndarray) -> list[str]:
    points = choose_operating_points(of(said[:, None], labels[:, None]), [0.95], [0.95])["classes"]["A"]
    return [point["reason"] for point in points if "reason" in point]


def test_why_no_threshold_reaches_a_specificity() -> None:
    labels = np.repeat([0, 1], 12)
    said = np.linspace(0.1, 0.9, 24)
    assert reasons(said, labels) == []
    said[0] = 0.95  # all are distinct, and the highest is a negative's
    (reason,) = reasons(said, labels)
    assert reason.endswith("this specificity: 1 of 12 negative images have the highest probability of all.")
    (reason,) = reasons(np.full(24, 0.5), labels)
    assert reason.endswith("this specificity: 12 of 12 negative images have the highest probability of all.")
