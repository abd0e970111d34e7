from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from monai_mocoi.data.probe_images import choose_probe_images
from monai_mocoi.errors import DatasetError
from monai_mocoi.metrics import UNKNOWN

Items = list[dict[str, Any]]


def classes(count: int, share: float, patients: int, seed: int = 0) -> Items:
    random = np.random.default_rng(seed)
    return [{"label": int(random.random() < share), "patient": f"p{i % patients}"} for i in range(count)]


def findings(count: int, shares: tuple[float, ...], seed: int = 0) -> Items:
    random = np.random.default_rng(seed)
    return [{"label": (random.random(len(shares)) < shares).astype(int).tolist(), "patient": i} for i in range(count)]


def test_a_third_is_for_validation_and_training_is_balanced_by_class_and_patient() -> None:
    training, validation = classes(600, 0.1, 200), classes(300, 0.2, 100, 1)
    chosen = choose_probe_images(training, validation, 2, 150)
    assert (len(chosen.training), len(chosen.validation)) == (100, 50)
    assert list(chosen.training) == sorted(set(chosen.training))
    assert list(chosen.validation) == sorted(set(chosen.validation))
    assert chosen.columns == (1,)
    assert Counter(training[place]["label"] for place in chosen.training) == {0: 50, 1: 50}
    frequent = [training[place]["patient"] for place in chosen.training if training[place]["label"] == 0]
    assert len(set(frequent)) == 50  # there are 200 patients: no second image of any
    for split, places, positive in (
        (training, chosen.training, chosen.training_labels),
        (validation, chosen.validation, chosen.validation_labels),
    ):
        assert positive[:, 1].tolist() == [bool(split[place]["label"]) for place in places]
    # Validation is as it is: about a fifth, not a half.
    assert 5 <= chosen.validation_labels[:, 1].sum() <= 15


def test_a_rare_finding_is_among_the_training_images() -> None:
    training, validation = findings(2000, (0.01, 0.5)), findings(500, (0.1, 0.5), 1)
    rare = sum(item["label"][0] for item in training)
    chosen = choose_probe_images(training, validation, 2, 300)
    assert chosen.training_labels[:, 0].sum() == rare
    assert chosen.columns == (0, 1)


def test_what_is_scored_has_five_of_each_in_both_splits() -> None:
    training, validation = findings(400, (0.5, 0.5, 0.0, 0.5)), findings(60, (0.5, 0.5, 0.5, 0.5), 1)
    for number, item in enumerate(validation):
        item["label"][0] = int(number < 4)
        item["label"][1] = int(number < 5)
    assert choose_probe_images(training, validation, 4, 10_000).columns == (1, 3)


@pytest.mark.parametrize("most", [60, 97, 300, 650, 5000])
def test_never_more_than_asked_for_and_what_one_split_leaves_goes_to_the_other(most: int) -> None:
    training, validation = classes(500, 0.5, 500), classes(200, 0.5, 200, 1)
    chosen = choose_probe_images(training, validation, 2, most)
    counts = len(chosen.training), len(chosen.validation)
    assert counts == {60: (40, 20), 97: (65, 32), 300: (200, 100), 650: (450, 200), 5000: (500, 200)}[most]


def test_at_most_four_thousand_against_two_thousand() -> None:
    chosen = choose_probe_images(classes(5000, 0.5, 5000), classes(3000, 0.5, 3000), 2, 10**6)
    assert (len(chosen.training), len(chosen.validation)) == (4000, 2000)


def test_the_same_seed_chooses_the_same_and_the_global_generators_are_left_alone() -> None:
    training, validation = classes(600, 0.3, 600), classes(300, 0.3, 300)
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    one, two, other = (choose_probe_images(training, validation, 2, 150, seed) for seed in (1, 1, 2))
    assert (one.training, one.validation) == (two.training, two.validation)
    assert one.training != other.training
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_too_little_says_what() -> None:
    some, none = classes(100, 0.5, 100), [{"patient": "a"}] * 100
    with pytest.raises(DatasetError, match="training images have no labels"):
        choose_probe_images(none, some, 2, 99)
    with pytest.raises(DatasetError, match="validation images have no labels"):
        choose_probe_images(some, none, 2, 99)
    with pytest.raises(DatasetError, match=r"19 validation images .* too few for an AUC \(20 are needed\)"):
        choose_probe_images(some, some, 2, 59)
    with pytest.raises(DatasetError, match=r"of no class there are 5 images with it .* 40 training and 20 validation"):
        choose_probe_images(some, classes(100, 0.0, 100), 2, 60)


def test_images_without_labels_are_not_taken_and_unknown_ones_are_no_negatives() -> None:
    training, validation = findings(400, (0.4, 0.5)), findings(150, (0.4, 0.5), 1)
    whole = choose_probe_images(training, validation, 2, 120)
    more = [item for own in training for item in ({"patient": "x"}, own)]
    chosen = choose_probe_images(more, [{"patient": "y"}, *validation], 2, 120)
    assert chosen.training == tuple(2 * place + 1 for place in whole.training)
    assert chosen.validation == tuple(place + 1 for place in whole.validation)
    np.testing.assert_array_equal(chosen.training_labels, whole.training_labels)
    for item in training:
        item["label"][1] = 1 if item["label"][1] else None
    chosen = choose_probe_images(training, validation, 2, 120)
    assert chosen.columns == (0,)
    assert set(chosen.training_labels[:, 1]) == {1, UNKNOWN}
    with pytest.raises(DatasetError, match="validation images have no labels"):
        choose_probe_images(training, [{"patient": "y"}], 2, 120)
