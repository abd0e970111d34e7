"""The states of all random generators of a process, as tensors and plain values for a checkpoint.

The views of an image are drawn from (seed, epoch, index) alone (:class:`monai_mocoi.data.ImageDataset`), in whichever
loader worker, so that neither workers nor MONAI's transforms have a state to keep.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """Python's, NumPy's and torch's generators (CPU, and this process's CUDA device)."""
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - the global generator is meant
    state: dict[str, Any] = {
        "python": [version, list(words), gauss],
        # torch keeps no uint32 in older versions' weights_only files.
        "numpy": [
            name,
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Set what :func:`random_state` gave; a CUDA state is left out where there is no CUDA device."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
