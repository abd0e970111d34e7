"""Class balance: weights of the classes in a loss, and images of rare classes drawn more often."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.data.labels import class_sides, label_array
from monai_mocoi.data.sampler import EpochSampler
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.errors import DatasetError


def class_weights(items: Sequence[Mapping[str, Any]], classes: int, limit: float = 100.0) -> torch.Tensor:
    """Return a weight for each class, which makes a rare one count as much as a frequent one.

    Args:
        items: of the training split, with labels.
        classes: number of findings or classes.
        limit: no weight is above it, so that a single positive image cannot rule a step; above 0.

    Returns:
        (classes,) float32, above 0. For findings ``pos_weight`` of ``BCEWithLogitsLoss``: negatives / positives where
        known; for classes ``weight`` of ``CrossEntropyLoss``: images / (classes that occur * images of the class). It
        is 1 for a class without a positive image, and for a finding without a negative one.

    Raises:
        DatasetError: no labels, labels that do not fit ``classes``, or a limit that is not above 0.

    Examples:
        >>> from monai_mocoi.data import class_weights
        >>> class_weights([{"label": [1]}, {"label": [0]}, {"label": [0]}, {"label": [0]}], classes=1)
        tensor([3.])
    """
    if not limit > 0:
        raise DatasetError(f"the limit of the class weights is {limit}; it must be above 0.")
    labels = label_array(items)
    positives, negatives = (side.sum(0) for side in class_sides(labels, classes))
    above = negatives if labels.ndim == 2 else np.full(classes, len(labels) / (positives > 0).sum())
    weights = np.where((positives > 0) & (above > 0), above / np.maximum(positives, 1), 1)
    return torch.tensor(np.minimum(weights, limit), dtype=torch.float32)


def balancing_groups(labels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the class that an image stands for when classes are to be drawn alike, and the image's weight.

    An image stands for its class; with several findings for the rarest that it is known to have (the first of equally
    rare ones), and without any for "no finding", numbered behind the findings. Its weight is 1 / the number of images
    that have this class; the sum is 1.
    """
    if labels.ndim == 1:
        group, positives = labels, np.bincount(labels)
    else:
        found = labels == 1
        with_none = np.column_stack([found, ~found.any(1)]).astype(np.int64)
        positives = with_none.sum(0)
        group = np.where(with_none > 0, positives, len(labels) + 1).argmin(1)
    weights = 1 / positives[group]
    return group, weights / weights.sum()


class BalancedSampler(EpochSampler):
    """Give each process its share of an epoch in which images of rare classes are repeated and others are left out.

    For training. An epoch is as long as a plain one. Each image is drawn as often as its weight says (see
    :func:`~monai_mocoi.data.class_balance.balancing_groups`), by systematic sampling (Madow, Annals of Mathematical
    Statistics 20, 1949): a class that should come up 50 times comes up 49 to 51 times, not anything from 35 to 65.

    Args:
        items: with labels, of the images that the data set gives: ``[dataset.data[row] for row in dataset.rows]``.
        seed, rank, world_size, drop_last, batch_size: as for :class:`~monai_mocoi.data.EpochSampler`.

    Raises:
        DatasetError: items without labels, and as for :class:`~monai_mocoi.data.EpochSampler`.

    Examples:
        >>> from collections import Counter
        >>> from monai_mocoi.data import BalancedSampler
        >>> items = [{"label": int(n < 10)} for n in range(100)]
        >>> counted = Counter(items[row.index]["label"] for row in BalancedSampler(items))
        >>> 45 <= counted[1] <= 55
        True
    """

    def __init__(
        self,
        items: Sequence[Mapping[str, Any]],
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool | None = None,
        batch_size: int = 1,
    ) -> None:
        self.group, self.weights = balancing_groups(label_array(items))
        super().__init__(len(items), seed, rank=rank, world_size=world_size, drop_last=drop_last, batch_size=batch_size)

    def _order(self) -> np.ndarray:
        random = np.random.RandomState(derive_seed(self.seed, self.epoch))
        chance = random.permutation(self.dataset_size)
        # The images of a class lie side by side, so that a comb of equal steps meets every class evenly.
        lined_up = chance[np.argsort(self.group[chance], kind="stable")]
        ends = np.cumsum(self.weights[lined_up])
        comb = (random.random_sample() + np.arange(self.dataset_size)) / self.dataset_size
        drawn = np.searchsorted(ends / ends[-1], comb, side="right")
        return random.permutation(lined_up[np.minimum(drawn, self.dataset_size - 1)])
