"""The order of the samples, as a pure function of seed and epoch: repeatable, shareable and resumable."""

from collections.abc import Iterator

import numpy as np
import torch.distributed as dist
from torch.utils.data import Sampler

from monai_mocoi.data.seeding import EpochIndex, derive_seed
from monai_mocoi.errors import DatasetError


class EpochSampler(Sampler[EpochIndex]):
    """Give each process its share of an epoch's samples as :class:`~monai_mocoi.data.EpochIndex`.

    The epoch's order is dealt one *global batch*, ``world_size * batch_size`` samples, at a time: process r takes rows
    ``r * batch_size`` to ``(r + 1) * batch_size`` of each. So the k-th batches of all processes, one after the other,
    are the k-th batch that one process with ``world_size`` times the batch size would have.

    Args:
        dataset_size: number of images.
        seed: of the order, >= 0.
        shuffle: a new order every epoch, for training. False: the order of the list, and the epoch stays 0, so that
            random views are the same every time.
        rank: this process's number; None asks torch.distributed, 0 without it.
        world_size: number of processes; None asks torch.distributed, 1 without it.
        drop_last: a last global batch that is not full is left out (True), so that processes stay in step, or shared
            as evenly as it can be (False): the first processes may have one sample more, and the last ones none. None:
            as ``shuffle``, because a test must be complete.
        batch_size: of the loader that this sampler feeds, in each process; 1 deals the samples out one by one.

    Raises:
        DatasetError: no samples, with ``drop_last`` fewer samples than one global batch, a rank outside the world, or
            a batch_size below 1.

    Examples:
        >>> from monai_mocoi.data import EpochSampler
        >>> sampler = EpochSampler(5, shuffle=False, batch_size=2, rank=1, world_size=2)
        >>> [row.index for row in sampler]  # one process takes 0, 1 and 4
        [2, 3]
    """

    def __init__(
        self,
        dataset_size: int,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        drop_last: bool | None = None,
        batch_size: int = 1,
    ) -> None:
        together = dist.is_available() and dist.is_initialized()
        self.rank = rank if rank is not None else dist.get_rank() if together else 0
        self.world_size = world_size if world_size is not None else dist.get_world_size() if together else 1
        self.dataset_size, self.seed, self.shuffle = dataset_size, seed, shuffle
        self.drop_last = shuffle if drop_last is None else drop_last
        self.batch_size = batch_size
        if dataset_size < 1 or seed < 0:
            raise DatasetError(f"dataset_size is {dataset_size} and seed {seed}; at least 1 and 0 are needed.")
        if not 0 <= self.rank < self.world_size:
            raise DatasetError(f"rank {self.rank} is outside 0 to {self.world_size - 1}, the world of this run.")
        if batch_size < 1:
            raise DatasetError(f"batch_size is {batch_size}, but must be 1 or more.")
        if self.drop_last and dataset_size < self.world_size * batch_size:
            raise DatasetError(
                f"{dataset_size} image(s) do not fill one batch of {batch_size} in each of {self.world_size} "
                "process(es): use a smaller batch_size or fewer processes."
            )
        self.epoch = 0
        self.start = 0

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Choose what the next iteration gives.

        ``epoch``, from 0, has no effect without ``shuffle``. ``start`` is how many of this process's samples to leave
        out, to go on in the middle of the epoch; for the next iteration only. Others are a DatasetError.
        """
        if epoch < 0 or not 0 <= start <= len(self):
            raise DatasetError(f"epoch {epoch}, start {start}: epoch must be >= 0 and start within 0 to {len(self)}.")
        self.epoch = epoch if self.shuffle else 0
        self.start = start

    def __len__(self) -> int:
        """Return this process's number of samples in a whole epoch, whatever ``start`` is."""
        full, rest = divmod(self.dataset_size, self.world_size * self.batch_size)
        share = 0 if self.drop_last else rest // self.world_size + (self.rank < rest % self.world_size)
        return full * self.batch_size + share

    def __iter__(self) -> Iterator[EpochIndex]:
        order = self._order()
        epoch, start, self.start = self.epoch, self.start, 0
        for index in self._share(order)[start:].tolist():
            yield EpochIndex(epoch, index)

    def _order(self) -> np.ndarray:
        """Return the samples of the whole epoch, of all processes."""
        if not self.shuffle:
            return np.arange(self.dataset_size)
        # RandomState: its stream is frozen across NumPy versions, which that of default_rng is not.
        return np.random.RandomState(derive_seed(self.seed, self.epoch)).permutation(self.dataset_size)

    def _share(self, order: np.ndarray) -> np.ndarray:
        """Take this process's rows of every global batch."""
        full = self.dataset_size - self.dataset_size % (self.world_size * self.batch_size)
        mine = order[:full].reshape(-1, self.world_size, self.batch_size)[:, self.rank].ravel()
        if self.drop_last:
            return mine
        return np.concatenate([mine, np.array_split(order[full:], self.world_size)[self.rank]])
