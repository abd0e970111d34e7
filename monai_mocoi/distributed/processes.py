"""The processes of a run: how many ``torchrun`` started, which one this is, its device, and rows gathered from all."""

import os

import torch
import torch.distributed as dist

from monai_mocoi.distributed.torchrun import started_by_torchrun, torchrun_rank, torchrun_world_size


def world_size() -> int:
    """Number of processes of the run; without ``torchrun`` and ``torch.distributed`` 1.

    Known before the processes have joined, so that settings such as the learning rate can be checked first.
    """
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size()
    return torchrun_world_size()


def rank() -> int:
    """This process's number among them, from 0."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank()
    return torchrun_rank()


def device() -> torch.device:
    """The device of this process: a GPU (under ``torchrun`` its own one), or the CPU where there is none.

    A RuntimeError: there are more processes on this machine than GPUs.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    if not started_by_torchrun():
        return torch.device("cuda")
    place, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if place >= gpus:
        raise RuntimeError(
            f"torchrun started {os.environ.get('LOCAL_WORLD_SIZE', 'more')} processes on this machine, but it has "
            f"{gpus} GPU(s) that this user may see: start {gpus} processes (--nproc_per_node {gpus}), or set device to "
            "cpu."
        )
    return torch.device("cuda", place)


@torch.no_grad()
def gather_rows(tensor: torch.Tensor) -> torch.Tensor:
    """Concatenate the rows ``(N, ...)`` of every process in the order of their ranks; N is the same on each.

    Every process gets ``(world_size * N, ...)``; one process alone gets the tensor itself.
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
    """As :func:`gather_rows`, but each process may have another N, also 0; the other sizes and the type are equal."""
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
