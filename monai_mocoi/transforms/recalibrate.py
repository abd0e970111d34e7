"""Recalibration as the last step of a postprocessing: for programs that take a bundle's probabilities."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms.transform import Transform
from monai.utils.enums import TransformBackends

from monai_mocoi.metrics import apply_recalibration
from monai_mocoi.transforms.dict_forms import EachKeyd


class Recalibrate(Transform):
    """Recalibrate probabilities by what was fitted on validation; decisions are made before, of those as given.

    By Platt's map (findings, two classes) the order of the images stays, but 0.5 moves, and the more probable
    of two classes may be the other one afterwards. By a temperature the most probable class stays.

    Args:
        record: ``recalibration`` of a classifier's sidecar, see :func:`~monai_mocoi.analysis.fit_recalibration`. A
            class without numbers in it keeps its probabilities; None: all do.
        classes: names of findings or classes, in the order of the network's outputs.
        kind: "multilabel" or "multiclass".
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, record: Mapping[str, Any] | None, classes: Sequence[str], kind: str) -> None:
        self.record = record
        self.classes = tuple(classes)
        self.kind = kind

    def __call__(self, probabilities: Any) -> Any:
        """Take and return ``(..., classes)`` of 0..1, a tensor or an array; ValueError: a record of other classes."""
        if self.record is None:
            return probabilities
        if isinstance(probabilities, torch.Tensor):
            given = probabilities.detach().cpu().double().numpy()
            made = apply_recalibration(given, self.record, self.classes, self.kind)
            return torch.as_tensor(made).to(probabilities)
        given = np.asarray(probabilities)
        return apply_recalibration(given, self.record, self.classes, self.kind).astype(given.dtype, copy=False)


class Recalibrated(EachKeyd):
    """Dict form of :class:`Recalibrate`."""

    ARRAY = Recalibrate
