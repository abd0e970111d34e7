"""What linear evaluations of one encoder are to be made of, and what their images look like to it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.analysis import features_of, pooled_features
from monai_mocoi.data import Datalist, LabelMatch, LabelSubset, label_array, match_labels
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.prepared_dataset import evaluation_dataset
from monai_mocoi.engines.options import autocast_dtype
from monai_mocoi.networks import Classifier, Pretrained
from monai_mocoi.networks.resnet_shape import stages_of

Array = NDArray[Any]


@dataclass
class LinearRequest:
    """Everything of ``finetune.json`` with ``trainable`` "head" and of ``evaluate.json``, except for the draws' own.

    Args:
        folder: to write to.
        datalist, tested: what is trained and chosen on; what is tested on, the same or another hospital's.
        draws: of labels, of ``datalist``.
        network: frozen, with its weights; ``weights`` says what these are.
        settings: as ``finetune.json`` records them; ``preparation``: of the images, with ``cache_bits`` resolved.
        metric: that penalties are chosen by; ``class_weighting``: of classes that exclude each other.
        evaluation: arguments of :class:`~monai_mocoi.handlers.EvaluationSaver`, those of the settings.
        device, precision, channels_last, batch_size, num_workers: of computing features.
        reading: ``on_bad_image`` and ``max_bad_share``.
    """

    folder: str | os.PathLike[str]
    datalist: Datalist
    tested: Datalist
    draws: Sequence[LabelSubset]
    network: Classifier
    weights: Pretrained
    settings: Mapping[str, Any]
    preparation: Mapping[str, Any]
    kind: str
    metric: str
    class_weighting: bool
    evaluation: Mapping[str, Any]
    device: torch.device | str
    precision: str
    channels_last: bool
    batch_size: int
    num_workers: int
    reading: Mapping[str, Any] = field(default_factory=dict)

    def match(self, tested: Datalist) -> LabelMatch:
        """Which images of the test split are scored, and for which classes."""
        own = {"labels": list(self.datalist.labels), "kind": self.kind}
        return match_labels({**own, "dataset_sha256": self.datalist.sha256}, tested, "test")

    def seen(self, items: Sequence[Mapping[str, Any]]) -> "SeenImages":
        """Features of images, each computed once and kept between runs."""
        dataset = evaluation_dataset(items, self.preparation, **self.reading)
        if not items:
            width = self.network.head.in_features
            return SeenImages(dataset, [], np.zeros((0, width), np.float32))
        wanted = torch.channels_last if self.channels_last else torch.contiguous_format
        encoder = self.network.encoder.to(memory_format=wanted)  # type: ignore[call-overload]
        features = pooled_features(
            encoder,
            dataset,
            stages_of(self.network.stage),
            self.batch_size,
            self.device,
            autocast_dtype(self.precision, self.device),
            self.num_workers,
        )
        kept = [dict(dataset.data[row]) for row in dataset.rows]
        return SeenImages(dataset, kept, features_of(features, self.network.stage))


@dataclass(frozen=True)
class SeenImages:
    """Images that could be read, their data set, and their features ``(images, features)``."""

    dataset: ImageDataset
    items: list[dict[str, Any]]
    features: Array

    def part(self, wanted: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], Array, Array]:
        """Those of some images, in their order: items, features and labels; what cannot be read is left out."""
        row_of = {item["name"]: row for row, item in enumerate(self.items)}
        rows = [row_of[item["name"]] for item in wanted if item["name"] in row_of]
        items = [self.items[row] for row in rows]
        return items, self.features[rows], label_array(items) if items else np.zeros(0, np.int64)
