"""Two probings against each other: as the comparison of their predictions, cell by cell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_mocoi.analysis import Probing, compare_predictions, compare_probings, find_probing, read_probing
from monai_mocoi.data import read_predictions
from monai_mocoi.errors import ComparisonError, EvaluationError, PredictionsError
from tests.support.probing_data import FEW, datalist, made_features, probed


def pair(folder: Path, kind: str = "multilabel", **second: Any) -> tuple[Probing, Probing]:
    """Two encoders, the second of which is told less by its features."""
    data = datalist(kind)
    probed(data, folder=folder / "a")
    probed(data, made_features(data, noise=9.0), folder=folder / "b", **second)
    return read_probing(folder / "a" / "probing.json"), read_probing(folder / "b" / "probing.json")


@pytest.mark.parametrize("metric", ["macro_auc", "macro_f1"])
def test_one_draw_is_the_comparison_of_its_predictions(metric: str, tmp_path: Path) -> None:
    first, second = pair(tmp_path)
    result = compare_probings(first, second, metric, **FEW)
    assert [(cell["stage"], cell["label_fraction"], cell["draws"]) for cell in result["cells"]] == [
        (stage, fraction, 2 if fraction == 0.4 else 1) for fraction in (0.4, 1.0) for stage in (1, 2, 3, 4, "all")
    ]
    for cell in result["cells"][5:]:
        name = f"s{cell['stage']}-f1-l1"
        files = [read_predictions(own.folder / name / "predictions.csv") for own in (first, second)]
        thresholds = [
            next(own_cell["thresholds"] for own_cell in own.document["cells"] if own_cell["name"] == name)
            for own in (first, second)
        ]
        expected = compare_predictions(*files, metric, *thresholds, **FEW)
        assert {key: cell[key] for key in expected["overall"]} == expected["overall"]
        assert {key: result[key] for key in ("images", "patients", "intervals", "scored_classes")} == {
            key: expected[key] for key in ("images", "patients", "intervals", "scored_classes")
        }
    assert result["cells"][6]["value"] < -0.05
    assert result["cells"][6]["p_value"] < 0.05


def test_several_draws_are_the_difference_of_their_means(tmp_path: Path) -> None:
    first, second = pair(tmp_path)
    cell = compare_probings(first, second, **FEW)["cells"][0]
    ends = {}
    for side, own in (("first", first), ("second", second)):
        (row,) = (r for r in own.document["summary"] if (r["stage"], r["label_fraction"]) == (1, 0.4))
        ends[side] = row["metrics"]["macro_auc"]["value"]
        assert cell[side] == pytest.approx(ends[side], abs=1e-12)
    assert cell["value"] == pytest.approx(ends["second"] - ends["first"], abs=1e-12)
    assert cell["interval"][0] <= cell["value"] <= cell["interval"][1]
    back = compare_probings(second, first, **FEW)["cells"][0]
    assert (back["value"], back["p_value"]) == (pytest.approx(-cell["value"]), pytest.approx(cell["p_value"], abs=0.05))


def test_what_both_have_is_compared(tmp_path: Path) -> None:
    first, second = pair(tmp_path, "multiclass", stages=[4, 2], fractions=(1.0, 0.6))
    result = compare_probings(first, second, **FEW)
    assert [(cell["stage"], cell["label_fraction"]) for cell in result["cells"]] == [(2, 1.0), (4, 1.0)]
    with pytest.raises(ComparisonError, match=r"no stage and label fraction in common .*B: stage 2 at 0.6"):
        compare_probings(read_probing(tmp_path / "a" / "probing.json"), only(second, 0.6), **FEW)


def only(probing: Probing, fraction: float) -> Probing:
    cells = [cell for cell in probing.document["cells"] if cell["label_fraction"] == fraction]
    return replace(probing, document={**probing.document, "cells": cells})


def test_other_draws_of_labels_and_other_test_images_are_refused(tmp_path: Path) -> None:
    first, second = pair(tmp_path, seeds=(1, 3))
    with pytest.raises(ComparisonError, match=r"label fraction 0.4 .* 2 draws in A, 2 in B, 1 of them the same"):
        compare_probings(first, second, **FEW)
    data = datalist()
    fewer = replace(data, test=data.test[:-4])
    features = made_features(data)
    probed(fewer, {**features, "test": {s: own[:-4] for s, own in features["test"].items()}}, folder=tmp_path / "c")
    with pytest.raises(ComparisonError, match="the images differ: 4 of 90"):
        compare_probings(first, read_probing(tmp_path / "c" / "probing.json"), **FEW)
    with pytest.raises(EvaluationError, match="choose one of macro_auc"):
        compare_probings(first, first, "accuracy", **FEW)
    with pytest.raises(ComparisonError, match="A: 51 positive and 39 negative images"):
        compare_probings(first, first, **{**FEW, "min_positives": 80})


def test_the_calibration_error_is_not_compared(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="calibration_error is not compared"):
        compare_probings(*pair(tmp_path), "calibration_error", **FEW)


def test_where_a_probing_is_found(tmp_path: Path) -> None:
    probed(datalist(), fractions=(1.0,), stages=[1], folder=tmp_path / "analysis" / "probing")
    file = tmp_path / "analysis" / "probing" / "probing.json"
    for place in (tmp_path / "analysis", tmp_path / "analysis" / "probing", file):
        assert find_probing(place) == file
    assert find_probing(tmp_path) is None
    assert find_probing(file.parent / "s1-f1-l1" / "predictions.csv") is None
    np.testing.assert_equal(len(read_probing(file).document["cells"]), 1)
    for content in ("[]", '{"cells": [{"name": "s1-f1-l1"}]}', "no json"):
        file.write_text(content)
        with pytest.raises(PredictionsError, match=r"is not a probing .* give the probing.json"):
            read_probing(file)
    file.write_text(json.dumps({"cells": []}))
    with pytest.raises(ComparisonError, match="A: nothing"):
        compare_probings(read_probing(file), read_probing(file))
