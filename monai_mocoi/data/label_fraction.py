"""Label fraction: which training and validation images have labels, drawn or given back (faults A2 and A18)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.enough_images import check_learnable, few_labelled_in_words, selection_rule
from monai_mocoi.data.label_ids import given_images
from monai_mocoi.data.label_order import check_seed, counted, label_order
from monai_mocoi.data.labelled_images import LABELLED_SPLITS, LabelledImages, label_counts, uncovered_in_words
from monai_mocoi.data.labels import label_array, label_kind, labelled_items, some_unknown, tell_of_unknown
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.errors import DatasetError

logger = logging.getLogger(__name__)

VALIDATION_LABELS = ("same", "all")


@dataclass(frozen=True)
class LabelSubset:
    """Training and validation cut to the images with labels; ``selection`` of the epoch: "metric", "loss" or "last"."""

    datalist: Datalist
    selection: str
    record: LabelledImages

    @property
    def some_unknown(self) -> bool:
        """Whether a finding is not known of some training image."""
        return some_unknown(self.datalist.training)

    @property
    def sha256(self) -> str:
        """Hash of the images' names in both splits."""
        return self.record.names_sha256


def label_subset(
    datalist: Datalist,
    fraction: float | None = None,
    seed: int | None = None,
    validation_labels: str | None = None,
    label_ids: str | Path | None = None,
) -> LabelSubset:
    """Cut training and validation to the images that have labels.

    A fraction of the *images* with a label is drawn as whole patients, balanced by class (see
    :func:`~monai_mocoi.data.draw_label_order`); with one seed, 1 % is a part of 6 %. A class that is left without a
    known positive (or negative) is named in a warning.

    Args:
        datalist: the whole one.
        fraction: of the images of training that have a label, above 0 and at most 1; None means 1, all.
        seed: of the draw, >= 0; None means 0.
        validation_labels: "same" or None: validation is cut to the same fraction, because whoever has few labels has
            few to choose a model by, too. "all": it keeps all.
        label_ids: a ``labelled.json``, or the folder of its run: exactly its images are used, and the three settings
            must be None or what it says. None: draw.

    Raises:
        DatasetError: a setting out of range; training has no labels, or such from which nothing can be learnt; or
            ``label_ids`` cannot be read, contradicts the settings, or names an image that is not there, or twice.

    Examples:
        >>> from pathlib import Path
        >>> from monai_mocoi.data import Datalist, label_subset
        >>> def images(split):
        ...     return [{"name": f"{split}{n}", "patient": f"{split}{n}", "label": n % 2} for n in range(40)]
        >>> splits = {split: images(split) for split in ("training", "validation", "test")}
        >>> datalist = Datalist("drawn", ("no", "yes"), Path(), sha256="0" * 64, **splits)
        >>> label_subset(datalist, fraction=0.5, seed=1).record["counts"]["training"]["positives"]
        {'no': 10, 'yes': 10}
    """
    kind = label_kind(datalist)
    labelled = {split: labelled_items(datalist.splits()[split]) for split in LABELLED_SPLITS}
    settings: dict[str, Any] = {"label_fraction": fraction, "label_seed": seed, "validation_labels": validation_labels}
    warnings: list[str] = []
    if label_ids is not None:
        settings, kept, warnings = given_images(Path(label_ids), datalist, labelled, settings)
    else:
        asked = (1.0 if fraction is None else fraction, 0 if seed is None else seed, validation_labels or "same")
        settings = dict(zip(settings, asked, strict=True))
        kept = _draw(labelled, *asked)
    if datalist.validation and not labelled["validation"]:
        warnings.append(f"validation: its {len(datalist.validation)} images have no labels and are not used.")
    check_learnable(kept["training"], datalist.labels)
    cut = replace(datalist, training=kept["training"], validation=kept["validation"])
    whole = datalist.splits()
    counts = {split: label_counts(items, labelled[split], whole[split], cut.labels) for split, items in kept.items()}
    chosen = selection_rule(label_array(cut.validation) if cut.validation else None, cut.labels)
    few = few_labelled_in_words(counts["training"]["images"])
    warnings += uncovered_in_words(counts, kind) + ([few] if few else [])
    for split, items in kept.items():
        tell_of_unknown(split, counts[split].get("unlabelled", 0) if labelled[split] else 0, items, cut.labels)
    for warning in warnings:
        logger.warning("%s", warning)
    record = LabelledImages.of(
        {
            **settings,
            "ids": "drawn" if label_ids is None else "given",
            "dataset_sha256": datalist.sha256,
            "kind": kind,
            "counts": counts,
            "selection": chosen.rule,
            "selection_reason": chosen.reason,
            "selection_classes": list(chosen.classes),
            "warnings": warnings,
            **{split: [item["name"] for item in items] for split, items in kept.items()},
        }
    )
    return LabelSubset(cut, chosen.rule, record)


def _draw(
    labelled: Mapping[str, list[dict[str, Any]]], fraction: float, seed: int, validation_labels: str
) -> dict[str, list[dict[str, Any]]]:
    check_seed(seed)
    if validation_labels not in VALIDATION_LABELS:
        raise DatasetError(f"validation_labels is {validation_labels!r}; choose one of {', '.join(VALIDATION_LABELS)}.")
    kept = dict(labelled)
    for number, (split, items) in enumerate(labelled.items()):
        if items and (split == "training" or validation_labels == "same"):
            patients = [item["patient"] for item in items]
            # A seed for each split, so that the two draws have nothing to do with each other.
            rows = draw_labelled(patients, label_array(items), fraction, derive_seed(seed, number))
            kept[split] = [items[row] for row in rows]
    return kept


def draw_labelled(
    patients: Sequence[str], labels: ArrayLike | None, fraction: float, seed: int = 0
) -> NDArray[np.intp]:
    """Draw the images that have labels, as whole patients; return their positions, ascending.

    Patients are taken in the order of :func:`~monai_mocoi.data.draw_label_order` until there are ``round(fraction *
    images)`` images, or more where the last patient has more than were wanting. Arguments and errors as there.
    """
    if type(fraction) not in (int, float) or not 0 < fraction <= 1:
        raise DatasetError(
            f"label_fraction is {fraction!r}; it is a share of the images, above 0 and at most 1: 0.01 for 1 %."
        )
    patient_of, counts, images = counted(patients, labels, seed)
    wanted = max(1, round(fraction * len(patient_of)))
    if wanted == len(patient_of):
        return np.arange(wanted)
    drawn, chosen = 0, np.zeros(len(images), dtype=bool)
    for patient in label_order(counts, images, seed):
        if drawn >= wanted:
            break
        chosen[patient] = True
        drawn += images[patient]
    return np.flatnonzero(chosen[patient_of])
