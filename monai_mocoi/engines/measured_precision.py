"""What precision "auto" is on this machine: a few training steps, timed once, and the answer kept in the cache folder.

The answer is kept so that two runs of one seed do not differ because one was measured beside other work. Where it
cannot be kept, nothing is measured: half precision is taken where the device computes with it.
"""

import json
import logging
import platform
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_mocoi.errors import MocoiError
from monai_mocoi.files import user_cache_dir
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.files.file_lock import file_lock

logger = logging.getLogger(__name__)

_GAIN = 0.9  # half precision must take less than this share of the time: it costs digits
_ROUNDS = 4
# A GPU is given so much that its work takes longer than starting it.
_IMAGES = {"cpu": (8, 64, 28, 28), "cuda": (128, 64, 56, 56)}


def half_precision(device: torch.device) -> torch.dtype | None:
    """The half precision that a device computes with: bfloat16 on CUDA from compute capability 8.0 on, and on x86 CPUs
    with AVX-512 bf16 or AMX; else float16 on CUDA, and None on a CPU.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return None


def measured_precision(device: torch.device) -> torch.dtype | None:
    """Half precision where it is faster on this machine, else None, which is single precision."""
    half = half_precision(device)
    if half is None:
        return None
    try:
        return half if _kept(device, half)["half_is_faster"] else None
    except (OSError, MocoiError, ValueError, KeyError, RuntimeError) as error:
        logger.info("precision auto is not measured (%s): %s.", type(error).__name__, half)
        return half


def _kept(device: torch.device, half: torch.dtype) -> dict[str, Any]:
    path = user_cache_dir() / "precision.json"
    how = f"{torch.get_num_threads()} threads" if device.type == "cpu" else f"{_IMAGES['cuda'][0]} images"
    key = f"{_name(device)}, {how}, torch {torch.__version__}, {half}"
    if key not in _read(path):
        with file_lock(path.with_suffix(".lock")):
            if key not in _read(path):  # no other process was first
                single, halved = _seconds(device, half)
                found = {"half_is_faster": halved < _GAIN * single, "float32_ms": 1e3 * single, "half_ms": 1e3 * halved}
                write_json(path, {**_read(path), key: found})
                text = (
                    "precision auto on %s: a step takes %.1f ms in %s and %.1f ms in float32, so it is %s from now on."
                )
                chosen = half if found["half_is_faster"] else torch.float32
                logger.info(text, _name(device), 1e3 * halved, half, 1e3 * single, chosen)
    result: dict[str, Any] = _read(path)[key]
    return result


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # a damaged file is measured and written anew
        found = None
    return found if isinstance(found, dict) else {}


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _seconds(device: torch.device, half: torch.dtype) -> tuple[float, float]:
    """Least seconds of a step of a small convolutional network, in single and in half precision, taking turns."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        layers: list[nn.Module] = []
        for inside, outside, side in ((64, 128, 3), (128, 64, 1), (64, 256, 3), (256, 64, 1)):
            layers += [nn.Conv2d(inside, outside, side, padding=side // 2), nn.BatchNorm2d(outside), nn.ReLU()]
        network = nn.Sequential(*layers).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = torch.rand(_IMAGES[device.type], device=device).contiguous(memory_format=torch.channels_last)
    taken: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(_ROUNDS):
        for halved, seconds in taken.items():
            began = time.perf_counter()
            with torch.enable_grad(), torch.autocast(device.type, half, enabled=halved):
                loss = network(images).float().square().mean()
            loss.backward()
            loss.item()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds.append(time.perf_counter() - began)
    if device.type == "cuda":
        del network, images, loss
        torch.cuda.empty_cache()
    return min(taken[False]), min(taken[True])
