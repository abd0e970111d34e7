"""BatchNorm's running statistics when a batch is worked on in parts: in one process, and in several.

Training never reads them; evaluation and the saved encoder do. The rule is the same in both cases: one step moves them
once, towards the average of the parts' statistics. So it does not matter whether a batch is split within a process or
over processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from monai_mocoi.networks.processes import world_size


def _tracking(*modules: nn.Module) -> list[_BatchNorm]:
    norms = (m for module in modules for m in module.modules() if isinstance(m, _BatchNorm))
    return [norm for norm in norms if norm.running_mean is not None]


@contextmanager
def one_update(parts: int, *modules: nn.Module) -> Iterator[Callable[[], None]]:
    """Let the forward passes of a batch's parts move the running statistics once, towards their average.

    Passed through one after the other with momentum m, the last part would weigh the most and the old value would fade
    by (1 - m) ** parts. With momentum ``(m / P) / (1 - (P - 1 - i) m / P)`` for part i of P, the result is
    ``(1 - m) old + (m / P) (a_0 + ... + a_{P-1})``, and it counts as one batch in ``num_batches_tracked``. Parts weigh
    the same, whatever their sizes. A BatchNorm with momentum None averages over all batches and is left as it is.

    Args:
        parts: P, 1 or more; with 1 nothing is changed.
        modules: whose BatchNorm layers are in train mode.

    Yields:
        a function to call before each part.
    """
    norms = [n for n in _tracking(*modules) if n.training and n.momentum is not None] if parts > 1 else []
    momenta = [float(norm.momentum) for norm in norms]  # type: ignore[arg-type]
    left = parts

    def next_part() -> None:
        nonlocal left
        left -= 1
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum / (parts - left * momentum)

    try:
        yield next_part
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
    counters = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]
    if counters:
        torch._foreach_sub_(counters, parts - 1)


@torch.no_grad()
def average_batch_statistics(network: nn.Module) -> None:
    """Replace the running means and variances by their averages over all processes, which must all call this.

    Args:
        network: any module, the same on every process. Nothing is done where there is one process.
    """
    if world_size() == 1:
        return
    statistics = [s for norm in _tracking(network) for s in (norm.running_mean, norm.running_var) if s is not None]
    if not statistics:
        return
    together = torch.cat(statistics)
    dist.all_reduce(together)
    together /= world_size()
    torch._foreach_copy_(statistics, together.split([len(s) for s in statistics]))
