"""Labelled images (``labelled.json``): which images of a run had labels, and how they were drawn."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any, ClassVar

from monai_mocoi.errors import DatasetError, MocoiError
from monai_mocoi.files.record import Record

LABELLED_SPLITS = ("training", "validation")


class LabelledImages(Record):
    """What was drawn.

    ``label_fraction``, ``label_seed``, ``validation_labels``: of the draw; None where a given file does not say.
    ``ids``: "drawn" or "given". ``dataset_sha256``: of the ``datalist.json``. ``kind``: "multilabel" or "softmax".
    ``counts``: by split: ``images``, ``of`` so many with labels, ``patients``, and ``positives`` by class; where there
    are any ``unlabelled``, the images of the split without a label, and ``unknown`` by finding, of how many of the
    images it is not known. ``selection``, ``selection_reason``: what chooses the epoch, and why. ``selection_classes``:
    with at least 5 positive and 5 negative validation images. ``warnings``: sentences. ``training``, ``validation``:
    names of the images. A file made by hand needs only these two.
    """

    FILE = "labelled.json"
    ERROR: ClassVar[type[MocoiError]] = DatasetError
    REMEDY = "it says which images had labels. Bring back the original, or run it again."

    label_fraction: int | float | None = None
    label_seed: int | None = None
    validation_labels: str | None = None
    ids: str | None = None
    dataset_sha256: str | None = None
    kind: str | None = None
    counts: dict[str, dict[str, Any]] | None = None
    selection: str | None = None
    selection_reason: str | None = None
    selection_classes: list[str] | None = None
    warnings: list[str] | None = None
    training: list[str]
    validation: list[str]

    @property
    def names_sha256(self) -> str:
        """Hash of the images' names in both splits: whether two runs had the same labels."""
        names = json.dumps([self[split] for split in LABELLED_SPLITS], ensure_ascii=False)
        return hashlib.sha256(names.encode()).hexdigest()

    def public(self) -> dict[str, Any]:
        """What may be told to everybody: how the images were drawn, but no name of one."""
        told = ("ids", "counts", "selection", "selection_reason", "warnings")
        return {name: self[name] for name in told if name in self}

    def training_counts(self, labels: Sequence[str]) -> dict[str, Any]:
        """``images``, ``positives`` by class and, if some are not known, ``unknown``; empty where not all is there."""
        own = (self.counts or {}).get("training") or {}
        positives = {name: own.get("positives", {}).get(name) for name in labels}
        if not all(isinstance(count, int) for count in (own.get("images"), *positives.values())):
            return {}
        unknown = {name: own["unknown"][name] for name in labels if name in own.get("unknown", {})}
        return {"images": own["images"], "positives": positives, **({"unknown": unknown} if unknown else {})}
