from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from monai_mocoi.engines import ClassifierEvaluator
from monai_mocoi.errors import NotFinitePredictionError
from monai_mocoi.exit_codes import NOT_FINITE
from monai_mocoi.networks import Classifier, StageEncoder
from tests.engines.classifiers import Table, dataset_of, evaluator_of
from tests.networks.small import small_resnet
from tests.support.processes import in_processes

BATCH = 4
SIZES = [1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 3]


def labels(count: int, kind: str = "multilabel", classes: int = 3) -> np.ndarray:
    rng = np.random.default_rng(count)
    return rng.integers(0, 2, (count, classes)) if kind == "multilabel" else rng.integers(0, classes, count)


def logits(count: int, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(100 + count).standard_normal((count, classes)).astype(np.float32)


def run(evaluator: ClassifierEvaluator, epoch: int = 1) -> ClassifierEvaluator:
    evaluator.run(epoch)
    return evaluator


@pytest.mark.parametrize("count", SIZES)
def test_a25_every_image_is_scored_exactly_once(count: int) -> None:
    truth, said = labels(count), logits(count)
    predictions = run(evaluator_of(Table(said), dataset_of(truth), batch_size=BATCH)).predictions
    assert predictions.images == tuple(f"images/{i:03d}.png" for i in range(count))
    assert predictions.patients == tuple(f"p{i:03d}" for i in range(count))
    np.testing.assert_array_equal(predictions.labels, truth)
    np.testing.assert_allclose(predictions.probabilities, 1 / (1 + np.exp(-said.astype(float))), rtol=1e-12)


def small_classifier() -> Classifier:
    return Classifier(StageEncoder(small_resnet()), 3, seed=1)


def predictions_by_size(rank: int = 0) -> list[tuple[tuple[str, ...], np.ndarray, dict[str, float], int]]:
    found = []
    for count in SIZES:
        evaluator = run(evaluator_of(small_classifier(), dataset_of(labels(count)), batch_size=BATCH), epoch=3)
        predictions = evaluator.predictions
        found.append((predictions.images, predictions.probabilities, evaluator.state.metrics, evaluator.state.epoch))
    return found


@pytest.mark.slow
@pytest.mark.numeric
def test_a25_two_processes_score_what_one_does_even_if_one_of_them_has_no_image() -> None:
    alone = predictions_by_size()
    for found in in_processes(predictions_by_size, 2):
        for (images, probabilities, metrics, epoch), (images1, probabilities1, metrics1, _) in zip(
            found, alone, strict=True
        ):
            assert images == images1
            np.testing.assert_allclose(probabilities, probabilities1, rtol=0, atol=1e-6)
            assert metrics == pytest.approx(metrics1, abs=1e-6)
            assert epoch == 3


def test_what_is_not_known_takes_no_part_in_loss_and_metrics() -> None:
    truth, said = labels(40), logits(40)
    known = np.random.default_rng(7).random(truth.shape) < [0.5, 0.9, 1]
    given = [[int(v) if k else None for v, k in zip(*row, strict=True)] for row in zip(truth, known, strict=True)]
    evaluator = run(evaluator_of(Table(said), dataset_of(np.array(given, dtype=object)), name="test"))
    np.testing.assert_array_equal(evaluator.predictions.labels, np.where(known, truth, -1))
    p = 1 / (1 + np.exp(-said.astype(float)))
    parts = [(truth[known[:, c], c], p[known[:, c], c]) for c in range(3)]
    metrics = evaluator.state.metrics
    assert metrics["test/loss"] == pytest.approx(log_loss(truth[known], p[known]))
    assert metrics["test/macro_auc"] == pytest.approx(np.mean([roc_auc_score(*own) for own in parts]))
    expected = np.mean([average_precision_score(*own) for own in parts])
    assert metrics["test/macro_average_precision"] == pytest.approx(expected)


def test_metrics_of_findings_against_scikit_learn() -> None:
    truth, said = labels(40), logits(40)
    metrics = run(evaluator_of(Table(said), dataset_of(truth), name="test")).state.metrics
    p = 1 / (1 + np.exp(-said.astype(float)))
    assert metrics["test/loss"] == pytest.approx(np.mean([log_loss(truth[:, c], p[:, c]) for c in range(3)]))
    assert metrics["test/macro_auc"] == pytest.approx(roc_auc_score(truth, p))
    assert metrics["test/macro_average_precision"] == pytest.approx(average_precision_score(truth, p))
    assert set(metrics) == {f"test/{n}" for n in ("loss", "macro_auc", "macro_average_precision", "macro_f1")}
    final = run(evaluator_of(Table(said), dataset_of(truth), name="test", metrics=()))
    assert set(final.state.metrics) == {"test/loss"}  # the numbers of an evaluation are those of metrics.json
    np.testing.assert_allclose(final.predictions.probabilities, p, rtol=1e-12)


def test_metrics_of_classes_against_scikit_learn() -> None:
    truth, said = labels(40, "multiclass"), logits(40)
    metrics = run(evaluator_of(Table(said), dataset_of(truth), "multiclass")).state.metrics
    p = np.exp(said.astype(float))
    p /= p.sum(axis=1, keepdims=True)
    assert metrics["validation/loss"] == pytest.approx(log_loss(truth, p))
    assert metrics["validation/macro_auc"] == pytest.approx(roc_auc_score(truth, p, multi_class="ovr"))
    assert metrics["validation/macro_f1"] == pytest.approx(f1_score(truth, p.argmax(1), average="macro"))


def test_a21_the_auc_of_two_classes_is_that_of_the_softmax_probability() -> None:
    truth = np.array([0, 0, 1, 1, 1])
    said = np.array([[0.0, 1.0], [3.0, 2.0], [-3.0, 0.0], [1.0, 3.0], [2.0, 2.5]])  # the second logit alone misleads
    metrics = run(evaluator_of(Table(said), dataset_of(truth), "multiclass", classes="AB")).state.metrics
    p = np.exp(said)[:, 1] / np.exp(said).sum(axis=1)
    assert metrics["validation/macro_auc"] == pytest.approx(roc_auc_score(truth, p))
    assert roc_auc_score(truth, p) != roc_auc_score(truth, said[:, 1])


def test_what_is_not_defined_is_left_out_and_nothing_stays_from_the_run_before() -> None:
    table = Table(logits(5))
    evaluator = run(evaluator_of(table, dataset_of(np.ones((5, 3), dtype=int))))
    assert list(evaluator.state.metrics) == ["validation/loss"]
    evaluator.state.metrics["validation/macro_auc"] = 0.9
    run(evaluator, 2)
    assert list(evaluator.state.metrics) == ["validation/loss"]


@pytest.mark.parametrize(("kind", "bad"), [("multilabel", "nan"), ("multiclass", "nan"), ("multiclass", "inf")])
def test_a_probability_that_is_not_a_number_is_an_error_that_says_which_image(kind: str, bad: str) -> None:
    said = logits(9)
    said[6, 1] = float(bad)
    evaluator = evaluator_of(Table(said), dataset_of(labels(9, kind)), kind)
    with pytest.raises(NotFinitePredictionError, match=r"image 7 of 9 \(.* 1 of 9 images\)") as caught:
        run(evaluator)
    assert caught.value.exit_code == NOT_FINITE


def test_a5_predicting_leaves_the_network_as_it_was() -> None:
    network = small_classifier().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    evaluator = run(evaluator_of(network, dataset_of(labels(6))))
    evaluator.predict()
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training
    assert all(module.training for module in network.modules())


def test_predicting_once_more_is_quiet_and_shows_the_network_as_it_is_now() -> None:
    heard: list[Any] = []

    class Listen:
        def attach(self, engine: ClassifierEvaluator) -> None:
            for event in (Events.EPOCH_COMPLETED, Events.ITERATION_COMPLETED, Events.COMPLETED):
                engine.add_event_handler(event, lambda e: heard.append(e.state.metrics.get("validation/macro_auc")))

    truth, table = labels(5), Table(logits(5))
    evaluator = run(evaluator_of(table, dataset_of(truth), val_handlers=[Listen()]), 7)
    told, first = len(heard), evaluator.predictions
    assert heard[-1] == evaluator.state.metrics["validation/macro_auc"]  # handlers see the epoch's own metrics
    with torch.no_grad():
        table.logits.mul_(-1)
    second = evaluator.predict()
    assert len(heard) == told
    assert evaluator.state.epoch == 7
    assert second is evaluator.predictions
    np.testing.assert_allclose(second.probabilities, 1 - first.probabilities, rtol=1e-12)
    assert evaluator.state.metrics["validation/macro_auc"] == pytest.approx(1 - heard[-1])


def test_bfloat16_predicts_nearly_the_same() -> None:
    exact = run(evaluator_of(small_classifier(), dataset_of(labels(6)))).predictions.probabilities
    network, dataset = small_classifier(), dataset_of(labels(6))
    coarse = run(
        ClassifierEvaluator(
            "cpu",
            evaluator_of(network, dataset).data_loader,
            network,
            "ABC",
            "multilabel",
            precision="bf16",
        )
    ).predictions.probabilities
    np.testing.assert_allclose(coarse, exact, atol=0.02)
    assert not np.array_equal(coarse, exact)


def test_some_outputs_alone_are_predicted_in_the_order_asked_for() -> None:
    logits = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    labels = np.random.default_rng(1).integers(0, 2, (6, 2))
    some = evaluator_of(Table(logits), dataset_of(labels), outputs=[3, 1])
    chosen = evaluator_of(Table(logits[:, [3, 1]]), dataset_of(labels))
    for evaluator in (some, chosen):
        evaluator.run()
    np.testing.assert_array_equal(some.predictions.probabilities, chosen.predictions.probabilities)
    assert some.state.metrics == chosen.state.metrics
