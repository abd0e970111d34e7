"""Which images the online probes look at: few, the same at every probe, training against validation, never test."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.class_balance import balancing_groups
from monai_mocoi.data.enough_images import MIN_IMAGES, MIN_OF_EACH
from monai_mocoi.data.labels import class_sides, class_truth, label_array
from monai_mocoi.errors import DatasetError
from monai_mocoi.metrics import ranked_columns

MOST_TRAINING = 4000
MOST_VALIDATION = 2000
SHARE = 0.03
"""Of the time of training that all probes of a run may take together."""
TRAINING_COST = 4  # forward passes of an image


@dataclass(frozen=True)
class ProbeImages:
    """Images of two splits: places, ascending, and (images, classes) labels of 1, 0 or ``UNKNOWN``.

    ``columns`` are the classes to score: at least 5 positive and 5 negative images in either split; of two classes
    that exclude each other the second alone.
    """

    training: tuple[int, ...]
    validation: tuple[int, ...]
    training_labels: NDArray[np.int64]
    validation_labels: NDArray[np.int64]
    columns: tuple[int, ...]


def choose_probe_images(
    training: Sequence[Mapping[str, Any]],
    validation: Sequence[Mapping[str, Any]],
    classes: int,
    most: int,
    seed: int = 0,
) -> ProbeImages:
    """Choose images for the probes, at most ``most`` of both splits, and 4,000 and 2,000 of the two.

    A third of them are validation images, drawn at random as they are: an AUC over images that were balanced by class
    would be another number than that of an evaluation. The training images are balanced: each class in turn (see
    :func:`~monai_mocoi.data.class_balance.balancing_groups`), and in each class first one image of every patient. Else
    a rare class would hardly be among anybody's neighbours. Items without a label are not taken. Raises DatasetError:
    no labels, or too few images or positives for a number that means something; says which.
    """
    places = [[place for place, item in enumerate(items) if "label" in item] for items in (training, validation)]
    for name, own in zip(("training", "validation"), places, strict=True):
        if not own:
            raise DatasetError(f"{name} images have no labels")
    training, validation = (
        [items[place] for place in own] for items, own in zip((training, validation), places, strict=True)
    )
    if len(validation) < MIN_IMAGES:
        raise DatasetError(f"validation has {len(validation)} labelled image(s); {MIN_IMAGES} are needed")
    train_labels, validation_labels = label_array(training), label_array(validation)
    kind = "multilabel" if train_labels.ndim == 2 else "multiclass"
    random = np.random.default_rng([seed, len(training), len(validation)])
    count = min(len(validation), max(most // 3, most - len(training)), MOST_VALIDATION)
    tested = sorted(random.permutation(len(validation))[:count].tolist())
    count = min(len(training), most - count, MOST_TRAINING)
    patients = [item["patient"] for item in training]
    learnt = sorted(_in_turn(random.permutation(len(training)).tolist(), patients, train_labels)[:count])
    if len(tested) < MIN_IMAGES:
        raise DatasetError(
            f"{len(tested)} validation images could be looked at within 3 % of the run's time, too few for an AUC "
            f"({MIN_IMAGES} are needed)"
        )
    sides = [class_sides(train_labels[learnt], classes), class_sides(validation_labels[tested], classes)]
    rarer = np.minimum(*(np.minimum(*(side.sum(axis=0) for side in part)) for part in sides))
    columns = tuple(int(column) for column in ranked_columns(kind, classes) if rarer[column] >= MIN_OF_EACH)
    if not columns:
        raise DatasetError(
            f"of no class there are {MIN_OF_EACH} images with it and {MIN_OF_EACH} without it among {len(learnt)} "
            f"training and {len(tested)} validation images, too few for an AUC"
        )
    return ProbeImages(
        tuple(places[0][row] for row in learnt),
        tuple(places[1][row] for row in tested),
        class_truth(train_labels[learnt], classes),
        class_truth(validation_labels[tested], classes),
        columns,
    )


def _in_turn(order: Sequence[int], patients: Sequence[Hashable], labels: NDArray[np.int64]) -> list[int]:
    """The images of a random order, each class in turn, and in each class the patients' first images before others."""
    groups, _ = balancing_groups(labels)
    by_patient = sorted(order, key=_turns(order, patients).__getitem__)  # stable: else as in the random order
    return sorted(by_patient, key=_turns(by_patient, groups.tolist()).__getitem__)


def _turns(order: Sequence[int], owners: Sequence[Hashable]) -> dict[int, int]:
    """By image, how many images of the same owner come before it."""
    seen: dict[Hashable, int] = defaultdict(int)
    turns = {}
    for image in order:
        turns[image] = seen[owners[image]]
        seen[owners[image]] += 1
    return turns


def images_a_probe(images: int, epochs: int, every: int) -> int:
    """How many images a probe may look at, so that all probes of a run take at most 3 % of its training.

    The number of images decides, not a clock, so that the same run probes the same images. An image costs one forward
    pass in a probe, and at least four in training: the query's, its backward pass, which is two more, and the key's. A
    process trains on ``images`` in each of ``epochs``; ``every`` so many there is a probe, and one before the first.
    """
    probes = 1 + -(-epochs // every)
    return int(SHARE * TRAINING_COST * images * epochs / probes)
