"""Layer-wise probing: each cell is a linear evaluation of its own, and all are measured on the same patients."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from monai_mocoi.analysis import (
    LinearEvaluation,
    chosen_thresholds,
    compare_predictions,
    evaluate_predictions,
    pooled_features,
    probe_stages,
    probing_draws,
)
from monai_mocoi.data import ImageDataset, label_subset, read_predictions
from monai_mocoi.engines import LinearTrainer
from monai_mocoi.errors import DatasetError, EvaluationError
from monai_mocoi.metrics import patient_bootstrap, selection_metric
from monai_mocoi.networks import Classifier, StageEncoder
from tests.engines.classifiers import evaluator_of
from tests.networks.small import small_resnet, views
from tests.support.probing_data import COUNTS, FEW, PENALTIES, WIDTHS, datalist, made_features, probed


def noise_of(path: str) -> torch.Tensor:
    return torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(int(Path(path).stem)))


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
@pytest.mark.parametrize("stage", [1, "all"])
def test_a_cell_is_what_linear_evaluation_and_its_test_give(kind: str, stage: int | str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    data = datalist(kind, folder=tmp_path / "images")
    network = Classifier(StageEncoder(small_resnet()), len(data.labels), stage, trainable="head", seed=1)
    network.encoder.train()
    network.encoder(views(16)[0])  # running statistics that are not those of the start
    network.train()

    def dataset(items: Any) -> ImageDataset:
        return ImageDataset(items, noise_of, cache=False)

    draws = probing_draws(data, [0.4], [3])
    features = {
        split: pooled_features(network.encoder, dataset(items), cache=False, progress=False)
        for split, items in data.splits().items()
    }
    # Strong penalties: weights of weak ones are so large that the last digits of a feature count.
    options: dict[str, Any] = {"penalties": [100.0, 1.0]}
    result = probe_stages(
        features, data, draws, stages=[stage], folder=tmp_path / "probing", progress=False, **options, **FEW
    )
    (cell,) = result["cells"]

    labelled = label_subset(data, 0.4, 3)
    sets = dataset(labelled.datalist.training), dataset(labelled.datalist.validation)
    trainer = LinearTrainer(
        "cpu", network, *sets, kind, "macro_auc", labelled.selection, precision="float32", **options
    )
    trainer.run()
    thresholds, _ = chosen_thresholds(evaluator_of(network, sets[1], kind).predict())
    tested = evaluator_of(network, dataset(data.test), kind).predict()
    expected = evaluate_predictions(tested, thresholds, **FEW)

    assert trainer.fit is not None
    assert (cell["penalty"], cell["selection"]) == (trainer.fit.penalty, "metric")
    assert cell["validation_score"] == pytest.approx(trainer.fit.score, abs=1e-6)
    assert cell["name"] == f"s{stage}-f0.4-l3"
    written = read_predictions(tmp_path / "probing" / cell["name"] / "predictions.csv")
    assert (written.images, written.patients) == (tested.images, tested.patients)
    np.testing.assert_array_equal(written.labels, tested.labels)
    np.testing.assert_allclose(written.probabilities, tested.probabilities, atol=1e-6)
    assert cell["thresholds"] == (None if thresholds is None else pytest.approx(thresholds, abs=1e-6))
    from_file = evaluate_predictions(written, cell["thresholds"], **FEW)
    assert cell["metrics"] == from_file["overall"]  # every number can be computed again from the file
    assert cell["metrics"]["macro_auc"]["value"] == pytest.approx(expected["overall"]["macro_auc"]["value"], abs=0.01)
    assert result["intervals"] == from_file["intervals"]


def test_a17_chosen_on_validation_and_reported_on_test() -> None:
    data = datalist()
    result = probed(data)
    # What the test images are decides nothing.
    turned = replace(data, test=[{**item, "label": [1 - own for own in item["label"]]} for item in data.test])
    other = probed(turned, made_features(data))
    kept = ("name", "penalty", "selection", "validation_score", "thresholds", "labelled_sha256")
    assert [[cell[k] for k in kept] for cell in result["cells"]] == [[cell[k] for k in kept] for cell in other["cells"]]
    for cell, mirrored in zip(result["cells"], other["cells"], strict=True):
        auc = cell["metrics"]["macro_auc"]["value"]
        assert mirrored["metrics"]["macro_auc"]["value"] == pytest.approx(1 - auc)
        assert cell["validation_score"] != auc
    # The chosen penalty is the best on the validation images of the draw, by a second way to its score.
    draw = probing_draws(data, [0.4], [2])[0]
    rows = {split: [int(item["name"][7:10]) for item in getattr(draw.datalist, split)] for split in COUNTS}
    first = {"training": 0, "validation": COUNTS["training"]}
    features, scores = made_features(data), {}
    x, y = {}, {}
    for split in ("training", "validation"):
        positions = np.array(rows[split]) - first[split]
        x[split] = np.concatenate([features[split][stage][positions] for stage in (1, 2, 3, 4)], axis=1)
        y[split] = np.array([data.splits()[split][row]["label"] for row in positions])
    for penalty in PENALTIES:
        fit = LinearEvaluation("multilabel", 2, None, "loss", [penalty]).fit(
            x["training"], y["training"], x["validation"], y["validation"]
        )
        said = 1 / (1 + np.exp(-(x["validation"] @ fit.weight.T + fit.bias)))
        scores[penalty] = roc_auc_score(y["validation"], said)
    (cell,) = (cell for cell in result["cells"] if cell["name"] == "sall-f0.4-l2")
    assert cell["penalty"] == max(scores, key=scores.__getitem__)
    assert cell["validation_score"] == pytest.approx(max(scores.values()))
    assert (cell["labelled_images"], cell["validation_images"]) == (len(rows["training"]), len(rows["validation"]))


def test_few_validation_images_choose_as_in_fine_tuning() -> None:
    data = datalist()
    fractions = probed(data, fractions=(0.1, 0.4), seeds=(1,))["cells"]
    assert {cell["label_fraction"]: cell["selection"] for cell in fractions} == {0.1: "last", 0.4: "metric"}
    assert all(cell["penalty"] == 0.1 for cell in fractions if cell["selection"] == "last")
    without = replace(data, validation=[])
    features = {split: own for split, own in made_features(data).items() if split != "validation"}
    cells = probed(without, features)["cells"]
    assert {cell["selection"] for cell in cells} == {"last"}
    assert cells[0]["thresholds"] == {"A": 0.5, "B": 0.5}


def test_the_mean_over_draws_and_its_interval_against_a_loop_over_patients(tmp_path: Path) -> None:
    data = datalist()
    result = probed(data, interval="percentile", folder=tmp_path, seeds=(1, 2, 3))
    (row,) = (row for row in result["summary"] if (row["stage"], row["label_fraction"]) == (3, 0.4))
    files = [read_predictions(tmp_path / f"s3-f0.4-l{seed}" / "predictions.csv") for seed in (1, 2, 3)]
    patients, truth = np.array(files[0].patients), files[0].labels
    draw = patient_bootstrap(patients, truth, 79, 0)
    ids, means = np.unique(patients), []
    for counts in draw.counts:
        rows = np.concatenate([np.tile(np.flatnonzero(patients == own), n) for own, n in zip(ids, counts, strict=True)])
        means.append(np.mean([roc_auc_score(truth[rows], own.probabilities[rows]) for own in files]))
    values = [roc_auc_score(truth, own.probabilities) for own in files]
    number = row["metrics"]["macro_auc"]
    assert number["value"] == pytest.approx(np.mean(values))
    assert number["interval"] == pytest.approx(np.sort(means)[[1, 77]], abs=1e-9)  # ranks 2 and 78 of 79
    assert (number["lowest"], number["highest"]) == (pytest.approx(min(values)), pytest.approx(max(values)))
    assert row["draws"] == 3
    (whole,) = (row for row in result["summary"] if (row["stage"], row["label_fraction"]) == (3, 1.0))
    assert (whole["draws"], whole["labelled_images"]) == (1, [160, 160])
    assert (whole["metrics"]["macro_auc"]["lowest"], whole["metrics"]["macro_auc"]["highest"]) == (None, None)


@pytest.mark.parametrize("draws", [[1], [1, 2]])
def test_a_calibration_error_has_no_interval_that_does_not_hold_it(draws: list[int]) -> None:
    """Of a cell and of the mean over the draws: resampling alone raises it."""
    result = probed(datalist(), fractions=[0.5], seeds=draws, interval="percentile")
    numbers = [own["metrics"]["calibration_error"] for own in (*result["cells"], *result["summary"])]
    without = [number for number in numbers if number["interval"] is None]
    assert without
    assert all(number["reason"].startswith("Resampling raises this error") for number in without)
    assert all(low <= own["value"] <= high for own in numbers if own["interval"] for low, high in [own["interval"]])


def test_the_stages_are_set_against_the_last_one_on_the_same_patients(tmp_path: Path) -> None:
    result = probed(datalist(), fractions=(1.0,), folder=tmp_path)
    assert [row["stage"] for row in result["differences"]] == [1, 2, 3, "all"]
    files = [read_predictions(tmp_path / f"s{stage}-f1-l1" / "predictions.csv") for stage in (4, 2)]
    expected = compare_predictions(*files, **FEW)["overall"]
    own = result["differences"][1]
    assert {name: own[name] for name in expected} == expected
    assert (own["than"], own["label_fraction"]) == (4, 1.0)
    assert own["value"] > 0.05
    assert probed(datalist(), fractions=(1.0,), stages=[1, 2])["differences"] == []


def test_what_is_written_and_that_it_is_the_same_again(tmp_path: Path) -> None:
    data, about = datalist("multiclass"), {"weights_sha256": "ab"}
    result = probed(data, folder=tmp_path / "a", about=about)
    assert json.loads((tmp_path / "a" / "probing.json").read_text()) == json.loads(json.dumps(result))
    assert result["encoder"] == about
    assert [cell["name"] for cell in result["cells"][:3]] == ["s1-f0.4-l1", "s1-f0.4-l2", "s1-f1-l1"]
    assert sorted(path.name for path in (tmp_path / "a").iterdir() if path.is_dir()) == sorted(
        cell["name"] for cell in result["cells"]
    )
    with open(tmp_path / "a" / "probing.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 2 * 6
    aucs = {(row["label_fraction"], row["stage"]): row for row in rows if row["metric"] == "macro_auc"}
    for row in result["summary"]:
        shown, number = aucs[f"{row['label_fraction']:g}", str(row["stage"])], row["metrics"]["macro_auc"]
        assert float(shown["value"]) == number["value"]
        assert [float(shown["low"]), float(shown["high"])] == number["interval"]
        assert shown["lowest_draw"] == ("" if number["lowest"] is None else repr(number["lowest"]))
    probed(data, folder=tmp_path / "b", about=about)
    for file in (path for path in (tmp_path / "a").rglob("*") if path.is_file()):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_images_that_could_not_be_read_are_left_out() -> None:
    data = datalist()
    rows = {"training": [r for r in range(160) if r % 7], "validation": list(range(3, 80)), "test": list(range(85))}
    features = made_features(data)
    kept = {split: {s: own[rows[split]] for s, own in features[split].items()} for split in COUNTS}
    result = probed(data, kept, fractions=(1.0,), rows=rows)
    whole = {split: [data.splits()[split][row] for row in rows[split]] for split in COUNTS}
    expected = probed(replace(data, **whole), kept, fractions=(1.0,))
    assert result["images"] == 85
    assert result["summary"] == expected["summary"]
    assert result["cells"][0]["labelled_images"] == len(rows["training"])


def test_without_a_class_to_score_it_says_why() -> None:
    result = probed(datalist(), min_positives=80)
    assert result["scored_classes"] == []
    for number in (result["cells"][0]["metrics"]["macro_auc"], result["summary"][0]["metrics"]["macro_auc"]):
        assert (number["value"], number["interval"]) == (None, None)
        assert "to be evaluated" in number["reason"]
    assert result["differences"] == []


def test_the_draws_are_those_of_fine_tuning_each_once() -> None:
    data = datalist()
    draws = probing_draws(data, [1.0, 0.4, 0.1, 0.4], [1, 2])
    assert [(d.record["label_fraction"], d.record["label_seed"]) for d in draws] == [
        *((0.1, 1), (0.1, 2), (0.4, 1), (0.4, 2), (1.0, 1)),
    ]
    assert draws[2].record == label_subset(data, 0.4, 1).record
    assert set(draws[0].record["training"]) < set(draws[2].record["training"])
    # With seeds that draw the same images, a draw counts once.
    assert len(probing_draws(data, [0.4], [1, 1])) == 1


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"metric": "macro_sensitivity"}, EvaluationError, "metric is 'macro_sensitivity'; choose one of macro_auc"),
        ({"stages": [5]}, ValueError, "stage is 5"),
        ({"stages": []}, EvaluationError, "one or more stages"),
        ({"resamples": 3}, EvaluationError, "resamples"),
        (
            {"rows": {"test": [0, 1]}},
            DatasetError,
            r"features of the test split are of \[90\] images, .* has 2 of them",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(change: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        probed(datalist(), **change)


def test_what_cannot_be_tested_or_drawn_is_refused() -> None:
    data = datalist()
    with pytest.raises(DatasetError, match="probing needs test images"):
        probed(
            replace(data, test=[]), {**made_features(data), "test": {s: np.zeros((0, 2), np.float32) for s in WIDTHS}}
        )
    with pytest.raises(DatasetError, match="one or more label_fractions"):
        probing_draws(data, [], [1])
    with pytest.raises(DatasetError, match="label_fraction is 2"):
        probing_draws(data, [2], [1])


@pytest.mark.parametrize("metric", ["macro_average_precision", "macro_f1"])
def test_penalties_are_chosen_by_the_metric_asked_for(metric: str) -> None:
    data = datalist("multiclass")
    result = probed(data, metric=metric, fractions=(1.0,), stages=[1])
    features = made_features(data)
    labels = {split: np.array([item["label"] for item in items]) for split, items in data.splits().items()}
    fit = LinearEvaluation(
        "multiclass", 3, lambda truth, said: selection_metric(metric, "multiclass", truth, said), "metric", PENALTIES
    ).fit(features["training"][1], labels["training"], features["validation"][1], labels["validation"])
    assert (result["cells"][0]["penalty"], result["cells"][0]["validation_score"]) == (fit.penalty, fit.score)
    assert result["metric"] == metric
