"""A loss that became NaN or infinite: the error that stops the run, and the report that says where to look."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_mocoi.files.atomic_write import write_json


def write_report(
    folder: str | os.PathLike[str],
    rank: int,
    iteration: int,
    epoch: int,
    batch: Mapping[str, torch.Tensor],
    scalars: Mapping[str, float],
    bad: Sequence[str],
    network: nn.Module,
) -> Path | OSError:
    """Write what one process saw, without any picture or name: images are rows of the datalist.

    Args:
        folder: made if it is missing.
        rank: of the process.
        iteration: from 1.
        epoch: from 1.
        batch: ``view1`` and ``view2``, or ``image``, ``(N, C, H, W)``; and ``index`` ``(N,)`` if known.
        scalars: the iteration's values.
        bad: names of those that are not finite.
        network: whose weights to look through.

    Returns:
        ``folder/not_finite_iteration_<n>_process_<rank>.json``, or why it could not be written: that must not hide the
        error that it is about.
    """
    views = [name for name in ("view1", "view2", "image") if name in batch]
    rows = batch["index"].tolist() if "index" in batch else [None] * len(batch[views[0]])
    images = [
        {"row": row, **{view: _described(batch[view][place]) for view in views}} for place, row in enumerate(rows)
    ]
    report: dict[str, Any] = {
        "iteration": iteration,
        "epoch": epoch,
        "not_finite": list(bad),
        "values": {name: _number(value) for name, value in scalars.items()},
        "weights_not_finite": [n for n, p in network.named_parameters() if not torch.isfinite(p).all()],
        "gradients_not_finite": [
            n for n, p in network.named_parameters() if p.grad is not None and not torch.isfinite(p.grad).all()
        ],
        "images": images,
    }
    path = Path(folder) / f"not_finite_iteration_{iteration}_process_{rank}.json"
    try:
        write_json(path, report)
    except OSError as error:
        return error
    return path


def _described(view: torch.Tensor) -> dict[str, Any]:
    view = view.detach().float()
    finite = view[torch.isfinite(view)]
    if finite.numel() == 0:
        return {"not_finite_pixels": view.numel()}
    return {
        "not_finite_pixels": view.numel() - finite.numel(),
        "min": float(finite.min()),
        "max": float(finite.max()),
        "mean": float(finite.mean()),
    }


def _number(value: float) -> float | str:
    return value if torch.isfinite(torch.tensor(value)) else str(value)  # JSON knows no NaN
