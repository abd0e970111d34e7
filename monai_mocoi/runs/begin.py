"""What every run does first: several processes join, and the same seed gives the same numbers."""

import torch
from monai.data import set_track_meta
from monai.utils import set_determinism

from monai_mocoi.distributed import join


def begin(seed: int, device: torch.device | str = "cpu") -> None:
    """Let the processes of ``torchrun`` join, and make everything repeatable.

    The seed of PyTorch, NumPy and Python is the same in all processes; the device is this process's own, and decides
    how the processes talk.
    """
    join(device)
    set_determinism(seed=seed)
    # The number does not change, but from now on it is fixed: Intel's library otherwise takes fewer threads where it
    # thinks that they do not pay, and sums then run in another order.
    torch.set_num_threads(torch.get_num_threads())
    set_track_meta(False)  # metadata of images would only be carried along
