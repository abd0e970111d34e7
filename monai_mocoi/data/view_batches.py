"""Where the random views of a loader's batches are made: where it reads, or later, on the training device."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.seeding import EpochIndex
from monai_mocoi.errors import DatasetError
from monai_mocoi.transforms.views import TwoViewsd

VIEWS_ON = ("auto", "cpu", "device")


class ViewBatches(Dataset[Any]):
    """A data set that gives its loader whole batches, see :meth:`ImageDataset.batch`."""

    def __init__(self, dataset: ImageDataset, later: bool) -> None:
        self.dataset, self.later = dataset, later

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitems__(self, items: Sequence[int | EpochIndex]) -> dict[str, Any]:
        """The batch of some positions."""
        return self.dataset.batch(items, self.later)


def in_batches(dataset: ImageDataset, views_on: str, device: torch.device | str) -> ViewBatches | None:
    """The data set in batches; None where its transform must be called image by image.

    ``views_on``: "cpu", "device", or "auto", which is the device if that is no CPU. Raises DatasetError: another value;
    "device" with a transform that must be called image by image.
    """
    if views_on not in VIEWS_ON:
        raise DatasetError(f"views_on is {views_on!r}; choose one of {', '.join(VIEWS_ON)}.")
    if not dataset.draws_batches and views_on == "device":
        raise DatasetError(
            "views_on is device, but the views have a step that is applied to one image at a time, or there is more "
            "than TwoViewsd: set views_on to auto or cpu, or use the package's own steps only."
        )
    later = views_on == "device" or (views_on == "auto" and torch.device(device).type != "cpu")
    return ViewBatches(dataset, later) if dataset.draws_batches else None


def views_of(
    batch: dict[str, Any], views: TwoViewsd | None, device: torch.device | str, non_blocking: bool = False
) -> dict[str, Any]:
    """A batch with its two views in the place of ``image`` and ``drawn``; one that has them is left as it is."""
    if views is None or "drawn" not in batch:
        return batch
    images = batch["image"].to(device, non_blocking=non_blocking)
    rest = {name: value for name, value in batch.items() if name not in ("image", "drawn")}
    return {**rest, **views.of_batch(images, batch["drawn"].numpy())}


def as_it_is(batch: dict[str, Any]) -> dict[str, Any]:
    """A loader's ``collate_fn`` where the data set gives batches."""
    return batch
