"""Images that are skipped because they cannot be read: a datalist without them."""

import logging
from dataclasses import replace
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.fingerprints import unreadable_images

logger = logging.getLogger(__name__)


def without_skipped(datalist: Datalist, **datasets: ImageDataset) -> Datalist:
    """Return a datalist without the images that cannot be read, where they are skipped, for what looks at all again.

    Args:
        datalist: the whole one; its ``sha256`` is kept.
        datasets: by split, the data set of all of its items: ``training=train_dataset``. A split that is not named is
            read here, and loses what cannot be read with a warning; it stays whole where no data set skips.

    Raises:
        ValueError: a name that is no split, or a data set of other items.
    """
    splits = datalist.splits()
    for split, dataset in datasets.items():
        if split not in splits or dataset.data != splits[split]:
            raise ValueError(f"{split!r} with its data set is none of this datalist's splits ({', '.join(SPLITS)})")
    kept: dict[str, Any] = {split: [d.data[row] for row in d.rows] for split, d in datasets.items()}
    if any(dataset.on_bad_image == "skip" for dataset in datasets.values()):
        kept |= {split: _readable(datalist, split) for split in splits if split not in datasets}
    return replace(datalist, **kept)


def _readable(datalist: Datalist, split: str) -> list[dict[str, Any]]:
    items = datalist.splits()[split]
    paths, names = ([item[key] for item in items] for key in ("image", "name"))
    bad = unreadable_images(datalist.folder, paths, names)
    if bad:
        logger.warning(
            "on_bad_image is skip: %d of %d images of the %s split cannot be read, and are left out of the leak audit. "
            "This run does not use that split; its evaluation names them, and decides on them anew.",
            len(bad),
            len(items),
            split,
        )
    return [item for position, item in enumerate(items) if position not in bad]
