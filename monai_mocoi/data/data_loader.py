"""Data loader: batches of a data set, in an order that its sampler decides, read by worker processes."""

import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

import torch
from monai.data.dataloader import DataLoader
from torch.utils.data import Dataset

from monai_mocoi.data.class_balance import BalancedSampler
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.sampler import EpochSampler
from monai_mocoi.data.seeding import EpochIndex
from monai_mocoi.data.view_batches import draws_batches
from monai_mocoi.distributed.torchrun import torchrun_local_world_size
from monai_mocoi.errors import DatasetError
from monai_mocoi.threads import usable_cpus

VIEWS_ON = ("auto", "cpu", "device")


def loader(
    dataset: ImageDataset,
    batch_size: int,
    shuffle: bool = False,
    balanced: bool = False,
    sampler: EpochSampler | None = None,
    seed: int = 0,
    num_workers: int = 0,
    drop_last: bool | None = None,
    views_on: str = "auto",
    device: torch.device | str = "cpu",
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
        views_on: where the two views of a batch are made: "cpu": by who reads; "device": by the trainer, on ``device``,
            from pictures of 8 or 16 bits; "auto": on the device, if that is no CPU. A transform that is not
            :class:`~monai_mocoi.transforms.TwoViewsd` with steps of this package is called image by image.
        device: of the training.
        options: others of MONAI's loader, such as ``collate_fn``.

    Raises:
        DatasetError: another ``views_on``, or "device" with a transform that is called image by image; see also
            :class:`~monai_mocoi.data.EpochSampler` and :class:`~monai_mocoi.data.BalancedSampler`.
    """
    if sampler is None and shuffle and balanced:
        items = [dataset.data[row] for row in dataset.rows]
        sampler = BalancedSampler(items, seed, drop_last=drop_last, batch_size=batch_size)
    elif sampler is None:
        sampler = EpochSampler(len(dataset), seed, shuffle, drop_last=drop_last, batch_size=batch_size)
    batches = _in_batches(dataset, views_on, device)
    if batches is not None:
        options.setdefault("collate_fn", _as_it_is)
    return DataLoader(
        dataset if batches is None else batches,
        pin_memory=torch.device(device).type == "cuda",
        num_workers=num_workers,
        sampler=sampler,
        batch_size=batch_size,
        drop_last=sampler.drop_last if drop_last is None else drop_last,
        persistent_workers=sampler.shuffle and num_workers > 0,
        worker_init_fn=keep_working,
        generator=torch.Generator().manual_seed(seed),
        **options,
    )


def loader_workers(device: torch.device | str, most: int = 8) -> int:
    """How many processes are to read for a run on a device: on a CPU 0, the run itself; else one a core, ``most`` 8.

    The cores are those that this process may use, shared with others that ``torchrun`` started on this machine.
    """
    if torch.device(device).type == "cpu":
        return 0
    return max(1, min(most, usable_cpus() // torchrun_local_world_size()))


class _Batches(Dataset[Any]):
    """A data set that gives its loader whole batches; ``later``: their views are made on the training device."""

    def __init__(self, dataset: ImageDataset, later: bool) -> None:
        self.dataset, self.later = dataset, later

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, items: Sequence[int | EpochIndex]) -> dict[str, Any]:
        return self.dataset.batch(items, self.later)


def _in_batches(dataset: ImageDataset, views_on: str, device: torch.device | str) -> _Batches | None:
    """The data set in batches; None where its transform must be called image by image."""
    if views_on not in VIEWS_ON:
        raise DatasetError(f"views_on is {views_on!r}; choose one of {', '.join(VIEWS_ON)}.")
    if not draws_batches(dataset.transform) and views_on == "device":
        raise DatasetError(
            "views_on is device, but the views have a step that is applied to one image at a time, or there is more "
            "than TwoViewsd: set views_on to auto or cpu, or use the package's own steps only."
        )
    later = views_on == "device" or (views_on == "auto" and torch.device(device).type != "cpu")
    return _Batches(dataset, later) if draws_batches(dataset.transform) else None


def _as_it_is(batch: dict[str, Any]) -> dict[str, Any]:
    return batch


def keep_working(worker: int) -> None:
    """Let Ctrl-C and a cluster's preemption signals pass, so that the trainer can finish its iteration and save.

    A scheduler signals every process of a job, and a worker that died of it would take the trainer with it in the
    middle of an iteration. The trainer's own SIGTERM, with which torch and Python end their workers, is obeyed as ever.
    It is a loader's ``worker_init_fn``, in the place of MONAI's own, which seeds the transforms as ``ImageDataset``
    does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
