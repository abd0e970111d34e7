"""BatchNorm's running statistics when a batch is worked on in parts: in one process, and in several.

One step moves them once, towards the average of the parts' statistics, so that it does not matter whether a batch is
split within a process or over processes. Training never reads them; evaluation and the saved encoder do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from monai_mocoi.distributed.processes import world_size


def batch_parts(batch: int, splits: int) -> int:
    """Into how many BatchNorm parts a batch is split: ``splits``, or fewer, so that each has two images; 1 at least."""
    return max(1, min(splits, batch // 2))


def _tracking(*modules: nn.Module) -> list[_BatchNorm]:
    norms = (m for module in modules for m in module.modules() if isinstance(m, _BatchNorm))
    return [norm for norm in norms if norm.running_mean is not None]


def _copies(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return list(torch._foreach_add(tensors, 0))  # on a GPU one kernel for all of them


@contextmanager
def one_update(parts: int, *modules: nn.Module) -> Iterator[Callable[[], None]]:
    """Let the forward passes of a batch's parts move the running statistics once, towards their average.

    Passed through one after the other, the last part would weigh the most, and the old value would fade by (1 -
    momentum) ** parts. Here the result is ``(1 - m) old + (m / parts) (a_1 + ... + a_parts)``, with momentum m and the
    parts' statistics a, and counts as one batch in ``num_batches_tracked``. Parts weigh the same, whatever their sizes.
    A BatchNorm with momentum None averages over all batches and is left as it is, as is one in eval mode, and all where
    there is one part.

    It gives a function to call after each part.
    """
    norms = [n for n in _tracking(*modules) if n.training and n.momentum is not None] if parts > 1 else []
    momenta = [float(norm.momentum) for norm in norms]  # type: ignore[arg-type]
    # .data: autograd keeps the buffers for a backward pass that does not read them, and must not mind the change.
    statistics = [s.data for norm in norms for s in (norm.running_mean, norm.running_var) if s is not None]
    if not statistics:
        yield lambda: None
        return
    old = _copies(statistics)
    sums: list[torch.Tensor] = []

    def part_done() -> None:
        if sums:
            torch._foreach_add_(sums, statistics)
        else:
            sums.extend(_copies(statistics))

    try:
        # With momentum 1 a layer notes the statistics of the part alone. (One momentum for all parts, for torch.compile
        # makes another program for each.)
        for norm in norms:
            norm.momentum = 1.0
        yield part_done
    except BaseException:
        torch._foreach_copy_(statistics, old)
        raise
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    torch._foreach_mul_(old, [1 - m for m in momenta for _ in range(2)])
    torch._foreach_mul_(sums, [m / parts for m in momenta for _ in range(2)])
    torch._foreach_copy_(statistics, torch._foreach_add(old, sums))
    counters = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
    if counters:
        torch._foreach_sub_(counters, parts - 1)


@torch.no_grad()
def average_batch_statistics(network: nn.Module) -> None:
    """Replace the running means and variances by their averages over all processes, which must all call this."""
    if world_size() == 1:
        return
    statistics = [s for norm in _tracking(network) for s in (norm.running_mean, norm.running_var) if s is not None]
    if not statistics:
        return
    together = torch.cat(statistics)
    dist.all_reduce(together)
    together /= world_size()
    torch._foreach_copy_(statistics, together.split([len(s) for s in statistics]))
