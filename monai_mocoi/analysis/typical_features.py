"""Typical features of a classifier's own images, from which a picture of another kind can be told.

``typical_features.safetensors`` holds mean and shrunk covariance of the training images' features, and the distances of
the validation images, to which new images are compared. It holds no features of single images.
"""

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from monai_mocoi.analysis.stage_features import features_of, pooled_features
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.files.atomic_write import write_bytes
from monai_mocoi.metrics import ShrunkGaussian, fit_shrunk_gaussian, mahalanobis_distance, unusual_percentile
from monai_mocoi.networks.classifier import Classifier
from monai_mocoi.networks.resnet_shape import stages_of
from monai_mocoi.networks.weights_place import classifier_path, read_classifier_card

TYPICAL_NAME = "typical_features.safetensors"
MOST_IMAGES = 10_000  # of training and of validation; of more, so many, evenly over the list
RANK = 256  # directions of the covariance that are kept one by one
_SINGLE = ("mean", "components")  # kept in single precision

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TypicalFeatures:
    """The distribution of ``images`` training images' features; the ``(m,)`` distances of validation images, rising."""

    gaussian: ShrunkGaussian
    reference: NDArray[np.float64]
    images: int

    def percentiles(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """How unusual each image is, of (n, d) features: see :func:`~monai_mocoi.metrics.unusual_percentile`."""
        return unusual_percentile(mahalanobis_distance(features, self.gaussian), self.reference)

    def write_beside(self, weights: str | os.PathLike[str]) -> dict[str, Any]:
        """Write ``typical_features.safetensors`` beside a weights file; returns the card's ``typical_features``."""
        arrays = {name: np.atleast_1d(value) for name, value in self.gaussian._asdict().items()}
        arrays |= {name: arrays[name].astype(np.float32) for name in _SINGLE}
        content = save({**arrays, "reference": self.reference, "images": np.array([self.images])})
        write_bytes(Path(weights).with_name(TYPICAL_NAME), content)
        return {
            "file": TYPICAL_NAME,
            "sha256": hashlib.sha256(content).hexdigest(),
            "training_images": self.images,
            "validation_images": len(self.reference),
            "directions": len(self.gaussian.variances),
            "shrinkage": self.gaussian.shrinkage,
        }


def typical_features(
    classifier: Classifier,
    training: ImageDataset,
    validation: ImageDataset,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    autocast: torch.dtype | None = None,
    num_workers: int = 0,
) -> TypicalFeatures:
    """Describe a classifier's own images, without augmentation, as inference will see new ones.

    The features are those that its linear layer gets. Those of a frozen encoder are shared with every linear evaluation
    (:func:`~monai_mocoi.analysis.pooled_features`); those of a fine-tuned one are stored nowhere. Of training there are
    two images or more, of validation one or more, else ValueError.
    """
    if not len(validation):
        raise ValueError("there is no validation image to compare with")
    stages = stages_of(classifier.stage)

    def look_at(dataset: ImageDataset) -> NDArray[np.float32]:
        some, how = dataset.spread(MOST_IMAGES), (batch_size, device, autocast, num_workers)
        found = pooled_features(classifier.encoder, some, stages, *how, cache=classifier.trainable == "head")
        return features_of(found, classifier.stage)

    features = look_at(training)
    gaussian = fit_shrunk_gaussian(features, RANK)
    # As they are read back: the reference is of the numbers that new images meet.
    single = {name: getattr(gaussian, name).astype(np.float32).astype(np.float64) for name in _SINGLE}
    kept = gaussian._replace(**single)
    return TypicalFeatures(kept, np.sort(mahalanobis_distance(look_at(validation), kept)), len(features))


def read_typical_features(weights: str | os.PathLike[str]) -> TypicalFeatures | None:
    """Read what is beside a classifier (its file, or its run folder); WeightsError: there is none, or its card is bad.

    None, with a line in the log: its card names none (an older run), or what it names is missing or another file.
    """
    path = classifier_path(weights)
    record = read_classifier_card(path).typical_features
    if record is None:
        logger.info("The classifier has no typical features: pictures of another kind go unnoticed.")
        return None
    try:
        content = path.with_name(TYPICAL_NAME).read_bytes()
        if hashlib.sha256(content).hexdigest() != record.get("sha256"):
            raise ValueError("it is another file than the one that the classifier was saved with")
        found = load(content)
        parts: dict[str, Any] = {name: found[name].astype(np.float64) for name in _SINGLE}
        parts |= {name: float(found[name][0]) for name in ("remainder", "shrinkage")}
        gaussian = ShrunkGaussian(variances=found["variances"], **parts)
        return TypicalFeatures(gaussian, found["reference"], int(found["images"][0]))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        notice = "%s cannot be used (%s): pictures of another kind go unnoticed. Copy it with the classifier."
        logger.warning(notice, TYPICAL_NAME, why)
        return None
