from __future__ import annotations

import math

import numpy as np
import pytest

from monai_mocoi.metrics import check_label_kind, class_probabilities


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_are_sigmoids_or_one_softmax_in_float64(dtype: type) -> None:
    logits = (3 * np.random.default_rng(6).standard_normal((6, 4))).astype(dtype)
    sigmoids, shares = (class_probabilities(logits, kind) for kind in ("multilabel", "multiclass"))
    assert sigmoids.dtype == shares.dtype == np.float64
    for i, row in enumerate(logits.astype(np.float64).tolist()):
        assert sigmoids[i].tolist() == pytest.approx([1 / (1 + math.exp(-v)) for v in row], rel=1e-12)
        exponentials = [math.exp(v) for v in row]
        assert shares[i].tolist() == pytest.approx([v / sum(exponentials) for v in exponentials], rel=1e-12)


def test_close_float32_logits_are_no_ties_as_probabilities() -> None:
    logits = np.array(
        [[12.0, 0.0], [12.000001, 0.0]], dtype=np.float32
    )  # different, but their float32 sigmoids are not
    assert logits[0, 0] != logits[1, 0]
    assert len(np.unique((1 / (1 + np.exp(-logits[:, 0]))).astype(np.float32))) == 1
    for kind in ("multilabel", "multiclass"):
        assert len(np.unique(class_probabilities(logits, kind)[:, 0])) == 2


def test_large_logits_stay_in_range_and_infinite_ones_are_nan_where_there_is_no_value() -> None:
    for kind in ("multilabel", "multiclass"):
        assert class_probabilities([[1000.0, -1000.0]], kind).tolist() == [[1.0, 0.0]]
    assert np.isnan(class_probabilities([[np.inf, 0.0]], "multiclass")).any()


def test_kinds() -> None:
    assert [check_label_kind(kind) for kind in ("multilabel", "multiclass", "softmax")] == [
        "multilabel",
        "multiclass",
        "multiclass",
    ]
    for call in (lambda: check_label_kind("binary"), lambda: class_probabilities(np.zeros((1, 2)), "binary")):
        with pytest.raises(ValueError, match="'binary'"):
            call()
