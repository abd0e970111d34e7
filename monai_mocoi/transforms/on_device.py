"""Small tables that are worked out on the host, sent to the device of the images without waiting for it."""

import numpy as np
import torch


def on_device(array: np.ndarray, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
    """An array as a tensor on a device.

    From pinned memory, because a copy from any other waits until the GPU has done all that it was given.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if dtype is not None:
        tensor = tensor.to(dtype)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
