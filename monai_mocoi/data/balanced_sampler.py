"""An epoch in which the classes come up alike: drawn with replacement, repeatable, shareable and resumable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monai_mocoi.data.class_balance import balancing_groups
from monai_mocoi.data.labels import label_array
from monai_mocoi.data.sampler import EpochSampler
from monai_mocoi.data.seeding import derive_seed


class BalancedSampler(EpochSampler):
    """Give each process its share of an epoch in which images of rare classes are repeated and others are left out.

    For training. An epoch is as long as a plain one. Each image is drawn as often as its weight says (see
    :func:`~monai_mocoi.data.class_balance.balancing_groups`), by systematic sampling (Madow, Annals of Mathematical
    Statistics 20, 1949): an image that should come up 2.4 times in an epoch comes up 2 or 3 times, and a class that
    should come up 50 times 49 to 51 times, while independent draws would give anything from 35 to 65.

    Args:
        items: of the data set that is sampled, in its order, with labels. Where the data set has left out unreadable
            images, these must be missing here too: ``[dataset.data[row] for row in dataset.rows]``.
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
