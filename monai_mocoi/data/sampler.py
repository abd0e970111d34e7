"""The order of the samples, as a pure function of seed and epoch: repeatable, shareable and resumable."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch.distributed as dist
from torch.utils.data import Sampler

from monai_mocoi.data.dataset import EpochIndex
from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.seeding import derive_seed


class EpochSampler(Sampler[EpochIndex]):
    """Give each process its share of an epoch's samples as :class:`~monai_mocoi.data.EpochIndex`.

    Process r of W takes positions r, r + W, r + 2W, ... of the epoch's order. So the k-th batches of all processes
    together are the k-th batch of W times the size in one process.

    Args:
        dataset_size: number of images.
        seed: of the order, >= 0.
        shuffle: True for training: a new order every epoch. False for validation and test: the order of the list, and
            the epoch stays 0, so that random views are the same every time.
        rank: this process's number; None asks torch.distributed, 0 without it.
        world_size: number of processes; None asks torch.distributed, 1 without it.
        drop_last: True: leave out the last few of the epoch's order where the processes could not share them evenly
            (every process has dataset_size // world_size samples). False: every sample exactly once, some processes
            having one more. None: as ``shuffle``, for training must stay in step and a test must be complete.

    Raises:
        DatasetError: no samples, fewer samples than processes with ``drop_last``, or a rank outside the world.
    """

    def __init__(
        self,
        dataset_size: int,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool | None = None,
    ) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank = rank if rank is not None else dist.get_rank() if together else 0
        self.world_size = world_size if world_size is not None else dist.get_world_size() if together else 1
        self.dataset_size, self.seed, self.shuffle = dataset_size, seed, shuffle
        self.drop_last = shuffle if drop_last is None else drop_last
        if dataset_size < 1 or seed < 0:
            raise DatasetError(f"dataset_size is {dataset_size} and seed {seed}; at least 1 and 0 are needed.")
        if not 0 <= self.rank < self.world_size:
            raise DatasetError(f"rank {self.rank} is outside 0 to {self.world_size - 1}, the world of this run.")
        if self.drop_last and dataset_size < self.world_size:
            raise DatasetError(
                f"{dataset_size} image(s) cannot be shared by {self.world_size} processes; use fewer processes."
            )
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose what the next iteration gives.

        Args:
            epoch: from 0; it has no effect without ``shuffle``.
            start: how many of this process's samples of that epoch to leave out, to go on in the middle of it. It
                holds for the next iteration only.

        Raises:
            DatasetError: a negative epoch, or a start beyond the epoch's end.
        """
        if epoch < 0 or not 0 <= start <= len(self):
            raise DatasetError(f"epoch {epoch}, start {start}: epoch must be >= 0 and start within 0 to {len(self)}.")
        self.epoch = epoch if self.shuffle else 0
        self.start = start

    def __len__(self) -> int:
        """Return this process's number of samples in a whole epoch, whatever ``start`` is."""
        share, rest = divmod(self.dataset_size, self.world_size)
        return share + (not self.drop_last and self.rank < rest)

    def __iter__(self) -> Iterator[EpochIndex]:
        if self.shuffle:
            # RandomState: its stream is frozen across NumPy versions, which that of default_rng is not.
            order = np.random.RandomState(derive_seed(self.seed, self.epoch)).permutation(self.dataset_size)
        else:
            order = np.arange(self.dataset_size)
        mine = order[self.rank :: self.world_size][: len(self)]
        epoch, start, self.start = self.epoch, self.start, 0
        for index in mine[start:].tolist():
            yield EpochIndex(epoch, index)
