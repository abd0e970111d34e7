"""State of a run outside of its network: processes, random generators, lengths of logs; are its weights finite?"""

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import set_track_meta
from monai.utils import set_determinism
from torch import nn

from monai_mocoi.distributed import join
from monai_mocoi.errors import NotFiniteError
from monai_mocoi.files.atomic_write import sync_folder
from monai_mocoi.runs.kept_memory import keep_freed_memory

_EVENTS = "events.out.tfevents.*"  # nothing else in the folder is ours


def begin(seed: int, device: torch.device | str = "cpu") -> None:
    """Let the processes of ``torchrun`` join, and make everything repeatable, as every run does first.

    The seed of PyTorch, NumPy and Python is the same in all processes; the device is this process's own, and decides
    how the processes talk. On a CPU the process keeps the memory that a step frees for the next one.
    """
    join(device)
    if torch.device(device).type == "cpu":
        keep_freed_memory()
    set_determinism(seed=seed)
    # The number does not change, but from now on it is fixed: Intel's library otherwise takes fewer threads where it
    # thinks that they do not pay, and sums then run in another order.
    torch.set_num_threads(torch.get_num_threads())
    set_track_meta(False)  # metadata of images would only be carried along


def random_state() -> dict[str, Any]:
    """The states of Python's, NumPy's and torch's generators (CPU, and this process's CUDA device), for a checkpoint.

    Loader workers have none to keep: views are drawn from (seed, epoch, index) alone.
    """
    version, words, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - the global generator is meant
    # torch keeps no uint32 in older versions' weights_only files.
    numbers = torch.from_numpy(np.asarray(keys).astype(np.int64))
    state: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": [name, numbers, int(position), int(has_gauss), float(cached)],
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


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Look at a network in eval mode; afterwards every module's mode and all random generators are as they were."""
    modes, state = {module: module.training for module in network.modules()}, random_state()
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
        set_random_state(state)


def first_not_finite(network: nn.Module) -> str | None:
    """Name of the first floating-point tensor of a network's state with a NaN or an infinity; None: all are finite."""
    state = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    if not state:
        return None
    finite = torch.stack([tensor.isfinite().all() for tensor in state.values()]).tolist()  # one transfer
    return next((name for name, good in zip(state, finite, strict=True) if not good), None)


def weights_not_finite(iteration: int, name: str) -> NotFiniteError:
    """The error of weights that are not saved, because the tensor ``name`` is not finite after an iteration."""
    return NotFiniteError(
        f"iteration {iteration}: {name} of the network is not finite after this step, so the network was not saved. "
        "What was saved before is intact, but a continued run would come here again: start a new run with a lower "
        "learning_rate, with max_grad_norm (for example 1.0), or with precision float32.",
        *(iteration, [name]),
    )


def state_size(network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Bytes, about, of a checkpoint: the network, and what it learns once more for each moment of the optimiser."""
    moments = 2 if "betas" in optimizer.defaults else 1  # Adam and its kin keep two
    learnt = [p for p in network.parameters() if p.requires_grad]
    return sum(tensor.numel() * tensor.element_size() for tensor in (*network.state_dict().values(), *learnt * moments))


def log_lengths(folder: str | os.PathLike[str]) -> dict[str, int]:
    """Bytes of each TensorBoard file in a folder, by name; empty where there is no folder.

    All files, and their names, are brought down to the disk first: else a power failure could leave one shorter than
    the checkpoint says.
    """
    folder = Path(folder)
    files = sorted(folder.glob(_EVENTS))
    for path in files:
        with open(path, "ab") as file:
            os.fsync(file.fileno())
    if files:
        sync_folder(folder)
        sync_folder(folder.parent)  # where the folder itself has its name
    return {path.name: path.stat().st_size for path in files}


def cut_back(folder: str | os.PathLike[str], lengths: Mapping[str, int]) -> None:
    """Bring the TensorBoard files back to what :func:`log_lengths` saw: longer ones are cut, new ones are removed.

    So each step is there once, though a continued run writes again what came after its checkpoint.
    """
    for path in sorted(Path(folder).glob(_EVENTS)):
        if path.name not in lengths:
            path.unlink()
        elif path.stat().st_size > lengths[path.name]:
            os.truncate(path, lengths[path.name])
