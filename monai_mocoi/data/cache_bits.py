"""How many bits a value of the decoded images takes: 8, or 16 where these would flatten the pictures."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from monai_mocoi.data.decoded_cache import decode_one
from monai_mocoi.data.errors import DatasetError, ImageDecodeError
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.transforms.fit_square import FitSquare
from monai_mocoi.transforms.grey_levels import FEW_LEVELS, is_flattened

FLATTENED_SHARE = 0.01
"""The share of the pictures above which a data set is kept in 16 bits."""
_PROBED = 64

logger = logging.getLogger(__name__)


def resolved_cache_bits(
    bits: int | str, items: Sequence[Mapping[str, Any]], decode: Callable[[str], torch.Tensor]
) -> int:
    """Return the bits of a cached value: as given or, for "auto", as the training images need.

    For "auto" up to 64 of the images, evenly spaced, are read once, up to the step that changes their size. 16 bits are
    taken if more than 1 % of them would be flattened (:func:`is_flattened`), else 8. The same images and settings give
    the same number in any process.

    Args:
        bits: 8, 16 or "auto".
        items: of the whole training split, whatever part of it is labelled; ``image`` is the path. For every split of
            a run, so that all are treated alike.
        decode: path -> tensor (C, H, W), values 0..1; the steps of a composition that are
            :class:`~monai_mocoi.transforms.FitSquare` are left out.

    Raises:
        DatasetError: another value of ``bits``.
    """
    if bits in (8, 16):
        return int(bits)
    if bits != "auto":
        raise DatasetError(f"cache_bits is {bits!r}; choose 8, 16 or auto.")
    if not items:
        return 8
    chosen = [items[place] for place in np.unique(np.linspace(0, len(items) - 1, _PROBED).round().astype(int))]
    steps = [step for step in getattr(decode, "transforms", [decode]) if not isinstance(step, FitSquare)]

    def flattened(item: Mapping[str, Any]) -> bool | None:
        def read(path: str) -> torch.Tensor:
            value: Any = path
            for step in steps:
                value = step(value)
            found.append(is_flattened(value))
            return torch.zeros(1, 1, 1)

        found: list[bool] = []
        try:
            decode_one(read, item["image"], 0, 8, None)
        except ImageDecodeError:  # a bad image is told of where all are decoded
            return None
        return found[0]

    results = map_in_threads(flattened, chosen, len(chosen), description="grey levels", progress=False)
    readable = [result for _, result in results if result is not None]
    count = sum(readable)
    if count <= FLATTENED_SHARE * len(readable):
        return 8
    logger.info(
        "cache_bits auto: 16. In 8 bits %d of %d training images that were looked at would keep fewer than %d grey "
        "levels, for they use a small part of the range that their files declare. --intensity percentiles stretches "
        "each picture to its own range.",
        count,
        len(readable),
        FEW_LEVELS,
    )
    return 16
