"""The processes of a distributed run: who they are, how they share a network, and the rows that all of them hold."""

from __future__ import annotations

import inspect
import os
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def world_size() -> int:
    """Number of processes of the run, 1 outside of ``torch.distributed``."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's place among them, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def from_torchrun(name: str) -> int:
    """A number that ``torchrun`` hands to each of its processes.

    Args:
        name: "RANK", "WORLD_SIZE", "LOCAL_RANK" or "LOCAL_WORLD_SIZE".

    Raises:
        RuntimeError: the process was not started by ``torchrun``.
    """
    if name not in os.environ:
        raise RuntimeError(
            f"{name} is not set: multi_gpu_train.json is for runs started by `torchrun --nproc_per_node N -m "
            "monai_mocoi run ...`. For one process leave this overlay out."
        )
    return int(os.environ[name])


def torchrun_device() -> torch.device:
    """The device of a process that ``torchrun`` started: its own GPU, or the CPU where there is none.

    Raises:
        RuntimeError: the process was not started by ``torchrun``, or there are more processes than GPUs.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    place, gpus = from_torchrun("LOCAL_RANK"), torch.cuda.device_count()
    if place >= gpus:
        raise RuntimeError(
            f"torchrun started {from_torchrun('LOCAL_WORLD_SIZE')} processes on this machine, but it has {gpus} GPU(s) "
            f"that this user may see: use --nproc_per_node {gpus}, or --device cpu."
        )
    return torch.device("cuda", place)


def unwrap(network: nn.Module) -> Any:
    """The network inside DistributedDataParallel, or the network itself."""
    return network.module if isinstance(network, DistributedDataParallel) else network


def data_parallel(module: nn.Module) -> DistributedDataParallel:
    """Put a network into DistributedDataParallel, which averages the gradients of all processes.

    Buffers are not sent around before every forward pass: the queue is filled with the keys of all processes on each
    of them, and :func:`~monai_mocoi.networks.average_batch_statistics` keeps BatchNorm's equal.

    Args:
        module: on its device, with the same weights on every process. Every trainable parameter must take part in the
            loss.

    Returns:
        the wrapped network, on the same device.
    """
    device = next(module.parameters()).device
    # torch 2.13 has a new name for it and warns about the old one.
    known = inspect.signature(DistributedDataParallel).parameters
    name = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    options: dict[str, Any] = {name: False}
    return DistributedDataParallel(module, device_ids=[device] if device.type == "cuda" else None, **options)


@torch.no_grad()
def gather_rows(tensor: torch.Tensor) -> torch.Tensor:
    """Concatenate the rows of every process, in the order of their ranks.

    Args:
        tensor: ``(N, ...)``, N the same on every process.

    Returns:
        ``(world_size * N, ...)``, the same on every process; the tensor itself where there is one process.
    """
    if world_size() == 1:
        return tensor
    # contiguous() drops a channels-last layout, which the collective would otherwise mix up between ranks.
    tensor = tensor.detach().contiguous()
    parts = [torch.empty_like(tensor) for _ in range(world_size())]
    dist.all_gather(parts, tensor)
    return torch.cat(parts)


@torch.no_grad()
def gather_ragged_rows(tensor: torch.Tensor) -> torch.Tensor:
    """Concatenate the rows of every process, in the order of their ranks; the processes may hold unequally many.

    Args:
        tensor: ``(N, ...)``, N of each process's own and possibly 0; the other sizes and the type the same on every
            process.

    Returns:
        ``(sum of all N, ...)``, the same on every process; the tensor itself where there is one process.
    """
    if world_size() == 1:
        return tensor
    counts = gather_rows(torch.tensor([len(tensor)], device=tensor.device)).tolist()
    if max(counts) == 0:
        return tensor
    # Padded, since gloo gathers tensors of one shape only.
    padded = tensor.new_zeros(max(counts), *tensor.shape[1:])
    padded[: len(tensor)] = tensor
    parts = gather_rows(padded).split(max(counts))
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
