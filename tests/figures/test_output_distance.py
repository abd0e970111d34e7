from __future__ import annotations

from dataclasses import replace

import numpy as np

from monai_mocoi.analysis import compare_outputs
from monai_mocoi.figures.output_distance import CLASSES_A_FIGURE, output_distance_figures
from tests.support.made_predictions import findings, multiclass_predictions, of

NAMES = ("few labels", "all labels")


def test_curves_are_the_shares_and_the_largest_gap_is_marked() -> None:
    first, second = findings(), findings(noise=0.4, noise_seed=1)
    distance = compare_outputs(first, second, resamples=40)
    (figure,) = output_distance_figures(first, second, distance, NAMES)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["A", "B"]
    for column, axes in enumerate(figure.axes):
        few, labels, gap = axes.lines
        own = distance["classes"]["AB"[column]]
        for line, predictions in ((few, first), (labels, second)):
            x, y = line.get_data()
            values = predictions.probabilities[:, column]
            for at in (0.2, own["at"], 0.9):
                assert y[np.flatnonzero(x <= at)[-1]] == np.mean(values <= at)
        assert list(gap.get_ydata()) == [own["first_share"], own["second_share"]]
        assert set(gap.get_xdata()) == {own["at"]}


def test_two_classes_are_one_panel_and_many_are_several_figures() -> None:
    two = multiclass_predictions(2)
    (figure,) = output_distance_figures(two, two, compare_outputs(two, two, resamples=40), NAMES)
    assert len(figure.axes) == 1
    generator = np.random.default_rng(0)
    many = of(generator.random((12, 8)), generator.integers(2, size=(12, 8)))
    classes = tuple(f"class {i}" for i in range(CLASSES_A_FIGURE + 2))
    wide = np.tile(many.labels, 3)[:, : len(classes)], np.tile(many.probabilities, 3)[:, : len(classes)]
    many = replace(many, classes=classes, labels=wide[0], probabilities=wide[1])
    figures = output_distance_figures(many, many, compare_outputs(many, many, resamples=40), NAMES)
    assert [len(figure.axes) for figure in figures] == [CLASSES_A_FIGURE, 2]
