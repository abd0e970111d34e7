from __future__ import annotations

import numpy as np

from monai_mocoi.analysis import evaluate_subgroups
from monai_mocoi.data import Columns
from monai_mocoi.figures.canvas import save_figure
from monai_mocoi.figures.subgroups import subgroup_figure
from tests.support.made_predictions import findings


def figure_of(**settings):
    made = findings((0.4,), images=300, patients=150)
    patients = np.array(made.patients)
    site = np.where(patients < "p004", "tiny $ite", np.where(patients < "p080", "a", "b"))
    columns = Columns({"site": list(site), "sex": ["FM"[row % 2] for row in range(300)]}, "datalist")
    return subgroup_figure(evaluate_subgroups(made, columns, None, resamples=99, **settings))


def test_every_group_is_named_and_only_what_was_measured_has_a_number(tmp_path):
    figure = figure_of()
    areas, gaps = figure.axes
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert sum("(" in word and "/" in word for word in words) == 5  # four groups and the heading
    assert "tiny \\$ite (< 5 patients)" in words
    assert words.count("too small") == 1
    assert words.count("reference") == 2
    assert (len(areas.lines), len(gaps.lines)) == (2 * 4, 2 * 2 + 1)  # interval and value of each; the line at 0
    files = save_figure(figure, tmp_path, "a")
    again = save_figure(figure_of(), tmp_path / "again", "a")
    assert [file.read_bytes() for file in files] == [file.read_bytes() for file in again]


def test_without_a_measured_group_there_is_no_figure():
    assert figure_of(min_positives=100) is None
