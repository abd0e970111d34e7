from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.data.enough_images import selection_rule
from monai_mocoi.metrics import UNKNOWN


def findings(images: int, *positives: int) -> np.ndarray:
    """The first so many images have a finding."""
    return np.stack([np.arange(images) < count for count in positives], 1).astype(int)


@pytest.mark.parametrize(
    ("labels", "rule", "classes"),
    [
        (findings(20, 5, 4), "metric", ("A",)),
        (findings(20, 4, 16), "loss", ()),
        (findings(20, 4, 15), "metric", ("B",)),
        (findings(19, 9, 9), "last", ("A", "B")),
        (findings(1000, 0, 1000), "loss", ()),
        (np.repeat([0, 1], [15, 5]), "metric", ("A", "B")),
        (np.repeat([0, 1], [16, 4]), "loss", ()),
        (np.repeat([0, 1], [4, 15]), "last", ()),
        (None, "last", ()),
    ],
)
def test_a18_too_few_validation_labels_choose_by_loss_or_not_at_all(labels, rule, classes):
    chosen = selection_rule(labels, ["A", "B"])
    assert (chosen.rule, chosen.classes) == (rule, classes)


def test_the_reason_has_the_numbers():
    assert selection_rule(findings(30, 9, 2), ["A", "B"]).reason == (
        "validation has 30 labelled image(s); 1 of 2 classes have at least 5 positive and 5 negative ones: "
        "by the metric."
    )
    assert "19 labelled image(s), fewer than 20" in selection_rule(findings(19, 9, 2), ["A", "B"]).reason


def test_what_is_not_known_is_no_negative():
    labels = np.full((40, 2), UNKNOWN)
    labels[:5, 0], labels[5:10, 0] = 1, 0
    labels[:5, 1], labels[5:9, 1] = 1, 0
    found = selection_rule(labels, ["A", "B"])
    assert (found.rule, found.classes) == ("metric", ("A",))
