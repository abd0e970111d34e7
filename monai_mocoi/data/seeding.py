"""Seeds for every draw, computed from where the draw is and not from what was drawn before."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np


def derive_seed(*parts: int) -> int:
    """Mix whole numbers >= 0, such as (seed, epoch, index), into one seed in 0 .. 2**32 - 1.

    The same parts always give the same seed, on any machine and NumPy version (``numpy.random.SeedSequence`` is
    frozen); other parts give another one, except by a chance of 2**-32.
    """
    return derive_seeds(1, *parts)[0]


def derive_seeds(count: int, *parts: int) -> list[int]:
    """Mix whole numbers into ``count`` seeds, for generators that are not to draw the same.

    The first ones are the same for any ``count``, and the very first is that of :func:`derive_seed`.
    """
    # SeedSequence fills up short input with zeros, so (1, 2) would equal (1, 2, 0) without the leading count.
    return np.random.SeedSequence([len(parts), *parts]).generate_state(count).tolist()


def seed_all(transform: Any, *parts: int) -> None:
    """Seed a transform, if it has ``set_random_state``, and the global generators, each with a seed of its own."""
    own, *global_seeds = derive_seeds(4, *parts)
    if hasattr(transform, "set_random_state"):
        transform.set_random_state(seed=own)
    seed_global_generators(*global_seeds)


def seed_global_generators(for_python: int, for_numpy: int, for_torch: int) -> None:
    """Seed ``random``, ``numpy.random`` and torch's CPU generator, each with a number in 0 .. 2**32 - 1."""
    import torch  # here, because preparing data does without it

    random.seed(for_python)
    np.random.seed(for_numpy)  # noqa: NPY002 - the global generator is meant
    # Not torch.manual_seed, which reaches for the GPUs too and takes a hundred times as long.
    torch.default_generator.manual_seed(for_torch)


@contextmanager
def global_generators_kept() -> Iterator[None]:
    """Afterwards ``random``, ``numpy.random`` and torch's CPU generator are as they were, also after an error."""
    import torch

    state = random.getstate(), np.random.get_state(), torch.default_generator.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])  # noqa: NPY002
        torch.default_generator.set_state(state[2])


class EpochIndex(NamedTuple):
    """A sample of a certain epoch: what :class:`~monai_mocoi.data.EpochSampler` gives to the data set.

    ``epoch`` counts from 0; ``index`` is the row in the split, less the skipped rows before it.
    """

    epoch: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
