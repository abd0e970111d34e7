from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.metrics import evaluable_classes


def test_takes_classes_from_the_limits_on() -> None:
    labels = np.zeros((60, 5), dtype=int)
    for column, positives in enumerate((0, 24, 25, 35, 36)):
        labels[:positives, column] = 1
    choice = evaluable_classes(labels)
    assert choice.evaluable.tolist() == [2, 3]
    assert choice.left_out.tolist() == [0, 1, 4]
    assert choice.positives.tolist() == [0, 24, 25, 35, 36]
    assert choice.negatives.tolist() == [60, 36, 35, 25, 24]
    assert evaluable_classes(labels, min_positives=24, min_negatives=0).evaluable.tolist() == [1, 2, 3, 4]


def test_one_patient_is_not_enough() -> None:
    labels = np.repeat([[0, 0, 1], [1, 0, 0], [0, 1, 1]], [30, 30, 30], axis=0)
    assert evaluable_classes(labels).evaluable.tolist() == [0, 1, 2]
    patients = np.repeat(["a", "b", "c"], 30)
    # Negatives of the last class are of one patient, positives of the others are.
    assert evaluable_classes(labels, patients=patients).evaluable.tolist() == []
    patients[31] = "a"
    assert evaluable_classes(labels, patients=patients).evaluable.tolist() == [0, 2]


def test_refuses_what_is_no_table_of_labels() -> None:
    with pytest.raises(ValueError, match="expected"):
        evaluable_classes([0, 1])
    with pytest.raises(ValueError, match="labels hold 3 in row 1, column 0"):
        evaluable_classes([[0, 1], [3, 0]])
