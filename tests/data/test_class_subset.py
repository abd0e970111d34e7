from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.analysis import choose_operating_points, fit_recalibration, recalibrated
from monai_mocoi.data import predictions_of, record_of
from tests.support.made_predictions import findings, multiclass_predictions


def test_of_findings_those_that_are_named_in_their_order() -> None:
    known = findings((0.4, 0.3, 0.5))
    part = predictions_of(known, ("C", "A"))
    assert (part.classes, part.images, part.patients) == (("C", "A"), known.images, known.patients)
    np.testing.assert_array_equal(part.labels, known.labels[:, [2, 0]])
    np.testing.assert_array_equal(part.probabilities, known.probabilities[:, [2, 0]])
    assert predictions_of(known, ["A", "B", "C"]) is known
    with pytest.raises(ValueError, match="not in tuple"):
        predictions_of(known, ["D"])


def test_multiclass_labels_stay_together() -> None:
    known = multiclass_predictions()
    assert predictions_of(known, ["A"]) is known
    record = fit_recalibration(known)
    assert record_of(record, ["A"]) == record
    assert "temperature" in record


def test_a_record_of_some_classes_says_the_same_of_them() -> None:
    known = findings((0.4, 0.3, 0.5))
    record, points = fit_recalibration(known), choose_operating_points(known)
    part = predictions_of(known, ("A", "C"))
    assert record_of(record, part.classes) == fit_recalibration(part)
    assert record_of(points, part.classes) == choose_operating_points(part)
    made = recalibrated(part, record_of(record, part.classes))
    np.testing.assert_array_equal(made.probabilities, recalibrated(known, record).probabilities[:, [0, 2]])
    assert record_of(None, ["A"]) is None


def test_a_record_of_another_classifier_stays_and_is_refused() -> None:
    known = findings((0.4, 0.3))
    line = {"intercept": 0.0, "slope": 1.0}
    with pytest.raises(ValueError, match="it is of another classifier"):
        recalibrated(known, record_of({"method": "platt", "classes": {"X": line}}, known.classes))
