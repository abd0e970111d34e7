from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monai_mocoi.analysis import chosen_thresholds
from monai_mocoi.data import Predictions


def test_thresholds_of_a_hand_counted_case() -> None:
    def predictions(labels: Any, probabilities: Any, kind: str = "multilabel") -> Predictions:
        n = len(labels)
        names = tuple(str(i) for i in range(n))
        return Predictions(names, names, ("A",), kind, np.array(labels), np.array(probabilities, dtype=float))

    said = [[0.1], [0.2], [0.6], [0.8]]
    thresholds, without = chosen_thresholds(predictions([[0], [0], [1], [1]], said))
    assert thresholds is not None
    assert thresholds["A"] == pytest.approx(0.4)
    assert without == []
    assert chosen_thresholds(predictions([[1]] * 4, said)) == ({"A": 0.5}, ["A"])
    empty = Predictions((), (), ("A",), "multilabel", np.zeros((0, 1), dtype=np.int64), np.zeros((0, 1)))
    assert chosen_thresholds(empty) == ({"A": 0.5}, ["A"])
    assert chosen_thresholds(predictions([0] * 4, said, "multiclass")) == (None, [])
