"""Data loader: batches of a data set, in an order that its sampler decides, read by worker processes."""

import os
import signal
import threading
from typing import Any

import torch
from monai.data.dataloader import DataLoader

from monai_mocoi.data.class_balance import BalancedSampler
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.sampler import EpochSampler


def loader(
    dataset: ImageDataset,
    batch_size: int,
    shuffle: bool = False,
    balanced: bool = False,
    sampler: EpochSampler | None = None,
    seed: int = 0,
    num_workers: int = 0,
    drop_last: bool | None = None,
    **options: Any,
) -> DataLoader:
    """Make MONAI's loader of a data set, with its sampler, for this process.

    Args:
        dataset: what to load.
        batch_size: images a batch in each process.
        shuffle: a new order every epoch, for training, and workers that stay between epochs. False: that of the list.
        balanced: with ``shuffle``, rare classes come up as often as frequent ones, see
            :class:`~monai_mocoi.data.BalancedSampler`.
        sampler: in the place of ``shuffle`` and ``balanced``; of the same ``batch_size``. None: one is made.
        seed: of the order, and of the loader's generator, >= 0.
        num_workers: reading processes; 0 reads in this one.
        drop_last: leave out a last batch that is not full; None: as the sampler does, which is True for training.
        options: others of MONAI's loader, such as ``collate_fn``.

    Raises:
        DatasetError: see :class:`~monai_mocoi.data.EpochSampler` and :class:`~monai_mocoi.data.BalancedSampler`.
    """
    if sampler is None and shuffle and balanced:
        items = [dataset.data[row] for row in dataset.rows]
        sampler = BalancedSampler(items, seed, drop_last=drop_last, batch_size=batch_size)
    elif sampler is None:
        sampler = EpochSampler(len(dataset), seed, shuffle, drop_last=drop_last, batch_size=batch_size)
    return DataLoader(
        dataset,
        num_workers=num_workers,
        sampler=sampler,
        batch_size=batch_size,
        drop_last=sampler.drop_last if drop_last is None else drop_last,
        persistent_workers=sampler.shuffle and num_workers > 0,
        worker_init_fn=keep_working,
        generator=torch.Generator().manual_seed(seed),
        **options,
    )


def keep_working(worker: int) -> None:
    """Let a cluster's preemption signals pass, so that the trainer can finish its iteration and save.

    A scheduler signals every process of a job, and a worker that died of it would take the trainer with it in the
    middle of an iteration. The trainer's own SIGTERM, with which torch and Python end their workers, is obeyed as ever.
    It is a loader's ``worker_init_fn``, in the place of MONAI's own, which seeds the transforms as ``ImageDataset``
    does.
    """
    if not hasattr(signal, "sigwaitinfo"):  # macOS, Windows
        return
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    # Blocked in all threads, a signal waits for this one, which alone can see who sent it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_obey_parent, args=(os.getppid(),), daemon=True).start()


def _obey_parent(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
