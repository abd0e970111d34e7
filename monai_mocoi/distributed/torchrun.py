"""What ``torchrun`` tells each process that it starts, read without torch."""

import os

# WORLD_SIZE alone may come from elsewhere.
_ALL = ("RANK", "LOCAL_RANK", "WORLD_SIZE")


def started_by_torchrun() -> bool:
    """Whether ``torchrun`` started this process."""
    return all(name in os.environ for name in _ALL)


def torchrun_world_size() -> int:
    """How many processes ``torchrun`` started; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if started_by_torchrun() else 1


def torchrun_rank() -> int:
    """This process's number among them, from 0."""
    return int(os.environ["RANK"]) if started_by_torchrun() else 0


def torchrun_local_world_size() -> int:
    """How many processes ``torchrun`` started on this machine; 1 without it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 1)) if started_by_torchrun() else 1
