"""Linear evaluation, fine-tuning, label efficiency, paired differences, Holm and patients, by the second script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_mocoi.study_report import Metric
from monai_mocoi.study_report.section_data import data_section
from monai_mocoi.study_report.section_paired import paired_section
from monai_mocoi.study_report.section_results import evaluation_section, label_efficiency_section
from tests.study_report import second_script as second
from tests.study_report.whole_study import PLACE, Made, measured

ARMS = {"linear": ("random", "moco", "mse"), "finetune": ("supervised", "moco", "mse")}
DRAWS = {0.06: (1, 2), 1.0: (1,)}
PAIRS = {"linear": [("moco", "random"), ("mse", "random"), ("mse", "moco")]}
PAIRS["finetune"] = [("moco", "supervised"), ("mse", "supervised"), ("mse", "moco")]


def file(made: Made, evaluation: str, arm: str, seed: int, fraction: float, draw: int) -> Path:
    place = made.folder / f"{PLACE}/{arm}-resnet50-s{seed}/{evaluation}/f{fraction:g}-l{draw}"
    return place / "predictions.csv"


def of_draws(
    made: Made, evaluation: str, arm: str, fraction: float, label: str | None = None
) -> list[tuple[float, np.ndarray]]:
    """The mean of both seeds for each label draw, and without each patient."""
    found = []
    for draw in DRAWS[fraction]:
        values, without = zip(
            *(second.macro_auc(file(made, evaluation, arm, seed, fraction, draw), label) for seed in (0, 1)),
            strict=True,
        )
        found.append((float(np.mean(values)), np.mean(without, axis=0)))
    return found


def assert_are_cells(made: Made, rows: list[dict[str, Any]], evaluation: str, label: str | None) -> None:
    assert [(float(row["label_fraction"]), row["arm"]) for row in rows] == [
        (fraction, arm) for fraction in (1.0, 0.06) for arm in ARMS[evaluation]
    ]
    for row in rows:
        fraction, arm = float(row["label_fraction"]), row["arm"]
        value, low, high, _ = second.crossed(*zip(*of_draws(made, evaluation, arm, fraction, label), strict=True))
        shown = [float(row[name]) for name in ("value", "low", "high")]
        assert shown == pytest.approx([value, max(low, 0), min(high, 1)], abs=1e-9)
        files = [file(made, evaluation, arm, seed, fraction, draw) for seed in (0, 1) for draw in DRAWS[fraction]]
        single = [second.macro_auc(path, label)[0] for path in files]
        assert [float(row["lowest_run"]), float(row["highest_run"])] == pytest.approx([min(single), max(single)])
        assert row["label_draws"] == len(DRAWS[fraction])
        assert row["patients"] == len(second.images_of(files[0]).patients)


@pytest.mark.parametrize("evaluation", ["linear", "finetune"])
def test_linear_evaluation_and_fine_tuning(made: Made, evaluation: str) -> None:
    rows = made.table(evaluation_section(made.results, evaluation), f"{evaluation}_1")
    assert_are_cells(made, rows, evaluation, None)


def test_one_class_alone(made: Made) -> None:
    own = measured(made.folder, Metric("auc", "Mass"))
    assert_are_cells(own, own.table(evaluation_section(own.results, "finetune"), "finetune_1"), "finetune", "Mass")


@pytest.mark.parametrize("evaluation", ["linear", "finetune"])
def test_points_and_intervals_of_the_label_efficiency_figure(made: Made, evaluation: str) -> None:
    section = label_efficiency_section(made.results)
    axes = made.picture(section, f"label_efficiency_{evaluation}_1").axes[0]
    drawn: dict[str, list[tuple[list[float], list[float]]]] = {}
    values: dict[str, np.ndarray] = {}
    for line in axes.lines:  # of each arm its line, then for each point of it the interval and the single runs
        if not str(line.get_label()).startswith("_"):
            arm = {"MoCo": "moco", "MSE": "mse"}.get(str(line.get_label()), str(line.get_label()))
            values[arm], drawn[arm] = np.asarray(line.get_ydata()), []
        elif line.get_linestyle() != "None":
            drawn[arm].append((list(line.get_ydata()), []))
        else:
            drawn[arm][-1][1].extend(line.get_ydata())
    assert tuple(values) == ARMS[evaluation]
    for arm, own in drawn.items():
        for fraction, value, (ends, runs) in zip((1.0, 0.06), values[arm], own, strict=True):
            expected, low, high, _ = second.crossed(*zip(*of_draws(made, evaluation, arm, fraction), strict=True))
            assert [value, *ends] == pytest.approx([100 * expected, 100 * max(low, 0), 100 * min(high, 1)], abs=1e-7)
            single = [
                100 * second.macro_auc(file(made, evaluation, arm, seed, fraction, draw))[0]
                for seed in (0, 1)
                for draw in DRAWS[fraction]
            ]
            assert sorted(runs) == pytest.approx(sorted(single))


def test_every_difference_and_holms_correction_over_both_evaluations(made: Made) -> None:
    rows = made.table(paired_section(made.results), "paired_differences")
    names = ("evaluation", "label_fraction", "arm", "against")
    asked = {(e, f, *pair) for e, pairs in PAIRS.items() for f in DRAWS for pair in pairs}
    for row in rows:
        row["label_fraction"] = float(row["label_fraction"])
    assert {tuple(row[name] for name in names) for row in rows} == asked
    assert len(rows) == len(asked) == 12
    assert tuple(rows[0][name] for name in names) == ("linear", 0.06, "mse", "moco")
    assert [row["primary"] for row in rows] == [1] + [0] * 11
    p_values = []
    for row in rows:
        evaluation, fraction, arm, against = (row[name] for name in names)
        first, other = (of_draws(made, evaluation, name, fraction) for name in (arm, against))
        pairs = [(a - b, c - d) for (a, c), (b, d) in zip(first, other, strict=True)]
        value, low, high, p = second.crossed(*zip(*pairs, strict=True))
        found = [float(row[name]) for name in ("difference", "low", "high", "p_value")]
        assert found == pytest.approx([value, low, high, p], abs=1e-9)
        assert row["label_draws"] == len(DRAWS[fraction])
        p_values.append(p)
    assert rows[0]["p_value_holm"] == ""
    corrected = [float(row["p_value_holm"]) for row in rows[1:]]
    assert corrected == pytest.approx(second.holm(p_values[1:]), abs=1e-9)
    assert {row["corrected_for"] for row in rows[1:]} == {11}


def test_tables_of_patients_images_and_arms(made: Made) -> None:
    section = data_section(made.results)
    images = second.images_of(file(made, "linear", "mse", 0, 0.06, 1))
    rows = made.table(section, "test_patients_1")
    assert [row["label"] for row in rows] == list(images.classes)
    for column, row in enumerate(rows):
        truth = images.truth[:, column]
        counts = [int((truth == 1).sum()), int((truth == 0).sum()), int(np.isnan(truth).sum())]
        assert [int(row[name]) for name in ("positive images", "negative images", "not known")] == counts
        assert counts[2] > 0
        assert int(row["of patients"]) == images.patients_with(truth == 1) < len(images.patients)
    (note,) = [block.note for block in section.blocks if getattr(block, "name", "") == "test_patients_1"]
    assert note.startswith(f"{len(images.truth)} images of {len(images.patients)} patients.")
    assert note.endswith(f"the labels {', '.join(images.classes)}.")
    labelled = made.table(section, "labelled_1")
    assert [(row["label_fraction"], row["label_seed"]) for row in labelled] == [("1.0", 1), ("0.06", 1), ("0.06", 2)]
    for row in labelled:
        path = file(made, "linear", "moco", 1, float(row["label_fraction"]), row["label_seed"])
        counts = json.loads((path.parent / "labelled.json").read_text())["counts"]
        for split in ("training", "validation"):
            for name in ("images", "patients", "of"):
                assert row[f"{split}_{name}"] == counts[split][name]
    arms = {row["name in the folders"]: int(row["tested runs"]) for row in made.table(section, "arms")}
    assert arms == {"random": 6, "supervised": 6, "moco": 12, "mse": 12}
