"""One seed for every draw, computed from where the draw stands and not from what was drawn before."""

from __future__ import annotations

import numpy as np


def derive_seed(*parts: int) -> int:
    """Mix whole numbers into one seed.

    The same parts always give the same seed, on any machine and NumPy version (``numpy.random.SeedSequence`` is
    frozen); other parts give another one, except by a chance of 2**-32.

    Args:
        *parts: numbers >= 0, for example (seed, epoch, index).

    Returns:
        a whole number in 0 .. 2**32 - 1.
    """
    # SeedSequence fills up short input with zeros, so (1, 2) would equal (1, 2, 0) without the leading count.
    return int(np.random.SeedSequence([len(parts), *parts]).generate_state(1)[0])
