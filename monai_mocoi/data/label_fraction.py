"""Which training and validation images have labels: drawn by fraction and seed, or given back (faults A2 and A18)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.enough_images import check_learnable, few_labelled_in_words, selection_rule
from monai_mocoi.data.label_ids import agreed, find_items, read_ids
from monai_mocoi.data.label_order import check_draw, draw_labelled
from monai_mocoi.data.labelled_images import LABELLED_SPLITS, LabelledImages, label_counts, uncovered_in_words
from monai_mocoi.data.labels import (
    label_array,
    label_kind,
    labelled_items,
    left_out_in_words,
    some_unknown,
    unknown_in_words,
)
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.errors import DatasetError

logger = logging.getLogger(__name__)

VALIDATION_LABELS = ("same", "all")


@dataclass(frozen=True)
class LabelSubset:
    """The part of a data set that has labels: training and validation are cut to it, in their order; test is whole.

    ``selection`` is what chooses the epoch: "metric", "loss" or "last".
    """

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
    :func:`~monai_mocoi.data.draw_label_order`); with one seed, 1 % is a part of 6 %. The fraction wins over the
    coverage of the classes: one without a positive (or a negative) that is known is named in a warning.

    Args:
        datalist: the whole one.
        fraction: of the images of training that have a label, above 0 and at most 1; None means 1, all.
        seed: of the draw, >= 0; None means 0. It has no effect on all images.
        validation_labels: "same": validation is cut to the same fraction, because whoever has few labels has few to
            choose a model by, too. "all": it keeps all. None means "same".
        label_ids: a ``labelled.json`` of an earlier run, or the run folder: exactly its images are used. The three
            settings must then be None or what the file says. Of a file made by hand only the lists ``training`` and
            ``validation`` are needed. None: draw.

    Raises:
        DatasetError: a setting out of range; training without labels, or with labels from which nothing can be learnt
            (see :func:`~monai_mocoi.data.check_learnable`); or ``label_ids`` cannot be read, contradicts the settings,
            or names an image twice, one that is not in the datalist, or one of another split.

    Examples:
        >>> from pathlib import Path
        >>> from monai_mocoi.data import Datalist, label_subset
        >>> def images(split):
        ...     return [{"name": f"{split}{n}", "patient": f"{split}{n}", "label": n % 2} for n in range(40)]
        >>> splits = {split: images(split) for split in ("training", "validation", "test")}
        >>> datalist = Datalist("drawn", ("no", "yes"), Path(), sha256="0" * 64, **splits)
        >>> subset = label_subset(datalist, fraction=0.5, seed=1)
        >>> subset.record["counts"]["training"]["positives"]
        {'no': 10, 'yes': 10}
    """
    kind = label_kind(datalist)
    labelled = {split: labelled_items(datalist.splits()[split]) for split in LABELLED_SPLITS}
    settings: dict[str, Any] = {"label_fraction": fraction, "label_seed": seed, "validation_labels": validation_labels}
    warnings = []
    if label_ids is not None:
        document = read_ids(Path(label_ids))
        for key, value in settings.items():
            settings[key] = agreed(key, value, document)
        kept = {split: find_items(datalist, split, labelled[split], document[split]) for split in LABELLED_SPLITS}
        if document.get("dataset_sha256", datalist.sha256) != datalist.sha256:
            warnings.append("label_ids were drawn from another version of this data set; all images named are in it.")
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
        unlabelled = counts[split].get("unlabelled", 0) if labelled[split] else 0
        for line in (left_out_in_words(split, unlabelled), unknown_in_words(split, items, cut.labels)):
            if line:
                logger.info("%s", line)
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
    check_draw(fraction, seed)
    if validation_labels not in VALIDATION_LABELS:
        raise DatasetError(
            f"validation_labels is {validation_labels!r}; choose one of {', '.join(VALIDATION_LABELS)}: validation cut "
            "to the same fraction, or all of it."
        )
    kept = {}
    for number, split in enumerate(LABELLED_SPLITS):
        items = labelled[split]
        kept[split] = items
        if items and (split == "training" or validation_labels == "same"):
            patients = [item["patient"] for item in items]
            # A seed for each split, so that the two draws have nothing to do with each other.
            rows = draw_labelled(patients, label_array(items), fraction, derive_seed(seed, number))
            kept[split] = [items[row] for row in rows]
    return kept
