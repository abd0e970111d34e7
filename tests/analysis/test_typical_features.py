"""What a classifier's own images look like: fitted, written, read back, and met by images of another kind."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from monai_mocoi.analysis import TypicalFeatures, read_typical_features
from monai_mocoi.analysis import typical_features as module
from monai_mocoi.analysis.typical_features import TYPICAL_NAME, typical_features
from monai_mocoi.networks import Classifier, StageEncoder
from tests.engines.classifiers import dataset_of
from tests.networks.small import small_resnet

NEEDED: dict[str, Any] = {
    **{"kind": "multilabel", "labels": ["A", "B"], "stage": 4, "thresholds": None, "mean": 0.5, "std": 0.25},
    **{"image_size": 32, "decode_size": 32, "decode_fit": "crop", "channels": 1},
}


def classifier(stage: int = 4, **options: Any) -> Classifier:
    return Classifier(StageEncoder(small_resnet()), 2, stage=stage, seed=1, **options).eval()


def images_of(count: int, first: int = 0) -> torch.Tensor:
    dataset = dataset_of([[0, 1]] * count, first)
    return torch.stack([dataset[place]["image"] for place in range(count)])


def features_of(network: Classifier, images: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return network.encoder(images).stages[network.stage - 1].mean(dim=(2, 3)).double().numpy()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TypicalFeatures:
    return typical_features(classifier(), dataset_of([[0, 1]] * 40), dataset_of([[0, 1]] * 12, first=40))


def saved(folder: Path, found: TypicalFeatures) -> Path:
    weights = folder / "classifier.pt"
    weights.touch()
    record = found.write_beside(weights)
    weights.with_suffix(".json").write_text(json.dumps({**NEEDED, "typical_features": record}))
    return weights


def test_percentiles_are_the_places_among_the_validation_images(found: TypicalFeatures) -> None:
    network = classifier()
    theirs = LedoitWolf().fit(features_of(network, images_of(40)))
    reference = np.sqrt(theirs.mahalanobis(features_of(network, images_of(12, first=40))))
    np.testing.assert_allclose(found.reference, np.sort(reference), rtol=1e-4)
    assert found.images == 40
    new = features_of(network, torch.cat([images_of(4, first=52), 5 * images_of(2)]))
    distances = np.sqrt(theirs.mahalanobis(new))
    np.testing.assert_allclose(found.percentiles(new), [100 * (reference < d).sum() / 13 for d in distances])
    np.testing.assert_allclose(found.percentiles(new)[4:], 100 * 12 / 13)  # five times as bright as any


def test_what_is_read_back_is_what_was_written_and_small(found: TypicalFeatures, tmp_path: Path) -> None:
    weights = saved(tmp_path, found)
    record = json.loads(weights.with_suffix(".json").read_text())["typical_features"]
    assert record["file"] == TYPICAL_NAME
    assert (record["training_images"], record["validation_images"]) == (40, 12)
    for place in (weights, tmp_path):
        back = read_typical_features(place)
        assert back is not None
        for one, other in zip((*back.gaussian, back.reference), (*found.gaussian, found.reference), strict=True):
            np.testing.assert_array_equal(one, other)
        assert back.images == 40
    before = (tmp_path / TYPICAL_NAME).read_bytes()
    found.write_beside(weights)
    assert (tmp_path / TYPICAL_NAME).read_bytes() == before  # the same bytes for the same images


def test_without_the_file_nothing_is_compared_and_this_is_said(
    found: TypicalFeatures, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    weights = saved(tmp_path, found)
    content = (tmp_path / TYPICAL_NAME).read_bytes()
    (tmp_path / TYPICAL_NAME).write_bytes(content[:-1])
    assert read_typical_features(weights) is None
    assert "another file than the one that the classifier was saved with" in caplog.messages[-1]
    (tmp_path / TYPICAL_NAME).unlink()
    assert read_typical_features(weights) is None
    assert "No such file" in caplog.messages[-1]
    assert str(tmp_path) not in caplog.text
    weights.with_suffix(".json").write_text(json.dumps(NEEDED))
    assert read_typical_features(weights) is None
    assert "has no typical features" in caplog.messages[-1]


def test_features_of_a_frozen_encoder_are_kept_and_those_of_a_trained_one_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def pooled(encoder: Any, dataset: Any, stages: Any, *rest: Any, cache: bool) -> dict[int, np.ndarray]:
        asked.append((len(dataset), stages, cache))
        return {stage: np.random.default_rng(stage).random((len(dataset), 3)) for stage in stages}

    monkeypatch.setattr(module, "pooled_features", pooled)
    monkeypatch.setattr(module, "MOST_IMAGES", 20)
    sets = dataset_of([[0, 1]] * 30), dataset_of([[0, 1]] * 12)
    typical_features(classifier(2, trainable="head"), *sets)
    typical_features(classifier(3), *sets)
    every = classifier()
    every.stage = "all"  # type: ignore[assignment]
    assert typical_features(every, *sets).gaussian.mean.shape == (12,)
    assert asked == [
        *((20, (2,), True), (12, (2,), True), (20, (3,), False), (12, (3,), False)),
        *((20, (1, 2, 3, 4), False), (12, (1, 2, 3, 4), False)),
    ]
