"""Labelled images (``labelled.json``): which images of a run had labels, and how they were drawn."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from monai_mocoi.data.labels import class_truth, label_array, unknown_counts
from monai_mocoi.errors import DatasetError, MocoiError
from monai_mocoi.files.record import LabelKind, Record

LABELLED_SPLITS = ("training", "validation")


class LabelledImages(Record):
    """What was drawn. A file made by hand needs ``training`` and ``validation`` only: names of the images.

    ``counts`` has by split ``images``, ``of`` so many with labels, ``patients``, ``positives`` by class and, if there
    are any, ``unlabelled`` (images without a label) and ``unknown`` (of how many images, by finding).
    """

    FILE = "labelled.json"
    ERROR: ClassVar[type[MocoiError]] = DatasetError
    REMEDY = "it says which images had labels. Bring back the original, or run it again."

    label_fraction: int | float | None = None  # this and the next two: of the draw; None where a file does not say
    label_seed: int | None = None
    validation_labels: str | None = None
    ids: str | None = None  # "drawn" or "given"
    dataset_sha256: str | None = None  # of the ``datalist.json``
    kind: LabelKind | None = None
    counts: dict[str, dict[str, Any]] | None = None
    selection: str | None = None  # what chooses the epoch
    selection_reason: str | None = None
    selection_classes: list[str] | None = None  # with at least 5 positive and 5 negative validation images
    warnings: list[str] | None = None  # sentences
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


def label_counts(
    items: Sequence[Mapping[str, Any]], labelled: Sequence[Any], whole: Sequence[Any], names: Sequence[str]
) -> dict[str, Any]:
    """What the record says of one split: ``images``, ``of``, ``patients``, ``positives``, and what is not known."""
    positives = (class_truth(label_array(items), len(names)) == 1).sum(0).tolist() if items else [0] * len(names)
    without, unknown = len(whole) - len(labelled), unknown_counts(items, names)
    return {
        "images": len(items),
        "of": len(labelled),
        "patients": len({item["patient"] for item in items}),
        "positives": dict(zip(names, positives, strict=True)),
        **({"unlabelled": without} if without else {}),
        **({"unknown": unknown} if unknown else {}),
    }


def uncovered_in_words(counts: Mapping[str, Mapping[str, Any]], kind: str) -> list[str]:
    """Name the classes of which a split has no positive, or of findings no negative."""
    warnings = []
    for split, count in counts.items():
        images, unknown = count["images"], count.get("unknown", {})
        for sign in ("positive", "negative"):
            names = [
                name
                for name, positives in count["positives"].items()
                if (positives if sign == "positive" else images - positives - unknown.get(name, 0)) == 0
            ]
            if images and names and (sign == "positive" or kind == "multilabel"):
                warnings.append(
                    f"{split}: no {sign} one among the {images} labelled image(s) of {len(names)} of "
                    f"{len(count['positives'])} classes: {', '.join(names)}."
                )
    return warnings
