from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.figures.principal_components import MOST_POINTS, principal_components_figure

TOLD = {"measure": "auc", "value": 0.9}


def test_a_panel_for_each_stage_and_column() -> None:
    generator = np.random.default_rng(0)
    scores = {stage: generator.standard_normal((40, 3)) for stage in (1, 4)}
    explained = {1: np.array([0.5, 0.2, 0.1]), 4: np.array([0.4, 0.3, 0.1])}
    columns = {"site $1": ["a", "b", None, "a"] * 10, "brightness": [0.1, 0.2, None, 0.4] * 10}
    told = {stage: {"site $1": TOLD, "brightness": {"measure": "r2", "value": None}} for stage in (1, 4)}
    figure = principal_components_figure(scores, explained, columns, told)
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == [r"site \$1: AUC 0.90", "brightness: not measured"] * 2
    assert panels[2].get_xlabel() == "component 1 (40 % of variance)"
    assert panels[2].get_ylabel() == "stage 4\ncomponent 2 (30 %)"
    assert len(panels[0].collections[0].get_offsets()) == 40
    assert len(panels[1].collections[0].get_offsets()) == 30  # numbers that are not known have no colour
    assert [text.get_text() for text in panels[2].get_legend().get_texts()] == ["a", "b", "not known"]


@pytest.mark.parametrize("images", [3, MOST_POINTS + 5])
def test_few_and_many_images(images: int) -> None:
    scores = {4: np.random.default_rng(0).standard_normal((images, 1))}
    columns = {"label": [f"class {i % 12}" for i in range(images)]}
    figure = principal_components_figure(scores, {4: np.array([1.0])}, columns, {4: {"label": TOLD}})
    (axes,) = figure.axes
    assert len(axes.collections[0].get_offsets()) == min(images, MOST_POINTS)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert (len(names), "other" in names) == (3, False) if images == 3 else (7, True)
