"""The dict form of a random image transform: one draw for all its keys, as MONAI's dict transforms do."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable, RandomizableTransform


class SharedDrawd(Randomizable, MapTransform):
    """Apply one draw of an array transform to every key.

    Args:
        keys: the dict's keys to transform; what is drawn fits the first of them that is present.
        transform: array transform with ``randomize(img)`` and ``__call__(img, randomize)``.
        allow_missing_keys: True leaves out keys that a dict does not have; False (default) raises ``KeyError``.
    """

    def __init__(
        self, keys: KeysCollection, transform: RandomizableTransform, allow_missing_keys: bool = False
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        self.transform: Any = transform

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> SharedDrawd:
        """Seed the array transform, which makes the draws."""
        self.transform.set_random_state(seed, state)
        self.R = self.transform.R
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of the dict in which the keys' images are transformed."""
        result = dict(data)
        for position, key in enumerate(self.key_iterator(result)):
            if position == 0:
                self.transform.randomize(result[key])
            result[key] = self.transform(result[key], randomize=False)
        return result
