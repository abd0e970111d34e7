"""What the stage MSE compares: the choices of the setting ``stage_pooling``."""

from collections.abc import Sequence

from monai_mocoi.networks.aligned_map import AlignedMap
from monai_mocoi.networks.stage_heads import PooledMap, PooledVector, StageHead

STAGE_POOLINGS = ("spatial", "global", "aligned")
"""What the stage MSE may compare; see :func:`stage_poolings`."""


def stage_poolings(pooling: str, sizes: Sequence[int], min_overlap: float = 0.1) -> list[StageHead]:
    """The stage heads of the stage MSE (fault A14: the authors' code has two kinds under one name).

    Args:
        pooling: "spatial": :class:`PooledMap`, which compares place with place, so both views must show the tissue in
            about the same place (no mirroring). "global": :class:`PooledVector`, for views that are mirrored or turned.
            "aligned": :class:`AlignedMap`, which compares the same tissue however the views lie (fault A13).
        sizes: positions a side of the maps, from stage 1 on; without effect for "global".
        min_overlap: of "aligned": the smallest part of the larger view that both show, 0..1, for a pair to be compared.

    Examples:
        >>> import torch
        >>> from monai_mocoi.networks import stage_poolings
        >>> head, _ = stage_poolings("spatial", [4, 2])
        >>> head(head.pool(torch.rand(2, 64, 16, 16))).shape
        torch.Size([2, 64, 4, 4])
    """
    if pooling not in STAGE_POOLINGS:
        raise ValueError(f"stage_pooling is {pooling!r}; choose one of {', '.join(STAGE_POOLINGS)}.")
    if pooling == "aligned":
        return [AlignedMap(size, min_overlap) for size in sizes]
    return [PooledMap(size) if pooling == "spatial" else PooledVector() for size in sizes]
