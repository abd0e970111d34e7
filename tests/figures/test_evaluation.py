from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from monai_mocoi.analysis import evaluate_fully, evaluate_subgroups
from monai_mocoi.data import Columns
from monai_mocoi.figures.evaluation import remove_evaluation, save_evaluation_figures, write_evaluation
from monai_mocoi.figures.panels import panels
from monai_mocoi.figures.reliability import decision_curve_figures, reliability_figures
from tests.support.made_predictions import findings

REPORT = json.loads(json.dumps(evaluate_fully(findings((0.4, 0.3, 0.2)), None, resamples=99)))


def lines(figure, axes: int) -> dict[str, np.ndarray]:
    return {line.get_label(): np.array(line.get_data()) for line in figure.axes[axes].get_lines()}


def test_the_diagram_shows_the_bins_of_the_report() -> None:
    (figure,) = reliability_figures(REPORT["calibration"])
    assert len(figure.axes) == 6
    bins = REPORT["calibration"]["classes"]["A"]["reliability"]
    expected = [[b["predicted"] for b in bins], [b["observed"]["value"] for b in bins]]
    drawn = [np.array(line.get_data()) for line in figure.axes[0].get_lines()]
    assert any(line.shape == np.shape(expected) and np.allclose(line, expected) for line in drawn)
    markers = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    assert [line.get_ydata()[0] for line in markers] == expected[1]
    told = [
        b["observed"]["interval"] is not None and b["observed"]["interval"][0] < b["observed"]["interval"][1]
        for b in bins
    ]
    assert [line.get_markerfacecolor() != "white" for line in markers] == told
    assert figure.axes[0].get_title() == "A"
    assert "slope" in figure.axes[0].texts[0].get_text()


def test_the_curve_shows_the_net_benefit_of_the_report() -> None:
    (figure,) = decision_curve_figures(REPORT["decision_curve"])
    own = REPORT["decision_curve"]["classes"]["B"]
    drawn = lines(figure, 1)
    np.testing.assert_allclose(drawn["model"], [own["thresholds"], [n["value"] for n in own["model"]]])
    np.testing.assert_allclose(drawn["treat all"][1], [n["value"] for n in own["treat_all"]])
    assert "treat none" in drawn


def test_16_classes_a_figure() -> None:
    made = list(panels({f"class {i}": i for i in range(35)}, 1, 1))
    assert [len(places) for _, places in made] == [16, 16, 3]
    assert list(panels({}, 1, 1)) == []


def test_earlier_figures_are_replaced_and_other_files_left(tmp_path: Path) -> None:
    for name in ("reliability_2.png", "reliability_notes.txt", "subgroups.png", "subgroups.svg"):
        (tmp_path / name).touch()
    write_evaluation(tmp_path, REPORT)
    names = {f"{name}.{ending}" for name in ("reliability", "decision_curve") for ending in ("png", "svg")}
    assert {file.name for file in tmp_path.iterdir()} == {*names, "metrics.json", "reliability_notes.txt"}
    picture = np.asarray(Image.open(tmp_path / "reliability.png").convert("L"))
    assert picture.std() > 10  # something is drawn


def test_the_subgroups_of_a_report_are_drawn(tmp_path: Path) -> None:
    made = findings((0.4,), images=400, patients=150)
    site = Columns({"site": ["ab"[row % 2] for row in range(400)]}, "datalist")
    groups = evaluate_subgroups(made, site, None, resamples=99)
    save_evaluation_figures(tmp_path, {**REPORT, "subgroups": groups})
    assert (tmp_path / "subgroups.svg").stat().st_size > 1000
    remove_evaluation(tmp_path)
    assert not list(tmp_path.iterdir())


def test_numbers_without_an_interval_are_drawn(tmp_path: Path) -> None:
    report = evaluate_fully(findings((0.5,), patients=3, images=60), None, resamples=99)
    assert len(save_evaluation_figures(tmp_path, report)) == 4
