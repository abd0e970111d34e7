"""Dict forms of array transforms, MONAI's ``...d``: the images under some keys of a dict are transformed.

Every dict form takes ``keys``, the arguments of its array form, and ``allow_missing_keys``: True leaves out keys that
a dict does not have; False (default) raises ``KeyError``.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import MapTransform, Randomizable


class EachKeyd(MapTransform):
    """Apply an array transform, ``ARRAY``, to each key; its arguments are those of the array form."""

    ARRAY: ClassVar[Callable[..., Any]]

    def __init__(self, keys: KeysCollection, *args: Any, allow_missing_keys: bool = False, **kwargs: Any) -> None:
        super().__init__(keys, allow_missing_keys)
        self.transform: Any = self.ARRAY(*args, **kwargs)
        self.backend = getattr(self.transform, "backend", [])

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of the dict in which the keys' values are transformed."""
        result = dict(data)
        for key in self.key_iterator(result):
            result[key] = self.transform(result[key])
        return result


class SharedDrawd(Randomizable, EachKeyd):
    """Apply one draw of a random array transform to every key; it fits the first of them that is present."""

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Self:
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
