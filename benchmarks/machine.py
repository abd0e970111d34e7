"""The one place for hardware and versions: what a figure depends on, and has to be told with it."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "monai-mocoi", "torch", "monai", "pytorch-ignite", "numpy", "pillow", "pydicom", "scikit-learn",
)  # fmt: skip


def machine() -> dict[str, Any]:
    """Processor, cores in use, memory and GPU."""
    import torch

    found: dict[str, Any] = {
        "processor": processor_name(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "memory_gib": round(memory_gib(), 1),
        "system": f"{platform.system()} {platform.machine()}",
    }
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        memory = round(properties.total_memory / 2**30, 1)
        found["gpu"] = {"name": properties.name, "count": torch.cuda.device_count(), "memory_gib": memory}
    return found


def versions() -> dict[str, str]:
    """Of Python and of the packages whose speed is measured."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def load() -> float | None:
    """How busy the machine is (mean number of running processes of the last minute); None where that is not known."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """As the system calls it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def memory_gib() -> float:
    """Memory of the machine in GiB; 0 where that is not known."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, ValueError, OSError):
        return 0.0


def peak_mib() -> float:
    """Largest resident set size of this process so far, in MiB."""
    status = Path("/proc/self/status")  # `ru_maxrss` begins with the largest size of the process that started this one
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split(maxsplit=1)[0]) / 2**10
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**20 if sys.platform == "darwin" else used / 2**10
