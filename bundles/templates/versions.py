"""The versions that metadata and CITATION.cff name: ours from the package, all others from ``constraints.txt``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from monai_mocoi import __version__

REPOSITORY = Path(__file__).resolve().parents[2]
CITATION = REPOSITORY / "CITATION.cff"
FIELDS = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}


def pinned_versions(constraints: Path = REPOSITORY / "constraints.txt") -> dict[str, str]:
    """Version by package name, as pip writes it, in lower case."""
    lines = constraints.read_text(encoding="utf-8").splitlines()
    return dict(line.lower().split("==") for line in lines if "==" in line and not line.startswith("#"))


def with_versions(metadata: dict[str, Any]) -> dict[str, Any]:
    """Fill in a metadata file's versions; of ``required_packages_version`` only the names count."""
    known = pinned_versions() | {"monai-mocoi": __version__}
    needed = {name: known[name] for name in metadata["required_packages_version"]}
    return metadata | {field: known[name] for field, name in FIELDS.items()} | {"required_packages_version": needed}


def cited() -> str:
    """CITATION.cff with the version of the package."""
    return re.sub(r"(?m)^version: .*$", f"version: {__version__}", CITATION.read_text(encoding="utf-8"))
