"""Rows of all processes, without gradient: what the key branch and the queue need under DistributedDataParallel."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist


def world_size() -> int:
    """Number of processes of the run, 1 outside of ``torch.distributed``."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's place among them, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def from_torchrun(name: str) -> int:
    """A number that ``torchrun`` hands to each of its processes.

    Args:
        name: "RANK", "LOCAL_RANK" or "WORLD_SIZE".

    Raises:
        RuntimeError: the process was not started by ``torchrun``.
    """
    if name not in os.environ:
        raise RuntimeError(
            f"{name} is not set: multi_gpu_train.json is for runs started by `torchrun --nproc_per_node N -m "
            "monai.bundle run ...`. For one process leave this overlay out."
        )
    return int(os.environ[name])


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
