from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from monai_mocoi.data import class_weights
from monai_mocoi.data.class_balance import balancing_groups
from monai_mocoi.data.labels import label_array
from monai_mocoi.errors import DatasetError


def items(labels: object) -> list[dict[str, object]]:
    return [{"label": label} for label in labels]  # type: ignore[attr-defined]


def test_findings():
    # Positives: 2, 1, 0 and 4 of 4.
    labels = [[1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 1]]
    weights = class_weights(items(labels), 4)
    assert weights.dtype == torch.float32
    assert weights.tolist() == [1, 3, 1, 1]
    assert class_weights(items(labels), 4, limit=2).tolist() == [1, 2, 1, 1]


def test_positive_and_negative_images_count_alike_in_the_loss():
    labels = torch.tensor([[1.0]] * 3 + [[0.0]] * 17)
    weights = class_weights(items(labels.int().tolist()), 1)
    loss = functional.binary_cross_entropy_with_logits(torch.zeros(20, 1), labels, pos_weight=weights, reduction="none")
    assert loss[:3].sum().item() == pytest.approx(loss[3:].sum().item())


def test_classes():
    weights = class_weights(items([0, 0, 0, 2]), 3)
    np.testing.assert_allclose(weights, [4 / 6, 1, 2], rtol=1e-6)
    assert weights[[0, 0, 0, 2]].mean() == 1


def test_refused():
    with pytest.raises(DatasetError, match="limit"):
        class_weights(items([0, 1]), 2, limit=0)
    with pytest.raises(DatasetError, match="2 classes are named"):
        class_weights(items([0, 2]), 2)


def test_groups_of_findings():
    labels = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]])
    group, weights = balancing_groups(labels)
    # Positives 3, 2, 1 and 4 with nothing.
    assert group.tolist() == [0, 0, 1, 2, 3, 3, 3, 3]
    expected = np.array([1 / 3, 1 / 3, 1 / 2, 1, 1 / 4, 1 / 4, 1 / 4, 1 / 4])
    np.testing.assert_allclose(weights, expected / expected.sum())


def test_groups_of_classes():
    group, weights = balancing_groups(np.array([4, 4, 4, 1]))
    assert group.tolist() == [4, 4, 4, 1]
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_weights_and_groups_go_by_what_is_known():
    labels = [[1, None], [0, None], [0, 1], [0, 0], [None, 0], [None, None]]
    # Known positives and negatives: 1 and 3, 1 and 2.
    assert class_weights(items(labels), 2).tolist() == [3, 2]
    assert class_weights(items([[1, None], [0, None]]), 2).tolist() == [1, 1]
    group, weights = balancing_groups(label_array(items(labels)))
    assert group.tolist() == [0, 2, 1, 2, 2, 2]  # nothing is known to be there: as without a finding
    np.testing.assert_allclose(weights, np.array([1, 1 / 4, 1, 1 / 4, 1 / 4, 1 / 4]) / 3)
