"""The training loop of lightly's MoCo v2 example, with MONAI's ResNet."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.plain_moco import Shape, backbone, features
from benchmarks.timing import wall


class Files(Dataset[Any]):
    """Pictures that are opened anew for every batch, as lightly's own data set does, or kept in memory.

    Args:
        files: of the pictures.
        transform: an image of Pillow to a list of views.
        kept: decode them once.
    """

    def __init__(
        self, files: list[Path], transform: Callable[[Image.Image], list[torch.Tensor]], kept: bool = False
    ) -> None:
        self.files, self.transform = files, transform
        self.pictures = [Image.open(file).convert("RGB") for file in files] if kept else None

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        if self.pictures is not None:
            return self.transform(self.pictures[index])
        return self.transform(Image.open(self.files[index]).convert("RGB"))


class LightlyLoop:
    """The example's loop, with MONAI's ResNet-50.

    Args:
        files, size, batch: pictures, pixels of a view, images a batch.
        trainer: ours, from which it takes device and, with ``best``, precision and memory format.
        shape: of the network.
        best: with what made it fastest (fused optimiser, pictures in memory, pinned batches); else as the example is.
    """

    def __init__(self, files: list[Path], size: int, batch: int, trainer: Any, shape: Shape, best: bool) -> None:
        from lightly.loss import NTXentLoss
        from lightly.models.modules import MoCoProjectionHead
        from lightly.transforms import MoCoV2Transform

        self.device, self.dtype = trainer.state.device, trainer.autocast if best else None
        self.layout = torch.channels_last if best else torch.contiguous_format
        workers = trainer.data_loader.num_workers
        transform = MoCoV2Transform(input_size=size)
        self.loader = DataLoader(
            Files(files, transform, kept=best), batch, shuffle=True, drop_last=True, num_workers=workers,
            persistent_workers=workers > 0, pin_memory=best and self.device.type == "cuda",
        )  # fmt: skip
        width = shape.channels()[-1]
        self.query = nn.ModuleList([backbone(shape), MoCoProjectionHead(width, width, 128)]).to(self.device)
        self.query.to(memory_format=self.layout).train()
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        self.seconds: list[float] = []
        self.criterion = NTXentLoss(memory_bank_size=(4096, 128)).to(self.device)
        self.optimizer = torch.optim.SGD(self.query.parameters(), lr=0.06, fused=best or None)

    def encode(self, net: nn.ModuleList, images: torch.Tensor) -> torch.Tensor:
        return net[1](features(net[0], images)[-1].mean((2, 3)))

    def epoch(self) -> None:
        """Train for one epoch, and add its seconds to ``seconds``."""
        from lightly.models.utils import update_momentum

        began = wall()
        for views in self.loader:
            query, key = (view.to(self.device, memory_format=self.layout, non_blocking=True) for view in views)
            update_momentum(self.query, self.key, m=0.99)
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
                vectors = self.encode(self.query, query)
                with torch.no_grad():
                    keys = self.encode(self.key, key)
            loss = self.criterion(vectors.float(), keys.float())
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        self.seconds.append(wall() - began)
