from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_mocoi.analysis import LinearEvaluation, pooled_features
from monai_mocoi.data import ImageDataset, read_predictions
from monai_mocoi.engines import LinearTrainer, linear_trainer
from monai_mocoi.handlers import ClassifierSaver
from monai_mocoi.metrics import selection_metric
from monai_mocoi.networks import Classifier, StageEncoder
from tests.engines.classifiers import dataset_of, evaluator_of
from tests.networks.small import small_resnet, views

PENALTIES = [10.0, 0.1]

SETTINGS = {"image_size": 32, "decode_size": 32, "resize_mode": "crop", "channels": 1, "mean": 0.5, "std": 0.25}


def network(stage: int = 4, **options: Any) -> Classifier:
    result = Classifier(StageEncoder(small_resnet()), 3, stage, **{"trainable": "head", "seed": 1, **options})
    result.encoder.train()
    with torch.no_grad():
        result.encoder(views(16)[0])  # running statistics that are not those of the start
    return result.train()


def datasets(folder: Path, kind: str) -> tuple[ImageDataset, ImageDataset]:
    rng = np.random.default_rng(3)

    def labels(count: int) -> np.ndarray:
        return (
            rng.integers(0, 2, (count, 3))
            if kind == "multilabel"
            else np.arange(count) ** 2 % 3 + (rng.random(count) < 0.3)
        )

    return dataset_of(labels(24), folder=folder), dataset_of(labels(12), first=24, folder=folder)


def trainer_of(classifier: Any, training: Any, validation: Any, kind: str, **options: Any) -> LinearTrainer:
    settings: dict[str, Any] = {"penalties": PENALTIES, "precision": "float32", "batch_size": 5}
    return LinearTrainer("cpu", classifier, training, validation, kind, **{**settings, **options})


def expected_fit(classifier: Classifier, sets: Any, kind: str, sample_weight: Any = None, **options: Any) -> Any:
    """The fit of the same features, by hand."""
    features = [pooled_features(classifier.encoder, s, cache=False, progress=False)[classifier.stage] for s in sets]
    labels = [np.array([item["label"] for item in s.data]) for s in sets]

    def metric(truth: Any, probabilities: Any) -> float:
        return selection_metric("macro_auc", kind, truth, probabilities)

    evaluation = LinearEvaluation(kind, 3, metric, **{"penalties": PENALTIES, **options})
    return evaluation.fit(features[0], labels[0], features[1], labels[1], sample_weight=sample_weight), features


@pytest.mark.parametrize("stage", [2, 4])
@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_the_layer_is_the_fit_on_frozen_features(kind: str, stage: int, tmp_path: Path) -> None:
    classifier, sets = network(stage), datasets(tmp_path, kind)
    trainer = trainer_of(classifier, *sets, kind)
    trainer.run()
    fit, features = expected_fit(classifier, sets, kind)
    assert trainer.fit is not None
    assert trainer.fit.penalty == fit.penalty
    assert trainer.fit.score == pytest.approx(fit.score)
    np.testing.assert_allclose(trainer.fit.weight, fit.weight, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(classifier.head.weight.detach(), trainer.fit.weight.astype(np.float32))
    np.testing.assert_array_equal(classifier.head.bias.detach(), trainer.fit.bias.astype(np.float32))
    # And the network as a whole gives the probabilities of the fit.
    evaluator = evaluator_of(classifier, sets[1], kind, batch_size=12)
    evaluator.run()
    np.testing.assert_allclose(
        evaluator.predictions.probabilities, trainer.fit.probabilities(features[1], kind), atol=1e-4
    )
    assert evaluator.state.metrics["validation/macro_auc"] == pytest.approx(trainer.fit.score, abs=0.02)
    assert trainer.state.output == {"linear/penalty": fit.penalty, "linear/validation_score": trainer.fit.score}


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_a16_not_a_bit_of_the_encoder_moves(kind: str, tmp_path: Path) -> None:
    classifier = network()
    before = copy.deepcopy(classifier.state_dict())
    trainer_of(classifier, *datasets(tmp_path, kind), kind).run()
    after = classifier.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("encoder."))
    assert not torch.equal(before["head.weight"], after["head.weight"])
    assert not any(module.training for module in classifier.encoder.modules())
    assert all(p.grad is None for p in classifier.parameters())


def test_a17_the_penalty_is_chosen_on_validation(tmp_path: Path) -> None:
    training, validation = datasets(tmp_path, "multilabel")
    truth = np.array([item["label"] for item in validation.data])
    found = []
    for labels in (truth, 1 - truth):
        turned = dataset_of(labels, first=24, folder=tmp_path)
        trainer = trainer_of(network(), training, turned, "multilabel", selection="loss", penalties=[100.0, 0.001])
        trainer.run()
        assert trainer.fit is not None
        scores = {point.penalty: point.score or -np.inf for point in trainer.fit.grid}
        assert trainer.fit.penalty == max(scores, key=scores.__getitem__)
        assert trainer.summary()["metric"] == "minus validation loss"
        found.append(scores)
    assert found[0] != found[1]  # though training is the same


def test_without_validation_to_choose_by_the_penalty_is_fixed(tmp_path: Path) -> None:
    training, _ = datasets(tmp_path, "multiclass")
    trainer = trainer_of(network(), training, None, "multiclass", selection="last")
    trainer.run()
    summary = trainer.summary()
    assert (summary["rule"], summary["metric"], summary["value"], summary["penalty"]) == ("last", None, None, 0.1)
    assert trainer.state.output == {"linear/penalty": 0.1}


def test_class_weights_weigh_the_training_images(tmp_path: Path) -> None:
    classifier, sets = network(), datasets(tmp_path, "multiclass")
    weights = torch.tensor([1.0, 5.0, 0.2])
    trainer = trainer_of(classifier, *sets, "multiclass", class_weights=weights)
    trainer.run()
    by_image = weights.numpy()[[item["label"] for item in sets[0].data]]
    weighted, _ = expected_fit(classifier, sets, "multiclass", by_image)
    plain, _ = expected_fit(classifier, sets, "multiclass")
    assert trainer.fit is not None
    np.testing.assert_allclose(trainer.fit.bias, weighted.bias, rtol=1e-3, atol=1e-3)
    assert not np.allclose(weighted.bias, plain.bias, rtol=1e-2, atol=1e-2)


def test_images_that_cannot_be_read_are_left_out_with_their_labels(tmp_path: Path) -> None:
    training, validation = datasets(tmp_path, "multilabel")
    classifier = network()
    fewer = copy.copy(training)
    fewer.rows = [row for row in range(24) if row not in (0, 7)]
    trainer = trainer_of(classifier, fewer, validation, "multilabel", selection="last")
    trainer.run()
    labels = [training.data[row]["label"] for row in fewer.rows]
    features = pooled_features(classifier.encoder, training, cache=False, progress=False)[4]
    kept = LinearEvaluation("multilabel", 3, selection="last").fit(features[fewer.rows], np.array(labels))
    assert trainer.fit is not None
    np.testing.assert_allclose(trainer.fit.weight, kept.weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_the_saver_takes_its_layer_and_says_what_was_chosen(kind: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    classifier, sets = network(), datasets(tmp_path / "images", kind)
    validator = evaluator_of(classifier, sets[1], kind)
    saver = ClassifierSaver(
        tmp_path, classifier, validator, None, {"ids": "drawn", "training": [], "validation": []}, SETTINGS
    )
    trainer = trainer_of(classifier, *sets, kind, train_handlers=[saver])
    trainer.run()
    assert trainer.fit is not None
    sidecar = json.loads((tmp_path / "classifier.json").read_text())
    selected = sidecar["selected"]
    assert (selected["rule"], selected["metric"]) == ("metric", "validation macro_auc")
    assert (selected["value"], selected["penalty"]) == (trainer.fit.score, trainer.fit.penalty)
    assert [point["penalty"] for point in selected["grid"]] == PENALTIES
    assert sidecar["trainable"] == "head"
    weights = torch.load(tmp_path / "classifier.pt", weights_only=True)
    np.testing.assert_array_equal(weights["head.weight"], trainer.fit.weight.astype(np.float32))
    assert len(read_predictions(tmp_path / "validation_predictions.csv").images) == 12
    assert json.loads((tmp_path / "labelled.json").read_text())["ids"] == "drawn"


def test_what_it_cannot_do_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = datasets(tmp_path, "multilabel")
    monkeypatch.setattr(linear_trainer, "pooled_features", None)
    with pytest.raises(ValueError, match=r"trainable is 'all', but linear evaluation needs 'head'"):
        trainer_of(network(trainable="all"), *sets, "multilabel").run()
    with pytest.raises(ValueError, match="class_weighting has no effect on linear evaluation of findings"):
        trainer_of(network(), *sets, "multilabel", class_weights=torch.ones(3)).run()
    monkeypatch.setattr(linear_trainer, "world_size", lambda: 2)
    with pytest.raises(ValueError, match="one process: start it without torchrun"):
        trainer_of(network(), *sets, "multilabel").run()
