"""Floors at each share of the labels: those of the shortcut baselines where all labels are used."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks import floors
from monai_mocoi.analysis import shortcut_baselines
from monai_mocoi.data import Datalist, load_datalist
from monai_mocoi.data.label_fraction import label_subset
from monai_mocoi.demo import generate_demo
from monai_mocoi.metrics import selection_metric
from monai_mocoi.study_report import Cell, Metric, StudyResults
from monai_mocoi.study_report.measured_cells import TestSet

FEW = {"min_positives": 3, "min_negatives": 3}


@pytest.fixture(scope="module")
def datalist(tmp_path_factory: pytest.TempPathFactory) -> Datalist:
    folder = tmp_path_factory.mktemp("data") / "tissue"
    return load_datalist(generate_demo(folder, "histology", patients=40, size=40, progress=False))


@pytest.fixture(scope="module")
def results(datalist: Datalist) -> StudyResults:
    """A study of one arm, which predicts what the floor of colour does, but worse."""
    colour = next(own for own in shortcut_baselines(datalist, {}) if own.name == "colour")
    test = TestSet(colour.predictions, FEW, Metric())
    noise = np.random.default_rng(0).dirichlet(np.ones(2), len(datalist.test))
    worse = replace(colour.predictions, probabilities=(colour.predictions.probabilities + noise) / 2)
    cells = {}
    for fraction, draws in ((1.0, [1]), (0.5, [1, 2])):
        cell = Cell(("d", "linear", fraction, "4", "mse"))
        for draw in draws:
            subset = label_subset(datalist, fraction, draw)
            run = floors.run_of("d", "mse", fraction, draw, subset)
            cell.runs.append(test.measure(replace(run, encoder="1"), worse))
            cell.asked.append((draw, "1"))
        cells[cell.key] = cell
    plan: Any = SimpleNamespace(fractions=(1.0, 0.5), label_seeds=(1, 2))
    found: Any = SimpleNamespace(plan=plan)
    arms: Any = {"mse": None}
    sources: Any = None
    return StudyResults(found, arms, Metric(), cells, {"d": test}, [], sources)


def test_with_all_labels_they_are_the_shortcut_baselines(results: StudyResults, datalist: Datalist) -> None:
    rows = {(row[1], row[2], row[3]): row for row in floors.floors_of(results, "d", datalist)}
    assert len(rows) == 2 * 2 * 2  # floors, shares of the labels, the floor itself and the arm
    for own in shortcut_baselines(datalist, {}):
        if own.name != "shuffled":
            area = selection_metric("macro_auc", "multiclass", own.predictions.labels, own.predictions.probabilities)
            value, low, high = map(float, rows[1.0, own.name, ""][4:7])
            assert value == pytest.approx(area)
            assert low < value < high or value == 1


def test_an_arm_less_the_floor(results: StudyResults, datalist: Datalist) -> None:
    rows = {(row[1], row[2], row[3]): row for row in floors.floors_of(results, "d", datalist)}
    for fraction in (1.0, 0.5):
        arm = np.mean([own.value for own in results.cells["d", "linear", fraction, "4", "mse"].runs])
        for floor in ("colour", "pixels"):
            value, low, high = map(float, rows[fraction, floor, "mse"][4:7])
            assert value == pytest.approx(arm - float(rows[fraction, floor, ""][4]))
            assert low < value < high


def test_too_few_patients_and_missing_runs_are_told(
    results: StudyResults, datalist: Datalist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(study: StudyResults) -> dict[tuple[float, str], list[Any]]:
        return {(row[1], row[3]): row[4:] for row in floors.floors_of(study, "d", datalist) if row[2] == "colour"}

    assert results.sets["d"].few_patients
    assert {row[-1] for row in told(results).values()} == {"too few patients"}
    monkeypatch.setattr(results.sets["d"], "few_patients", [])
    cell = results.cells["d", "linear", 0.5, "4", "mse"]
    lacks = replace(cell, asked=[(draw, name) for draw in (1, 2) for name in "12"])
    cells = {cell.key: lacks, ("d", "linear", 1.0, "4", "mse"): Cell(("d", "linear", 1.0, "4", "mse"), trouble="Gone.")}
    found = told(replace(results, cells=cells))
    assert found[0.5, ""][4:] == [2, 2, ""]
    assert found[0.5, "mse"][4:6] == [4, 6]
    low, high = map(float, found[0.5, "mse"][1:3])
    assert found[0.5, "mse"][6] == ("better" if low > 0 else "worse" if high < 0 else "not shown")
    assert found[1.0, "mse"] == ["", "", "", "", 0, 1, "no number"]


def test_floors_are_chosen_as_the_arms_are(results: StudyResults, datalist: Datalist, tmp_path: Path) -> None:
    def written(name: str, **settings: Any) -> Any:
        node = SimpleNamespace(kind="linear", dataset="d", run_dir=name)
        (tmp_path / name).mkdir()
        (tmp_path / name / "linear.json").write_text(json.dumps({"settings": settings}))
        return node

    def of(*nodes: Any) -> Any:
        found: Any = SimpleNamespace(plan=SimpleNamespace(nodes=nodes), root=tmp_path)
        return floors.chosen_as(replace(results, found=found), "d")

    usual, f1 = written("a", **floors.ALIKE), written("b", metric="macro_f1", validation_labels="all")
    assert of() == of(usual) == floors.ALIKE
    assert of(f1) == {"metric": "macro_f1", "validation_labels": "all", "class_weighting": False}
    assert "not chosen in one way" in of(usual, f1)
    assert "class_weighting" in of(written("c", class_weighting=True))
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floors, "tested", lambda *given: seen.append(given) or results.sets["d"].images.images)
        list(floors.floors_of(results, "d", datalist, of(f1)))
    assert {given[3] for given in seen} == {"macro_f1"}
    assert {len(given[1].datalist.validation) for given in seen} == {len(datalist.validation)}


def test_a_draw_uses_its_own_images(datalist: Datalist) -> None:
    features = {split: np.arange(len(items), dtype=float)[:, None] for split, items in datalist.splits().items()}
    subset = label_subset(datalist, 0.5, 1)
    seen: dict[str, Any] = {}

    class Fit:
        def fit(self, *given: Any) -> Any:
            seen["rows"] = given[0].ravel().astype(int)
            return SimpleNamespace(probabilities=lambda values, kind: np.full((len(values), 2), 0.5))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(floors, "LinearEvaluation", lambda *_: Fit())
        made = floors.tested(datalist, subset, features, "macro_auc")
    assert [datalist.training[row]["name"] for row in seen["rows"]] == [i["name"] for i in subset.datalist.training]
    assert made.images == tuple(item["name"] for item in datalist.test)


def test_a_folder_that_is_not_here_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planned = SimpleNamespace(id="d", dataset_dir=str(tmp_path / "gone"))
    results: Any = SimpleNamespace(found=SimpleNamespace(plan=SimpleNamespace(datasets=[planned])), sets={"d": None})
    floors.write_floors(results, tmp_path)
    assert not (tmp_path / "floors.csv").exists()
    assert "no floors of d: its folder is not here" in capsys.readouterr().err
