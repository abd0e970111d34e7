"""Where a classifier comes from: what its card says of the settings, labels, weights and images of its run."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from monai_mocoi.analysis import summarise_inputs
from monai_mocoi.analysis.typical_features import typical_features
from monai_mocoi.data import Datalist, ImageDataset, SeenImages, overlap_in_words, overlap_warnings, pretraining_overlap
from monai_mocoi.data.seen_images import read_seen_images, try_to_take_down
from monai_mocoi.engines import ClassifierEvaluator
from monai_mocoi.errors import DatasetError, FeatureError
from monai_mocoi.networks import ClassifierCard, Pretrained, is_identified, shape_of_resnet
from monai_mocoi.networks.encoder_card import CHANNEL_RULE

logger = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class ClassifierOrigin:
    """Collects what a :class:`~monai_mocoi.networks.ClassifierCard` says of the run, for the classifier at ``path``.

    ``settings`` say how images are prepared, ``labelled`` which had labels and how these were drawn, ``weights`` what
    the encoder started from. What is None is not known, or not looked at.

    Of ``datalist``, the images that can be read, is told at the start how many of validation and test the weights have
    seen (:func:`~monai_mocoi.data.pretraining_overlap`); ``seen_images.json`` has what they have seen and the training
    and validation images of this run, so that an evaluation can tell the same. What the images of
    ``training``, without augmentation, look like, and how usual validation images are among them, is looked at once
    more at the end (:mod:`monai_mocoi.analysis.typical_features`, :mod:`monai_mocoi.analysis.input_shift`).
    """

    path: Path
    settings: Mapping[str, Any]
    labelled: Mapping[str, Any]
    weights: Pretrained | None
    datalist: Datalist | None
    training: ImageDataset | None
    _overlap: dict[str, Any] | None = field(default=None, init=False)
    _seen: SeenImages | None = field(default=None, init=False)

    def look(self) -> None:
        """Take down the images, while they are at hand, and tell how many the weights have seen."""
        if self.datalist is None:
            return
        self._seen = try_to_take_down(self.datalist, "training")
        if self.weights is None or self.weights.path is None:
            return
        splits = {"validation": self.datalist.validation, "test": self.datalist.test}
        beside = self.weights.path, self.weights.card
        self._overlap = pretraining_overlap(*beside, self.datalist.folder, splits)
        before, reason = read_seen_images(*beside)
        self._seen = before if self._seen is None else self._seen.after(before, reason)
        for warning in overlap_warnings(self._overlap):
            logger.warning("%s", warning)
        if (line := overlap_in_words(self._overlap)) is not None:
            logger.info("%s", line)

    def facts(self, module: nn.Module, validator: ClassifierEvaluator) -> dict[str, Any]:
        """Fields of the card of a classifier; files that belong to them are written. ``validator`` has the images."""
        facts: dict[str, Any] = {"channel_rule": CHANNEL_RULE, "value_range": [0, 1], "settings": dict(self.settings)}
        facts |= ClassifierCard.from_settings(self.settings)
        draw = ("label_fraction", "label_seed", "validation_labels")
        facts |= {name: self.labelled[name] for name in draw if name in self.labelled}
        facts["labelled_images"] = self.labelled.get("counts", {}).get("training", {}).get("images")
        if isinstance(encoder := getattr(module, "encoder", None), nn.Module):
            facts["architecture"] = shape_of_resnet(encoder.backbone.state_dict()).in_words  # type: ignore[union-attr]
        if self.datalist is not None:
            facts |= {"dataset": self.datalist.name, "dataset_sha256": self.datalist.sha256}
        if self._overlap is not None:
            facts["pretraining_overlap"] = self._overlap
        if self.weights is not None:
            known: Mapping[str, Any] = self.weights.card or {}
            facts["method"] = "supervised" if self.weights.source == "none" else known.get("method", "unknown")
            facts |= {"pretrained": self.weights.source, "pretrained_sha256": self.weights.sha256}
            facts["start"] = self.weights.start
        if (self.weights and is_identified(self.weights.path)) or (self.datalist and self.datalist.identified):
            facts["identified"] = True
        if self._seen is not None:
            facts["seen_images"] = self._seen.write_beside(self.path)
        if self.training is not None:
            facts |= {"cache_bits": self.training.bits, **self._looks(module, self.training, validator)}
        return facts

    def _looks(self, module: Any, training: ImageDataset, validator: ClassifierEvaluator) -> dict[str, Any]:
        """What the run's own images look like; a classifier is not lost because that is missing."""
        loader: Any = validator.data_loader
        try:
            how = loader.batch_size or 64, validator.state.device, validator.autocast, loader.num_workers
            found = typical_features(module, training, loader.dataset, *how)
            return {"typical_features": found.write_beside(self.path), "input_statistics": summarise_inputs(training)}
        except (DatasetError, FeatureError, ValueError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
            what = "What this run's images look like is not kept (%s): inference will not notice other pictures."
            logger.warning(what, why)
            return {}
