"""New images as a torch ``Dataset``: decoded when asked for and kept nowhere; an unreadable one gives its reason."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from monai_mocoi.data.decode_errors import read_one
from monai_mocoi.data.dicom_kind import dicom_contradiction
from monai_mocoi.errors import ImageDecodeError
from monai_mocoi.transforms.image_errors import WINDOW_IGNORED
from monai_mocoi.transforms.reader import collected_notes


class NewImageDataset(Dataset[Any]):
    """The images of inference, each prepared from its file by one chain of transforms.

    Args:
        data: as :func:`~monai_mocoi.data.find_new_images` gives it.
        transform: dict -> dict, called with ``{"image": path}``; leaves (C, H, W) there. Deterministic.
        modality: of the classifier, such as "chest", to compare DICOM headers with; None: they are not.

    A sample is a dict of ``image`` (C, H, W) and ``index``, from 0; or, if it cannot be read, ``reason``, a sentence
    without its name or path. ``window_ignored`` is True for a DICOM window that cannot be used, and ``contradiction`` a
    sentence (:func:`~monai_mocoi.data.dicom_kind.dicom_contradiction`); both are missing otherwise.

    Raises:
        MemoryError, DatasetError: when asked for a sample; the machine's trouble, not the image's.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        transform: Callable[[dict[str, Any]], Mapping[Any, Any]],
        modality: str | None = None,
    ) -> None:
        self.data = data
        self.transform = transform
        self.modality = modality

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Any]:
        path = self.data[index]["image"]
        try:
            # Errors of the machine name the row as the table does, from 1.
            with collected_notes() as notes:
                made = read_one(lambda: self.transform({"image": path}), path, index + 1, None)
        except ImageDecodeError as error:
            return {"index": index, "reason": error.reason}
        sample = {"image": made["image"], "index": index}
        if WINDOW_IGNORED in notes:
            sample["window_ignored"] = True
        if (contradiction := dicom_contradiction(path, self.modality)) is not None:
            sample["contradiction"] = contradiction
        return sample


def collate_readable(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put those samples of a batch together that have an image: a ``collate_fn`` for :class:`NewImageDataset`.

    It has ``image`` (N, C, H, W), None where none can be read; ``index`` (N,) int64; ``unreadable`` and
    ``contradictions``: sentences by index; ``windows_ignored``: how many.
    """
    readable = [sample for sample in samples if "image" in sample]
    return {
        "image": torch.stack([sample["image"] for sample in readable]) if readable else None,
        "index": torch.tensor([sample["index"] for sample in readable], dtype=torch.int64),
        "unreadable": {sample["index"]: sample["reason"] for sample in samples if "image" not in sample},
        "windows_ignored": sum("window_ignored" in sample for sample in samples),
        "contradictions": {
            sample["index"]: sample["contradiction"] for sample in readable if "contradiction" in sample
        },
    }
