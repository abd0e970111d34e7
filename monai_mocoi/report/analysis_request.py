"""Settings of an analysis of an encoder, and which of its parts can be made."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from monai_mocoi.analysis import IntervalSettings
from monai_mocoi.data import Datalist, LabelSubset, labelled_items
from monai_mocoi.engines import autocast_dtype
from monai_mocoi.errors import SettingsError
from monai_mocoi.metrics import SELECTION_METRICS
from monai_mocoi.networks import StageEncoder

PARTS = ("reuse", "probing", "ks", "embedding")

Place = str | os.PathLike[str]

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class AnalysisRequest:
    """What an analysis is asked for: the arguments of :class:`~monai_mocoi.report.EncoderAnalysis`.

    The parts are described in docs/analysis.md.

    Args:
        folder, overwrite: see :func:`~monai_mocoi.runs.product_folders.check_analysis_folder`.
        datalist: of the dataset folder.
        encoder: of the networks' shape; it is only copied.
        pretrained: the encoder before fine-tuning; "none": random weights.
        preparation: of its images, see :data:`~monai_mocoi.data.prepared_dataset.PREPARATION`; ``cache_bits`` may be
            "auto". A classifier's is in its card.
        finetuned: one or several run folders (or ``classifier.pt``); None, "none" or an empty list: none.
        few_labels, all_labels, all_labels_again: tested classifiers, see
            :func:`~monai_mocoi.report.tested_classifier.read_tested`; the last is another seed of the second. None:
            none.
        parts: of ``PARTS``; None: all for which there is what they need.
        split: whose images are compared and shown. Probing always tests on ``test``.
        kernel, pooling: of :func:`~monai_mocoi.analysis.feature_reuse.feature_reuse`.
        max_images: for reuse; None: all, of pooling "map" 2,000, of kernel "rbf" 4,000.
        probe_fractions, probe_seeds, validation_labels: see :func:`~monai_mocoi.analysis.probing_draws`.
        metric, intervals: that the probing chooses by; values of :class:`~monai_mocoi.analysis.IntervalSettings`, by
            name, whose seed is that of all draws.
        batch_size, device, precision, channels_last, num_workers: for the features.
        on_bad_image, max_bad_share: see :class:`~monai_mocoi.data.ImageDataset`.
        modality: of the bundle; to warn of an encoder of other images. None: it is not compared.
        settings: kept in ``analysis.json``.

    Raises:
        EvaluationError: an interval's setting out of range.
    """

    folder: Place
    datalist: Datalist
    encoder: StageEncoder
    pretrained: Place | None
    preparation: Mapping[str, Any]
    finetuned: Place | Sequence[Place] | None = None
    few_labels: Place | None = None
    all_labels: Place | None = None
    all_labels_again: Place | None = None
    parts: Sequence[str] | None = None
    split: str = "test"
    kernel: str = "linear"
    pooling: str = "vector"
    max_images: int | None = None
    probe_fractions: Sequence[float] = (1.0,)
    probe_seeds: Sequence[int] = (1,)
    validation_labels: str = "same"
    metric: str = "macro_auc"
    intervals: Mapping[str, Any] | None = None
    batch_size: int = 64
    device: torch.device | str = "cpu"
    precision: str = "auto"
    channels_last: bool = True
    num_workers: int = 0
    on_bad_image: str = "stop"
    max_bad_share: float = 0.01
    modality: str | None = None
    overwrite: bool | str = False
    settings: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        self.interval_settings = IntervalSettings(**(self.intervals or {}))
        self.computing: dict[str, Any] = {name: getattr(self, name) for name in ("batch_size", "device", "num_workers")}
        self.computing["autocast"] = autocast_dtype(self.precision, self.device)
        self.reading: dict[str, Any] = {"on_bad_image": self.on_bad_image, "max_bad_share": self.max_bad_share}
        self.left_out: list[dict[str, Any]] = []
        self.notes: list[str] = []
        # Found out before anything is computed: the split's images, the parts to make, and what is probed with.
        self.items: Sequence[Mapping[str, Any]] = ()
        self.made: list[str] = []
        self.probed: Datalist = self.datalist
        self.draws: list[LabelSubset] = []

    def note(self, text: str) -> None:
        """Keep a note for ``analysis.json``, and warn."""
        self.notes.append(text)
        logger.warning("%s", text)

    def chosen_parts(self, finetuned: bool, tested: bool) -> list[str]:
        """The parts that are asked for and can be made, with fine-tuned runs and two tested classifiers, or without.

        SettingsError: an unknown part, none, or one that was asked for and lacks what it needs.
        """
        lacks = {
            "reuse": None if finetuned else "a fine-tuned run (finetuned)",
            "probing": self._lacks_labels(),
            "ks": None if tested else "two tested runs (few_labels and all_labels)",
        }
        chosen = []
        for part in PARTS if self.parts is None else [self.parts] if isinstance(self.parts, str) else self.parts:
            if part not in PARTS:
                raise SettingsError(f"parts has {part!r}; choose of {', '.join(PARTS)}.")
            if (reason := lacks.get(part)) is None:
                chosen.append(part)
            else:
                self.leave_out(part, reason)
        if not chosen:
            raise SettingsError(f"parts is empty; choose of {', '.join(PARTS)}.")
        return chosen

    def leave_out(self, part: str, reason: str) -> None:
        """Leave out a part that lacks something; SettingsError: it was asked for."""
        if self.parts is not None:
            raise SettingsError(f"parts has {part!r}, which needs {reason}.")
        self.left_out.append({"part": part, "needs": reason})
        logger.info("Left out: %s, which needs %s.", part, reason)

    def _lacks_labels(self) -> str | None:
        if not labelled_items(self.datalist.training):
            return "labels of the training images: prepare the dataset folder with them"
        if not labelled_items(self.datalist.test):
            return "test images with labels: prepare the dataset folder with them"
        if self.metric not in SELECTION_METRICS:
            return f"a metric of {', '.join(SELECTION_METRICS)}"
        return None
