"""Provenance of a result: when, on which machine, by which commit and with which versions it was made."""

import datetime
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from monai_mocoi.distributed import world_size

_PACKAGES = ("monai-mocoi", "torch", "monai", "pytorch-ignite", "numpy", "scipy", "scikit-learn", "pydicom", "pillow")


def package_versions() -> dict[str, str | None]:
    """Version by the name of the package, for those that decide a number; None: it is not installed."""
    found: dict[str, str | None] = dict.fromkeys(_PACKAGES)
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def made_by() -> dict[str, Any]:
    """The code behind a number: ``commit`` (None: an installed package), ``python``, and ``versions`` of packages."""
    return {"commit": _commit(), "python": platform.python_version(), "versions": package_versions()}


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def where_it_runs(device: torch.device) -> dict[str, Any]:
    """The part of a run's manifest about machine and code."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "threads": torch.get_num_threads(),
        "processes": world_size(),
        **made_by(),
    }


def continued_manifest(
    earlier: Mapping[str, Any], now_running: Mapping[str, Any], config: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of a run that goes on: its first start, and each continuation with the settings that changed.

    ``seconds`` stay those of the parts before, also where a kill leaves no time to add this one's.
    Of its manifest so far, the one that a new run would have, its ``config.json`` so far, and the settings of now.
    """
    again = {name: now_running[name] for name in ("started", "device", "commit", "versions")}
    again["from_status"] = earlier["status"]
    again["changed"] = {name: [config.get(name), new] for name, new in settings.items() if config.get(name) != new}
    continued = [*earlier.get("continued", []), again]
    kept = {name: earlier[name] for name in ("seconds",) if name in earlier}
    return {**now_running, "started": earlier.get("started"), "continued": continued, **kept}


@cache  # the code that runs was read once
def _commit() -> str | None:
    """Commit of the checkout this package runs from, "-dirty" where files differ; None for an installed package."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None

    def git(*words: str) -> str:
        made = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True, timeout=10)
        return made.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return None
