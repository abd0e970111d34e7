"""Stand-ins for the data sets that handlers look at beside the training."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tests.networks.small import views


class Images:
    """Stands in for an ImageDataset: light pictures are class 1, dark ones class 0; every fourth is neither."""

    def __init__(self, count: int, seed: int, labels: bool = True) -> None:
        generator = torch.Generator().manual_seed(seed)
        noise = torch.rand(count, 1, 32, 32, generator=generator)
        truth = [number % 2 for number in range(count)]
        self.pictures = [noise[i] + 0.5 * truth[i] for i in range(count)]
        self.data = [{"patient": f"p{i}", **({"label": truth[i]} if labels else {})} for i in range(count)]
        self.rows = list(range(count))
        self.transform: Any = None
        self.looked: list[int] = []

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> dict[str, torch.Tensor]:
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002 - as a transform may
        self.looked.append(self.rows[position])
        return self.transform({"image": self.pictures[self.rows[position]]})

    def part(self, positions: Sequence[int], transform: Any) -> Images:
        part = copy.copy(self)
        part.rows, part.transform = [self.rows[p] for p in positions], transform
        return part


def halved(sample: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"image": sample["image"] / 2}


def pairs(count: int = 24, seed: int = 50) -> list[dict[str, torch.Tensor]]:
    view1, view2 = views(count, seed)
    return [{"view1": a, "view2": b} for a, b in zip(view1, view2, strict=True)]
