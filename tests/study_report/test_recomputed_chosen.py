"""The chosen run: calibration, decision curve, subgroups, baselines and external test, by the second script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_mocoi.study_report.blocks import Section
from monai_mocoi.study_report.section_chosen import chosen_section
from tests.study_report import second_script as second
from tests.study_report.second_script import Images, Resampled
from tests.study_report.whole_study import PLACE, Made

OWN = f"{PLACE}/mse-resnet50-s0/linear/f0.06-l1"
CHOSEN = "MSE (chosen: linear evaluation, 6 % of the labels, draw 1)"


@pytest.fixture(scope="module")
def section(made: Made) -> Section:
    return chosen_section(made.results)


@pytest.fixture(scope="module")
def images(made: Made) -> Images:
    return second.images_of(made.folder / OWN / "predictions.csv")


@pytest.fixture(scope="module")
def counts(images: Images) -> np.ndarray:
    return second.resamples(images, second.usual_needs(images))


def macro(path: Path) -> tuple[float, tuple[float, float]]:
    own = second.images_of(path)
    drawn = second.resamples(own, second.usual_needs(own))
    found = Resampled.of(own, second.mean(second.aucs(own)), drawn)
    ends = found.interval()
    assert ends is not None
    return float(found.value[0]), ends


def test_which_run_it_is(section: Section) -> None:
    told = "MSE, linear evaluation, 6 % of the labels, label draw 1: the arm of the primary comparison"
    assert section.blocks[0].text.startswith(told)


def test_calibration_of_each_class(made: Made, section: Section, images: Images, counts: np.ndarray) -> None:
    rows = made.table(section, "calibration")
    assert [row["class"] for row in rows] == list(images.classes)
    for column, row in enumerate(rows):
        found = Resampled.of(images, second.calibration(images, column), counts)
        for number, name in enumerate(("intercept", "slope", "brier")):
            assert float(row[name]) == pytest.approx(found.value[number], abs=1e-9)
            ends = found.interval(number)
            assert ends is not None
            shown = [float(row[f"{name}_low"]), float(row[f"{name}_high"])]
            # The package leaves a patient out by one step of Newton's method; intercept and slope feel that.
            near = 1e-9 if name == "brier" else 0.03 * (ends[1] - ends[0])
            assert shown == pytest.approx(list(ends), abs=near)


def test_points_of_the_reliability_diagrams(made: Made, section: Section, images: Images, counts: np.ndarray) -> None:
    panels = made.picture(section, "reliability_1").axes[::2]  # below each is its histogram
    for column, axes in enumerate(panels):
        predicted, observed = second.bins(images, column)
        found = Resampled.of(images, observed, counts)
        lines = axes.lines[1]
        np.testing.assert_allclose(lines.get_xdata(), predicted, atol=1e-12)
        np.testing.assert_allclose(lines.get_ydata(), found.value, atol=1e-12)
        bars = {float(x[0]): y for x, y in (line.get_data() for line in axes.lines[2:]) if len(x) == 2}
        told = 0
        for number, x in enumerate(predicted):
            ends = found.interval(number)
            if ends is not None and ends[0] < ends[1]:
                told += 1
                np.testing.assert_allclose(bars[min(bars, key=lambda own: abs(own - x))], ends, atol=1e-9)
        assert told == len(bars)


def test_the_decision_curves(made: Made, section: Section, images: Images, counts: np.ndarray) -> None:
    panels = made.picture(section, "decision_curve_1").axes
    assert [axes.get_title() for axes in panels] == list(images.classes)
    for column, axes in enumerate(panels):
        found = Resampled.of(images, second.net_benefit(images, column), counts)
        curves = {str(line.get_label()): line for line in axes.lines}
        bands = [band for band in axes.collections if len(band.get_paths()) and len(band.get_paths()[0].vertices) > 4]
        for first, name, band in ((0, "model", bands[-1]), (20, "treat all", bands[0])):
            line = curves[name]
            np.testing.assert_allclose(line.get_xdata(), second.thresholds(images, column), atol=1e-12)
            np.testing.assert_allclose(line.get_ydata(), found.value[first : first + 20], atol=1e-12)
            corners = band.get_paths()[0].vertices
            for place, x in enumerate(line.get_xdata()):
                heights = corners[np.isclose(corners[:, 0], x), 1]
                ends = found.interval(first + place)
                assert [heights.min(), heights.max()] == pytest.approx(list(ends), abs=1e-9)


def groups_of(images: Images) -> dict[str, np.ndarray]:
    """As the study's columns: patients with an odd number are of one sex."""
    odd = np.array([int(images.patients[own][1:]) % 2 for own in images.patient_of], dtype=bool)
    return {"F": odd, "M": ~odd}


def test_subgroups_and_their_gap(made: Made, section: Section, images: Images) -> None:
    rows = {row["group"]: row for row in made.table(section, "subgroups")}
    groups = groups_of(images)
    classes, needed = {}, []
    for name, held in groups.items():
        sides = [[images.side(column, value) & held for value in (1, 0)] for column in range(len(images.classes))]
        classes[name] = [
            column
            for column, own in enumerate(sides)
            if all(side.sum() >= 5 and images.patients_with(side) >= 10 for side in own)
        ]
        needed += [side for column in classes[name] for side in sides[column]]
    counts = second.resamples(images, needed)
    reference = max(groups, key=lambda name: groups[name].sum())
    (other,) = set(groups) - {reference}
    for name, held in groups.items():
        row = rows[f"sex: {name}"]
        assert int(row["images"]) == held.sum()
        assert int(row["patients"]) == images.patients_with(held)
        found = Resampled.of(images, second.mean(second.aucs(images, classes[name], held)), counts)
        assert row["AUC, % (95 % CI)"] == second.in_hundredths(found.value[0], found.interval())
    both = sorted(set(classes[reference]) & set(classes[other]))
    assert both
    one, two = (second.mean(second.aucs(images, both, groups[name])) for name in (other, reference))
    gap = Resampled.of(images, lambda weights: one(weights) - two(weights), counts)
    assert rows[f"sex: {other}"]["gap (95 % CI)"] == second.in_hundredths(gap.value[0], gap.interval())
    assert rows[f"sex: {reference}"]["gap (95 % CI)"] == "–"
    shown = rows[f"sex: {other}"]["p by Holm"]
    assert float(shown) == pytest.approx(second.holm([gap.p_value()])[0], rel=0.05)  # two digits are shown


def test_baselines_beside_the_chosen_run(made: Made, section: Section) -> None:
    rows: dict[str, dict[str, Any]] = {row["classifier"]: row for row in made.table(section, "baselines")}
    area = "macro AUC, % (95 % CI)"
    assert rows[CHOSEN][area] == second.in_hundredths(*macro(made.folder / OWN / "predictions.csv"))
    baselines = made.folder / PLACE / "baselines"
    assert rows["sex"][area] == second.in_hundredths(*macro(baselines / "sex/predictions.csv"))
    first = macro(baselines / "shuffled/predictions.csv")[0]
    assert rows["shuffled"][area] == f"{100 * np.mean([first, 0.47, 0.55]):.1f} (mean of 3 shuffles)"


def test_the_external_test(made: Made, section: Section) -> None:
    (row,) = made.table(section, "external")
    path = made.folder / f"{PLACE}/mse-resnet50-s0/linear-external/f0.06-l1/predictions.csv"
    own, there = macro(made.folder / OWN / "predictions.csv"), macro(path)
    assert row["data"] == "Elsewhere"
    assert row["own test, %"] == second.in_hundredths(*own)
    assert row["there, %"] == second.in_hundredths(*there)
    ends = second.difference_of_two_tests(*there, *own)
    assert row["difference (95 % CI)"] == second.in_hundredths(there[0] - own[0], ends)
    images = second.images_of(path)
    assert row["images there"] == f"{len(images.truth)} of {len(images.patients)} patients"
