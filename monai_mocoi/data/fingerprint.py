"""Fingerprint of a picture: a digest of its pixels and two small descriptors; and the file that keeps a folder's.

The store is in ``user_cache_dir()/fingerprints``. It holds hashes and descriptors, neither paths nor names.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_mocoi.files.atomic_write import atomic_path, remove_leftovers
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.file_signature import decoder_versions
from monai_mocoi.transforms.reader import to_channels

_SIDE = 16
_FLAT = 1e-3
_MARGIN = 1 / 6  # of each side, that the middle leaves out: the rim of a fundus, also where a camera cut it straight

Bytes = NDArray[np.uint8]
Fingerprint = tuple[bytes, NDArray[np.float16]]
"""Digest and descriptors of one picture, see :func:`fingerprint`."""


def fingerprint(image: NDArray[np.float32]) -> Fingerprint:
    """Compute the fingerprint of one picture.

    The digest is the same whatever the file format, for 8 and for 16 bits a value, and for a grey picture stored as
    RGB. The descriptors stay nearly the same when a picture is resized, stretched, saved as JPEG or changed in
    brightness and contrast: it is averaged down to 16 x 16, the local mean (3 x 3) is taken off, because the coarse
    brightness of all chest X-rays is alike, and the result is scaled to length 1. The second one is that of the middle,
    two thirds of each side: all fundus photographs have the same outline. ``image``: (1 or 3, rows, columns) float32,
    values 0..1. Returns digest (16 bytes) and descriptors (2, 256) float16, of the whole and of the middle.
    """
    if len(image) == 3 and (image[0] == image[1]).all() and (image[0] == image[2]).all():
        image = image[:1]
    values = np.rint(image * np.float32(65535)).astype("<u2")
    digest = hashlib.sha256(repr(values.shape).encode() + values.tobytes()).digest()[:16]

    grey = Image.fromarray(to_channels(image, 1)[0])
    left, top = _MARGIN * grey.width, _MARGIN * grey.height
    middle = (left, top, grey.width - left, grey.height - top)
    return digest, np.stack([_descriptor(grey), _descriptor(grey, middle)])


def _descriptor(grey: Image.Image, box: tuple[float, float, float, float] | None = None) -> NDArray[np.float16]:
    """Describe a picture or a box in it: left, top, right and bottom, in pixels and parts of them."""
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX, box=box), dtype=np.float64)
    padded = np.pad(small, 1, mode="edge")
    detail = small - np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).mean((2, 3))
    detail -= detail.mean()
    length = np.linalg.norm(detail)
    if length < _FLAT * _SIDE:  # a root mean square below a quarter of a grey level of 8 bits is rounding, not content
        return np.zeros(_SIDE**2, np.float16)
    flat: NDArray[np.float16] = (detail / length).ravel().astype(np.float16)
    return flat


_FORMAT = 2
Known = dict[bytes, Fingerprint]


@contextmanager
def opened_store(folder: str | Path) -> Iterator[Path]:
    """Give the file of a folder's store while no other process has it."""
    root = user_cache_dir() / "fingerprints"
    source = json.dumps([_FORMAT, str(Path(folder).absolute()), sorted(decoder_versions().items())])
    key = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()
    with file_lock(root / f"{key}.lock"):
        yield root / f"{key}.npz"


def load_store(store: Path) -> Known:
    """Read a store; a missing or damaged one counts as empty (the zip format checks each array's checksum)."""
    try:
        with np.load(store, allow_pickle=False) as arrays:
            signatures, digests, descriptors = (arrays[name] for name in ("signatures", "digests", "descriptors"))
    except Exception:  # a damaged zip file can lead to nearly any
        return {}
    if not len(signatures) == len(digests) == len(descriptors):
        return {}
    return {
        bytes(signature): (bytes(digest), descriptor)
        for signature, digest, descriptor in zip(signatures, digests, descriptors, strict=True)
    }


def save_store(store: Path, known: Known) -> None:
    """Write a store in one step; nothing where nothing is known."""
    if not known:
        return
    remove_leftovers(store.parent, store.stem)
    arrays = {
        "signatures": np.array([np.frombuffer(signature, np.uint8) for signature in known]),
        "digests": np.array([np.frombuffer(digest, np.uint8) for digest, _ in known.values()]),
        "descriptors": np.array([descriptor for _, descriptor in known.values()]),
    }
    # What np.savez writes, but without its copies of 16 MB each on the way.
    with atomic_path(store) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
                file.write(array.data.cast("B"))
