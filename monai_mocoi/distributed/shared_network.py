"""A network on its device, and shared by the processes of a run (distributed data parallel)."""

import inspect
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.distributed.processes import world_size


def place(
    network: nn.Module, device: torch.device | str, channels_last: bool = False, trained: bool = True
) -> nn.Module:
    """Move a network to its device and, where a run has several processes, let them share its gradients.

    Args:
        network: changed in place. With several processes it has the same weights on each of them, and every trainable
            parameter takes part in the loss; what is returned is DistributedDataParallel with it inside.
        device: of this process.
        channels_last: layout of the weights in memory; faster for convolutions, and the same up to rounding.
        trained: False: there are no gradients to share.
    """
    layout = torch.channels_last if channels_last else torch.contiguous_format
    # torch.nn declares no overload with memory_format alone.
    network = network.to(device=torch.device(device), memory_format=layout)  # type: ignore[call-overload]
    if not trained or world_size() == 1:
        return network
    where = next(network.parameters()).device
    # Buffers are not sent around before every forward pass: the queue is filled with the keys of all processes on each
    # of them, and average_batch_statistics keeps BatchNorm's equal. torch 2.13 has a new name for this option, and
    # warns about the old one.
    known = inspect.signature(DistributedDataParallel).parameters
    name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    # A view of the buckets: no second copy of the gradients. No static_graph: PyTorch (2.13) ends with an internal
    # error where the first batch is one of several of a step (no_sync), and it would spare only the search for unused
    # parameters, which is off, because there are none.
    options: dict[str, Any] = {name: False, "gradient_as_bucket_view": True}
    return DistributedDataParallel(network, device_ids=[where] if where.type == "cuda" else None, **options)


def unwrap(network: nn.Module) -> Any:
    """The network inside DistributedDataParallel, or the network itself."""
    return network.module if isinstance(network, DistributedDataParallel) else network
