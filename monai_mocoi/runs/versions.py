"""The versions that a result was made with."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("monai-mocoi", "torch", "monai", "pytorch-ignite", "numpy", "scipy", "scikit-learn", "pydicom", "pillow")


def package_versions() -> dict[str, str | None]:
    """Version by the name of the package, for those that decide a number; None: it is not installed."""
    return {name: _version(name) for name in _PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
