from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch

from monai_mocoi.data import derive_seed
from monai_mocoi.data.seeding import derive_seeds, global_generators_kept, seed_global_generators


def test_fixed_values():
    # Pinned: a changed value would change every run that somebody wants to repeat.
    assert [derive_seed(0), derive_seed(0, 1, 2), derive_seed(7, 0, 5)] == [1835504127, 4256299752, 2876394774]


def test_parts_count_and_order_matter():
    seeds = {derive_seed(*parts) for parts in [(1,), (1, 0), (1, 0, 0), (0, 1), (0, 0, 1), (0, 1, 0)]}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_no_repeats_among_many():
    seeds = {derive_seed(3, epoch, index) for epoch in range(20) for index in range(200)}
    assert len(seeds) == 4000


def test_negative_is_refused():
    with pytest.raises(ValueError):
        derive_seed(-1)


def test_several_seeds_begin_with_the_one():
    assert derive_seeds(1, 3, 4) == [derive_seed(3, 4)]
    assert derive_seeds(4, 3, 4)[:2] == derive_seeds(2, 3, 4)
    assert len(set(derive_seeds(4, 3, 4))) == 4


def drawn() -> list[Any]:
    # An odd number of normal draws: NumPy and Python keep the second of a pair for the next time.
    return [random.gauss(0, 1), random.random(), np.random.randn(), np.random.rand(), torch.randn(1).item()]  # noqa: NPY002


def test_each_global_generator_follows_its_own_seed():
    with global_generators_kept():
        seed_global_generators(1, 2, 3)
        first = drawn()
        drawn()
        seed_global_generators(1, 2, 3)
        assert drawn() == first
        for place, seeds in enumerate([(0, 2, 3), (1, 0, 3), (1, 2, 0)]):
            seed_global_generators(*seeds)
            same = [a == b for a, b in zip(drawn(), first, strict=True)]
            assert same == [place != 0, place != 0, place != 1, place != 1, place != 2]


def test_the_global_generators_are_kept_also_after_an_error():
    drawn()  # so that half a pair is waiting
    with global_generators_kept():
        expected = drawn()
    with pytest.raises(ValueError), global_generators_kept():
        drawn().index(None)
    assert drawn() == expected
