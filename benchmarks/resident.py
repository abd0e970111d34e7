"""Batches of two views that lie on the device already: what a network sees when its loader costs nothing."""

from __future__ import annotations

from collections.abc import Iterator

import torch


class ResidentBatches:
    """A loader that gives one batch of noise again and again.

    Args:
        batches: length of an epoch.
        batch_size, channels, size: of the views ``(N, C, size, size)``.
        device: where they lie.
    """

    def __init__(self, batches: int, batch_size: int, channels: int, size: int, device: torch.device | str) -> None:
        self.batches, self.batch_size = batches, batch_size
        random = torch.Generator().manual_seed(0)
        view = torch.randn(batch_size, channels, size, size, generator=random)
        other = 0.8 * view + 0.2 * torch.randn(view.shape, generator=random)
        view1, view2 = (v.to(device, memory_format=torch.channels_last) for v in (view, other))
        rows = torch.arange(batch_size, device=device)
        self.batch = {"view1": view1, "view2": view2, "index": rows, "patient": rows}

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for _ in range(self.batches):
            yield self.batch
