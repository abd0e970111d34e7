"""Maps of an encoder's four stages, batch by batch, in eval mode and without gradient."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Subset

from monai_mocoi.data.data_loader import keep_working
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.parallel import progress_bar
from monai_mocoi.errors import FeatureError
from monai_mocoi.networks.stage_encoder import StageEncoder


def stage_maps(
    encoder: StageEncoder,
    dataset: ImageDataset,
    positions: Sequence[int],
    batch_size: int,
    device: torch.device,
    autocast: torch.dtype | None,
    num_workers: int,
    progress: bool,
) -> Iterator[tuple[Sequence[int], Sequence[torch.Tensor]]]:
    """Give the positions of each batch and the encoder's four maps of it, on the device."""
    weight = encoder.backbone.conv1.weight
    last = weight.is_contiguous(memory_format=torch.channels_last)
    memory_format = torch.channels_last if last else torch.contiguous_format
    loader = DataLoader(
        Subset(dataset, positions),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=_stacked,
        worker_init_fn=keep_working,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # else it would draw from the global one, and only where something is missing
    )
    done = 0
    with progress_bar(len(positions), "features", progress) as bar, _evaluating(encoder):
        for images in loader:
            part = positions[done : done + len(images)]
            images = images.to(device, weight.dtype, non_blocking=True).contiguous(memory_format=memory_format)
            with torch.no_grad(), torch.autocast(device.type, autocast, enabled=autocast is not None):
                maps = encoder(images).stages
            yield part, maps
            done += len(part)
            bar.update(len(part))


def check_finite(features: Sequence[NDArray[np.float32]], names: Sequence[int]) -> None:
    """Refuse features ``(rows, channels)`` that are not finite with FeatureError; names the image."""
    finite = np.all([np.isfinite(values).all(axis=1) for values in features], axis=0)
    if not finite.all():
        raise FeatureError(
            f"the encoder's features of image {names[int(np.argmin(finite))]} are not finite (NaN or infinity): look "
            "at its weights, or use precision float32."
        )


def _stacked(samples: Sequence[dict[str, Any]]) -> torch.Tensor:
    return torch.stack([torch.as_tensor(sample["image"]) for sample in samples])


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode; afterwards each module has the mode that it had: a frozen part may be in another one than the rest."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
