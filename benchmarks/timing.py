"""The one place for timing: sides that take turns, round after round, each timed by the same clock."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping

Clock = Callable[[], float]


def wall() -> float:
    """Seconds by the clock, after the work that a GPU was given has ended."""
    torch = _imported_torch()
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def processor() -> float:
    """Seconds of processor time of this process, all its threads, and its ended child processes.

    It is what other work on the machine changes least, so figures "per core" are made of it.
    """
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + of_children.ru_utime + of_children.ru_stime


def take_turns(
    sides: Mapping[str, Callable[[], object]], rounds: int, clock: Clock = wall, warm_up: bool = True
) -> dict[str, list[float]]:
    """Seconds of each side in each round.

    The order is turned round from one round to the next, so that neither side always comes after the other.

    Args:
        sides: what to time, by name.
        rounds: how often each is timed, >= 1.
        clock: what counts as time.
        warm_up: call each side once before, without timing it.
    """
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}, but must be 1 or more.")
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-1 if warm_up else 0, rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            began = clock()
            sides[name]()
            if number >= 0:
                seconds[name].append(clock() - began)
    return seconds


def repeated(work: Callable[[], object], times: int) -> Callable[[], None]:
    """Work that is done so many times in one turn, because once is too short to time."""

    def several() -> None:
        for _ in range(times):
            work()

    return several


def _imported_torch() -> object | None:
    """torch, if this process has imported it: a measurement of start-up has not."""
    return sys.modules.get("torch")
