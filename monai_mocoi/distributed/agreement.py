"""One decision for all processes of a run; with one process each function hands back what it was given.

Every process must call them together. Objects travel pickled, within the run's own process group only.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed as dist

from monai_mocoi.distributed.processes import rank, world_size


def from_first_rank(value: Any) -> Any:
    """What the first process gave, on all of them."""
    if world_size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def gather_objects(value: Any) -> list[Any]:
    """What each process gave, in the order of their ranks, on all of them."""
    if world_size() == 1:
        return [value]
    found: list[Any] = [None] * world_size()
    dist.all_gather_object(found, value)
    return found


def any_rank(flag: bool) -> bool:
    """Whether any process says so."""
    if world_size() == 1:
        return flag
    on_gpu = dist.get_backend() == "nccl"
    flags = torch.tensor(int(flag), device=torch.device("cuda") if on_gpu else torch.device("cpu"))
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    return bool(flags)


class Question:
    """:func:`any_rank` in two parts, between which nobody waits: for the other processes, or for a GPU.

    Every process must call both, in the same order.
    """

    def __init__(self) -> None:
        self._asked: Callable[[], bool] | None = None

    def ask(self, flag: bool) -> None:
        """Begin to ask all processes, and forget an answer that nobody has fetched."""
        self.answer()
        if world_size() == 1:
            self._asked = lambda: flag
            return
        on_gpu = dist.get_backend() == "nccl"
        # Filled there: a number that is sent to a GPU would be waited for.
        flags = torch.full((), int(flag), device=torch.device("cuda") if on_gpu else torch.device("cpu"))
        work = dist.all_reduce(flags, dist.ReduceOp.MAX, async_op=True)
        assert work is not None
        if not on_gpu:
            self._asked = lambda: bool(work.wait()) and bool(flags)
            return
        work.wait()  # of NCCL: the stream does, not this process
        copy, copied = flags.to("cpu", non_blocking=True), torch.cuda.Event()
        copied.record()

        def read() -> bool:
            copied.synchronize()
            return bool(copy)

        self._asked = read

    def answer(self) -> bool:
        """Whether any process said so when it was last asked; False before that, and after it was answered once."""
        asked, self._asked = self._asked, None
        return asked is not None and asked()


def mean_over_ranks(values: torch.Tensor) -> torch.Tensor:
    """Mean of a tensor over the processes, element by element, on all of them."""
    if world_size() == 1:
        return values
    total = values.clone()
    dist.all_reduce(total)
    return total / world_size()


def measured_by_the_first(measure: Callable[[], Mapping[str, float]], what: str) -> dict[str, float]:
    """What the first process measured, in every process; the others wait for it.

    Where it could not measure, its own error is raised there, and in the others a RuntimeError that names ``what``.
    """
    values, failure = None, None
    if rank() == 0:
        try:
            values = measure()
        except Exception as error:
            failure = error  # raised below: the others must not wait for a process that failed
    values = from_first_rank(values)
    if failure is not None:
        raise failure
    if values is None:
        raise RuntimeError(f"the first process could not measure {what}: see its own error.")
    return dict(values)
