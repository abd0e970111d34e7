"""Labels of another data set set beside a classifier's, by name."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.labels import label_array, labelled_items, tell_of_unknown
from monai_mocoi.errors import DatasetError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelMatch:
    """Which of a classifier's classes can be scored on a data set, and how its items are to be read.

    ``items`` are those of the split with a label, in the order of ``classes``, and ``rows`` theirs in the split.
    ``classes`` are the classifier's that the data set has too, ``outputs`` their places among its outputs. ``missing``
    are the classifier's alone, ``ignored`` the data set's. ``external``: the classifier was made with another data set,
    by the SHA-256 of its datalist. ``unlabelled`` images are left out: none of these classes is known of them.
    """

    items: list[dict[str, Any]]
    classes: tuple[str, ...]
    outputs: tuple[int, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]
    external: bool
    rows: tuple[int, ...] = ()
    unlabelled: int = 0


def match_labels(classifier: Mapping[str, Any], datalist: Datalist, split: str) -> LabelMatch:
    """Match the labels of a split with the classes of a classifier (its card) by name, whatever their order.

    Findings that only one of the two knows are left out and named in the log, and so are images of which no finding is
    known then. Classes that exclude each other must be the same, because their probabilities sum to 1. Raises
    DatasetError: the split is unknown or empty, or has no labels; labels of another kind; no name in common, or of
    classes that exclude each other not all.
    """
    splits = datalist.splits()
    if split not in splits:
        raise DatasetError(f"split is {split!r}; choose one of {', '.join(splits)}.")
    if not splits[split]:
        raise DatasetError(f"the {split} split has no images: choose another split, or prepare the data set with it.")
    items = labelled_items(splits[split])
    kind = "multilabel" if label_array(items or splits[split]).ndim == 2 else "multiclass"
    own, theirs = list(classifier["labels"]), list(datalist.labels)
    classes = [name for name in own if name in theirs]
    missing, ignored = [n for n in own if n not in theirs], [n for n in theirs if n not in own]
    if kind != classifier["kind"] or not classes or (kind == "multiclass" and (missing or ignored)):
        rule = "all of them" if kind == classifier["kind"] == "multiclass" else "at least one of them"
        raise DatasetError(
            f"the classifier knows {_quoted(own)} ({classifier['kind']}), but the data set has {_quoted(theirs)} "
            f"({kind}): labels are matched by name, and {rule} must be there, in any order. Prepare the data set with "
            "labels of the same kind and names."
        )
    if classes != theirs:
        columns = [theirs.index(name) for name in classes]
        if kind == "multiclass":
            place = {theirs.index(name): number for number, name in enumerate(own)}
            items = [{**item, "label": place[item["label"]]} for item in items]
        else:
            items = [{**item, "label": [item["label"][column] for column in columns]} for item in items]
            items = [item for item in items if any(value is not None for value in item["label"])]
            if not items:
                raise DatasetError(
                    f"of no image of the {split} split any of {_quoted(classes)} is known, which both have: there is "
                    "nothing to score. Choose another split, or another data set."
                )
    row_of = {item["name"]: row for row, item in enumerate(splits[split])}
    rows = tuple(row_of[item["name"]] for item in items)
    unlabelled = len(splits[split]) - len(items)
    outputs = tuple(own.index(name) for name in classes)
    external = classifier.get("dataset_sha256") != datalist.sha256
    return LabelMatch(items, tuple(classes), outputs, tuple(missing), tuple(ignored), external, rows, unlabelled)


def check_labels_fit(classifier: Mapping[str, Any], datalist: Datalist, split: str) -> None:
    """Refuse what :func:`match_labels` refuses; say what it leaves out, and warn of another data set.

    Raises DatasetError: as there.
    """
    match = match_labels(classifier, datalist, split)
    if match.missing or match.ignored:
        logger.warning(
            "Scored are %s, which both have. Not scored, because the data set lacks them: %s. Not looked at, because "
            "the classifier does not know them: %s.",
            _quoted(match.classes),
            _quoted(match.missing),
            _quoted(match.ignored),
        )
    tell_of_unknown(split, match.unlabelled, match.items, match.classes)
    if match.external:
        trained_on = classifier.get("dataset")
        if trained_on == datalist.name:
            what = f"another version of this data set ({datalist.name!r}): its datalist.json was another"
        else:
            what = f"another data set ({trained_on!r}) than this one ({datalist.name!r})"
        logger.warning(
            "The classifier was trained with %s. Make sure that none of these patients was among its training images.",
            what if trained_on else "another data set, or another version of this one",
        )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
