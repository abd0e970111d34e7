"""Which training and validation images have labels: drawn by fraction and seed, or given back (faults A2 and A18)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.enough_images import check_learnable, few_labelled_in_words
from monai_mocoi.data.label_order import check_draw, draw_labelled
from monai_mocoi.data.labels import (
    class_indicators,
    label_array,
    label_kind,
    labelled_items,
    left_out_in_words,
    some_unknown,
    unknown_counts,
    unknown_in_words,
)
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.data.selection_rule import selection_rule
from monai_mocoi.errors import DatasetError

LABELLED_NAME = "labelled.json"
"""The file of a run folder that holds :attr:`LabelSubset.record`."""
VALIDATION_LABELS = ("same", "all")
_CUT = ("training", "validation")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelSubset:
    """The part of a data set that has labels.

    Attributes:
        datalist: training and validation cut to the images with labels, in the order of the whole list; test whole.
            ``sha256`` stays that of the file.
        selection: what chooses the epoch: "metric", "loss" or "last" (see
            :class:`~monai_mocoi.data.selection_rule.SelectionRule`).
        record: what was done, for ``labelled.json`` in the run folder; nothing but what JSON knows. ``label_fraction``,
            ``label_seed`` and ``validation_labels`` (null where a given file does not say), ``ids`` ("drawn" or
            "given"), ``dataset_sha256``, ``kind`` ("multilabel" or "softmax"), ``counts`` (by split: ``images``,
            ``of`` so many with labels, ``patients``, and ``positives`` by class; where there are any ``unlabelled``,
            the images of the split without a label, and ``unknown`` by finding, of how many of the images it is not
            known), ``selection``, ``selection_reason``,
            ``selection_classes`` (with at least 5 positive and 5 negative validation images), ``warnings`` (sentences),
            and the images' names: ``training`` and ``validation``.
    """

    datalist: Datalist
    selection: str
    record: dict[str, Any]

    @property
    def some_unknown(self) -> bool:
        """Whether a finding is not known of some training image, so that the loss must leave it out."""
        return some_unknown(self.datalist.training)

    @property
    def sha256(self) -> str:
        """Hash of the images' names in both splits: whether two runs had the same labels."""
        names = json.dumps([self.record[split] for split in _CUT], ensure_ascii=False)
        return hashlib.sha256(names.encode()).hexdigest()


def label_subset(
    datalist: Datalist,
    fraction: float | None = None,
    seed: int | None = None,
    validation_labels: str | None = None,
    label_ids: str | Path | None = None,
) -> LabelSubset:
    """Cut training and validation to the images that have labels.

    Images without a label are left out first; the log tells how many, and of each finding of how many images it is not
    known. A fraction of the *images* that are left is drawn as whole patients, balanced by class (see
    :func:`~monai_mocoi.data.draw_label_order`); with one seed, 1 % is a part of 6 %. The fraction wins over the
    coverage of the classes: one without a positive (or a negative) that is known is named in a warning.

    Args:
        datalist: the whole one.
        fraction: of the images of training that have a label, above 0 and at most 1; None means 1, all.
        seed: of the draw, >= 0; None means 0. It is without effect for all images.
        validation_labels: "same": validation is cut to the same fraction, for whoever has few labels has few to choose
            a model by, too. "all": it keeps all. None means "same".
        label_ids: a ``labelled.json`` of an earlier run, or the run folder: exactly its images are used, and nothing
            is drawn. ``fraction``, ``seed`` and ``validation_labels`` must then be None or what the file says, so that
            no run is filed under another fraction than its own. Of a file made by hand only the lists ``training`` and
            ``validation`` are needed. None: draw.

    Returns:
        the cut datalist, how to choose the epoch, and the record.

    Raises:
        DatasetError: a setting out of range; training without labels, or with labels from which nothing can be learnt
            (see :func:`~monai_mocoi.data.check_learnable`); or ``label_ids`` cannot be read, contradicts the
            settings, or names an image twice, one that is not in the datalist, or one of another split.

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
    labelled = {split: labelled_items(datalist.splits()[split]) for split in _CUT}
    settings: dict[str, Any] = {"label_fraction": fraction, "label_seed": seed, "validation_labels": validation_labels}
    warnings = []
    if label_ids is not None:
        document = _read_ids(Path(label_ids))
        for key, value in settings.items():
            settings[key] = _agreed(key, value, document)
        kept = {split: _find(datalist, split, labelled[split], document[split]) for split in _CUT}
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
    counts = {split: _counts(items, labelled[split], whole[split], cut.labels) for split, items in kept.items()}
    chosen = selection_rule(label_array(cut.validation) if cut.validation else None, cut.labels)
    warnings += _uncovered(counts, kind)
    if few := few_labelled_in_words(counts["training"]["images"]):
        warnings.append(few)
    for split, items in kept.items():
        unlabelled = counts[split].get("unlabelled", 0) if labelled[split] else 0
        for line in (left_out_in_words(split, unlabelled), unknown_in_words(split, items, cut.labels)):
            if line:
                logger.info("%s", line)
    for warning in warnings:
        logger.warning("%s", warning)
    record = {
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
    for number, split in enumerate(_CUT):
        items = labelled[split]
        kept[split] = items
        if items and (split == "training" or validation_labels == "same"):
            patients = [item["patient"] for item in items]
            # A seed for each split, so that the two draws have nothing to do with each other.
            rows = draw_labelled(patients, label_array(items), fraction, derive_seed(seed, number))
            kept[split] = [items[row] for row in rows]
    return kept


def _read_ids(file: Path) -> dict[str, Any]:
    file = file / LABELLED_NAME if file.is_dir() else file
    hint = f"Give the {LABELLED_NAME} of a run folder, or the run folder."
    try:
        document = json.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DatasetError(f"label_ids: '{file.name}' cannot be read ({error.strerror}). {hint}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"label_ids: '{file.name}' is not valid JSON ({error}). {hint}") from None
    for split in _CUT:
        names = document.get(split) if isinstance(document, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DatasetError(
                f"label_ids: '{file.name}' has no list '{split}' of image names as they stand in the datalist. {hint}"
            )
    if not document["training"]:
        raise DatasetError(f"label_ids: '{file.name}' names no training image.")
    return document


def _agreed(key: str, value: Any, document: Mapping[str, Any]) -> Any:
    """Return what the file says of a setting; an error if something else was set."""
    stated = document.get(key)
    if None not in (stated, value) and stated != value:
        raise DatasetError(
            f"label_ids: its images were drawn with {key} {stated}, but {key} is {value}: "
            f"add --{key} {stated}, so that the run is filed under what it has."
        )
    return stated


def _find(
    datalist: Datalist, split: str, items: Sequence[dict[str, Any]], names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return of the items, those of a split that have labels, the ones of these names."""
    wanted = set(names)
    if len(wanted) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(
            f"label_ids: {len(names) - len(wanted)} name(s) of '{split}' are repeated, first '{twice}'; "
            "each image counts once."
        )
    if missing := wanted - {item["name"] for item in items}:
        if unlabelled := [item["name"] for item in datalist.splits()[split] if item["name"] in missing]:
            raise DatasetError(
                f"label_ids: {len(unlabelled)} of {len(names)} images of '{split}' have no label in this data set, "
                f"first '{unlabelled[0]}': the ids are of another version of it. Take them out of the file, or add "
                "their labels to the datalist."
            )
        for other, others in datalist.splits().items():
            if misplaced := [item["name"] for item in others if item["name"] in missing]:
                raise DatasetError(
                    f"label_ids: {len(misplaced)} of {len(names)} images of '{split}' are in the {other} split of this "
                    f"data set, first '{misplaced[0]}': the ids are of another split of the data."
                )
        raise DatasetError(
            f"label_ids: {len(missing)} of {len(names)} images of '{split}' are not in the {split} split of this data "
            f"set, first '{next(name for name in names if name in missing)}'. Give the ids that were drawn from it."
        )
    return [item for item in items if item["name"] in wanted]


def _counts(
    items: Sequence[Mapping[str, Any]], labelled: Sequence[Any], whole: Sequence[Any], names: Sequence[str]
) -> dict[str, Any]:
    positives = class_indicators(label_array(items), len(names)).sum(0).tolist() if items else [0] * len(names)
    without, unknown = len(whole) - len(labelled), unknown_counts(items, names)
    return {
        "images": len(items),
        "of": len(labelled),
        "patients": len({item["patient"] for item in items}),
        "positives": dict(zip(names, positives, strict=True)),
        **({"unlabelled": without} if without else {}),
        **({"unknown": unknown} if unknown else {}),
    }


def _uncovered(counts: Mapping[str, Mapping[str, Any]], kind: str) -> list[str]:
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
