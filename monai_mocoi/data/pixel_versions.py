"""The versions that decide what the pixels of a decoded image are."""

import platform
from importlib.metadata import PackageNotFoundError, version

import monai_mocoi

_DECODERS = ("numpy", "pillow", "pydicom", "pylibjpeg-openjpeg", "pyjpegls", "imagecodecs")


def decoder_versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of the libraries that decode and resize images.

    Returns version by package name; a package that is not installed is left out.
    """
    found = {"python": platform.python_version(), "monai_mocoi": monai_mocoi.__version__}
    for package in _DECODERS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
