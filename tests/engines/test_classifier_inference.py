from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events

from monai_mocoi.analysis import TypicalFeatures
from monai_mocoi.engines import ClassifierInference
from monai_mocoi.errors import NotFinitePredictionError
from monai_mocoi.exit_codes import NOT_FINITE
from monai_mocoi.metrics import apply_recalibration, fit_shrunk_gaussian, mahalanobis_distance
from monai_mocoi.networks import Classifier, StageEncoder
from tests.networks.small import small_resnet

CLASSES = ("a", "b", "c")
THRESHOLDS = {"c": 0.9, "a": 0.5, "b": 0.1}


def classifier() -> Classifier:
    network = Classifier(StageEncoder(small_resnet()), 3, stage=2, seed=1)
    with torch.no_grad():
        network.head.weight.mul_(20)
    return network


def batch(first: int, count: int, unreadable: dict[int, str] | None = None) -> dict[str, Any]:
    images = torch.rand(count, 1, 32, 32, generator=torch.Generator().manual_seed(first)) if count else None
    return {"image": images, "index": torch.arange(first, first + count), "unreadable": unreadable or {}}


def outputs(engine: ClassifierInference) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: found.append(engine.state.output))
    engine.run()
    return found


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_probabilities_and_decisions(kind: str) -> None:
    batches = [batch(0, 4), batch(4, 0, {4: "empty"}), batch(5, 2, {7: "empty"})]
    network = classifier()
    assert network.training
    engine = ClassifierInference(
        "cpu", batches, network, CLASSES, kind, THRESHOLDS if kind == "multilabel" else None, precision="float32"
    )
    found = outputs(engine)
    assert network.training, "the mode is as it was"
    assert [output["index"].tolist() for output in found] == [[0, 1, 2, 3], [], [5, 6]]
    assert [output["unreadable"] for output in found] == [{}, {4: "empty"}, {7: "empty"}]
    assert found[1]["probabilities"].shape == found[1]["decisions"].shape == (0, 3)
    network.eval()
    decided = []
    for given, output in zip(batches, found, strict=True):
        if given["image"] is None:
            continue
        with torch.no_grad():
            logits = network(given["image"]).double()
        wanted = (1 / (1 + torch.exp(-logits)) if kind == "multilabel" else logits.softmax(1)).numpy()
        assert output["probabilities"].dtype == np.float64
        np.testing.assert_allclose(output["probabilities"], wanted, rtol=0, atol=1e-5)
        if kind == "multilabel":
            limits = np.array([0.5, 0.1, 0.9])
            np.testing.assert_array_equal(output["decisions"], output["probabilities"] >= limits)
        else:
            np.testing.assert_array_equal(output["decisions"].sum(1), 1)
            np.testing.assert_array_equal(output["decisions"].argmax(1), output["probabilities"].argmax(1))
        decided.append(output["decisions"])
    assert 0 < np.concatenate(decided).mean() < 1, "or nothing is told apart"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_probability_that_is_no_number_stops_it(value: float) -> None:
    bad = batch(6, 3)
    bad["image"][1] = value
    with pytest.raises(NotFinitePredictionError, match=r"probability of a is nan .* row 8: no table") as caught:
        ClassifierInference("cpu", [batch(0, 6), bad], classifier(), CLASSES, "multiclass", precision="float32").run()
    assert caught.value.exit_code == NOT_FINITE


@pytest.mark.parametrize(
    ("kind", "thresholds", "error"),
    [
        ("multilabel", None, "given for none, but one is needed for each of a, b, c"),
        ("multilabel", {"a": 0.5, "b": 0.5}, "given for a, b, but one"),
        ("multilabel", {**THRESHOLDS, "d": 0.5}, "but one is needed for each"),
        ("multiclass", THRESHOLDS, "leave thresholds out"),
        ("sigmoid", THRESHOLDS, "choose one of multilabel"),
    ],
)
def test_thresholds_that_do_not_fit(kind: str, thresholds: dict[str, float] | None, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        ClassifierInference("cpu", [], classifier(), CLASSES, kind, thresholds)


def test_percentiles_are_of_the_features_that_gave_the_probabilities() -> None:
    network = classifier()
    batches = [batch(0, 4), batch(4, 0, {4: "empty"}), {**batch(5, 2), "contradictions": {6: "a hip"}}]
    images = torch.cat([batches[0]["image"], batches[2]["image"]])
    network.eval()
    with torch.no_grad():
        features = network.encoder(images).stages[1].mean(dim=(2, 3)).numpy()
    gaussian = fit_shrunk_gaussian(features[:5])
    typical = TypicalFeatures(gaussian, np.sort(mahalanobis_distance(features[:5], gaussian)), 5)
    calls = []
    counted = network.encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    layers = network.encoder.backbone.conv1.register_forward_pre_hook(lambda *_: calls.append(1))
    options = {"kind": "multiclass", "precision": "float32"}
    plain = outputs(ClassifierInference("cpu", batches, network, CLASSES, **options))
    once = len(calls)
    found = outputs(ClassifierInference("cpu", batches, network, CLASSES, **options, typical=typical))
    assert len(calls) == 2 * once, "no second pass"
    counted.remove()
    layers.remove()
    assert not network.head._forward_pre_hooks, "nothing is left on the network"
    for one, other in zip(plain, found, strict=True):
        assert (one["probabilities"] == other["probabilities"]).all(), "to the last bit"
        assert one["unusual_percentiles"] is None
    percentiles = np.concatenate([output["unusual_percentiles"] for output in found])
    np.testing.assert_allclose(percentiles, typical.percentiles(features), atol=100 / 6 + 1e-9)  # ties with itself
    assert percentiles[5] == pytest.approx(500 / 6)  # the one that the fit has not seen
    assert [output["contradictions"] for output in found] == [{}, {}, {6: "a hip"}]


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_recalibration_changes_probabilities_and_no_decision(kind: str) -> None:
    line = {"intercept": -1.0, "slope": 0.4}
    record = {"method": "platt", "classes": {"a": line, "c": line}}
    record = record if kind == "multilabel" else {"method": "temperature", "temperature": 3.0}
    thresholds = THRESHOLDS if kind == "multilabel" else None
    given = {"thresholds": thresholds, "precision": "float32"}
    (before,) = outputs(ClassifierInference("cpu", [batch(0, 6)], classifier(), CLASSES, kind, **given))
    (after,) = outputs(
        ClassifierInference("cpu", [batch(0, 6)], classifier(), CLASSES, kind, recalibration=record, **given)
    )
    np.testing.assert_array_equal(after["decisions"], before["decisions"])
    expected = apply_recalibration(before["probabilities"], record, CLASSES, kind)
    np.testing.assert_array_equal(after["probabilities"], expected)
    assert (np.abs(after["probabilities"] - before["probabilities"])[:, [0, 2]] > 1e-3).any()
    if kind == "multiclass":
        assert before["thresholds"] is after["thresholds"] is None
        return
    assert before["thresholds"].tolist() == [0.5, 0.1, 0.9]
    mapped = [1 / (1 + np.exp(1 - 0.4 * np.log(t / (1 - t)))) for t in (0.5, 0.9)]
    np.testing.assert_allclose(after["thresholds"], [mapped[0], 0.1, mapped[1]], rtol=1e-12)
    np.testing.assert_array_equal(after["decisions"], after["probabilities"] >= after["thresholds"])


def test_two_multiclass_labels_have_a_threshold_once_they_are_recalibrated() -> None:
    record = {"method": "platt", "classes": {"b": {"intercept": -3.0, "slope": 0.5}}}
    network = Classifier(StageEncoder(small_resnet()), 2, stage=2, seed=1)
    engine = ClassifierInference(
        "cpu", [batch(0, 6)], network, CLASSES[:2], "multiclass", recalibration=record, precision="float32"
    )
    (output,) = outputs(engine)
    cut = 1 / (1 + np.exp(3))
    np.testing.assert_allclose(output["thresholds"], [1 - cut, cut], rtol=1e-12)
    np.testing.assert_array_equal(output["decisions"], output["probabilities"] >= output["thresholds"])
    highest = output["probabilities"].argmax(axis=1)
    assert (output["decisions"].argmax(axis=1) != highest).any(), "or 'the highest of 2' would have done"
