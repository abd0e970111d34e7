from __future__ import annotations

from typing import Any

import numpy as np

from monai_mocoi.figures.output_distance import probing_figure


def probing(value: float | None = 0.8) -> dict[str, Any]:
    summary = [
        {
            "stage": stage,
            "label_fraction": fraction,
            "labelled_images": [10, 10] if fraction < 1 else [99, 101],
            "metrics": {
                "macro_auc": {"value": value, "interval": None if value is None else [value - 0.1, value + 0.1]}
            },
        }
        for fraction in (0.1, 1.0)
        for stage in (1, 4, "all")
    ]
    return {"metric": "macro_auc", "stages": [1, 4, "all"], "summary": summary}


def test_a_line_a_fraction_over_the_stages_and_all_four_apart() -> None:
    figure = probing_figure(probing())
    assert figure is not None
    (axes,) = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2 and line.get_linestyle() != "None"]
    assert len(lines) == 2
    assert [line.get_label() for line in lines] == ["all labels (99-101 images)", "10 % of the labels (10 images)"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "4", "all four"]
    assert axes.get_ylabel() == "macro AUC on test"
    ends = np.concatenate([segment[:, 1] for bars in axes.collections for segment in bars.get_segments()])  # type: ignore[attr-defined]
    assert set(ends.round(3)) == {0.7, 0.9}


def test_without_a_value_there_is_no_figure() -> None:
    assert probing_figure(probing(None)) is None
