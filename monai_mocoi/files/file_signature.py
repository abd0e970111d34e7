"""Whether what was computed from a file still holds: the file's signature, and the versions of what decodes it."""

import hashlib
import os
import platform
from importlib.metadata import PackageNotFoundError, version

import monai_mocoi

# A change time in whole hundredths of a second is hardly one: FAT and exFAT keep none and show that of the content, and
# some network file systems show 0. Where it comes by chance, the cost is one short read.
_COARSE = 10_000_000  # nanoseconds
_SAMPLE = 4096
_DECODERS = ("monai", "numpy", "pillow", "pydicom", "pylibjpeg-openjpeg", "pyjpegls", "imagecodecs")


def file_signature(path: str) -> bytes:
    """Return 16 bytes, a one-way hash, that change when a file is changed, replaced or moved.

    Size and time of last change are not enough: uncompressed pictures of one format all have one size, and ``cp -p``,
    ``rsync -t`` and archives set the time. Nobody can set the change time (ctime), and two files differ by inode. The
    price: rights changed, a copied folder, or a network disk that numbers its files anew make the file count as another
    one. Where the file system keeps no change time, 4 kB each from beginning, middle and end are hashed too. Raises
    OSError: the file does not exist, its folder cannot be searched, or it has to be read and cannot.
    """
    status = os.stat(path)
    times = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
    text = f"{os.path.abspath(path)}\0{status.st_size}\0{status.st_ino}\0{times}"
    digest = hashlib.sha256(text.encode(errors="surrogateescape"))
    if os.name == "nt" or status.st_ctime_ns % _COARSE == 0:  # of Windows it is the time at which the file was made
        digest.update(_sample(path, status.st_size))
    return digest.digest()[:16]


def _sample(path: str, size: int) -> bytes:
    with open(path, "rb", buffering=0) as file:
        parts = []
        for start in (0, (size - _SAMPLE) // 2, size - _SAMPLE):
            file.seek(max(0, start))
            parts.append(file.read(_SAMPLE))
    return b"".join(parts)


def decoder_versions() -> dict[str, str]:
    """Versions of Python, of this package and of the installed libraries that decode and resize images, by name."""
    found = {"python": platform.python_version(), "monai_mocoi": monai_mocoi.__version__}
    for package in _DECODERS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
