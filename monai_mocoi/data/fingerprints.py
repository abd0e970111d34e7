"""What a picture shows, in a few bytes: a digest of its pixels and two small descriptors; kept between runs.

The store is one file a dataset folder in ``user_cache_dir()/fingerprints``. It holds hashes and descriptors, neither
paths nor names, and a file's entry counts only while the file is unchanged.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.atomic_write import atomic_path, remove_leftovers
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.file_signature import file_signature
from monai_mocoi.transforms.reader import read_image, to_channels

_FORMAT = 2
_SIDE = 16
_FLAT = 1e-3
_MARGIN = 1 / 6  # of each side, that the middle leaves out: the rim of a fundus, also where a camera cut it straight
_MAX_FAILURES = 20

Bytes = NDArray[np.uint8]
Fingerprint = tuple[bytes, NDArray[np.float16]]
"""Digest and descriptors of one picture, see :func:`fingerprint`."""


@dataclass
class Fingerprints:
    """Fingerprints of n images, in the order of the files.

    Attributes:
        digests: (n, 16) uint8; equal exactly when the decoded pictures are.
        descriptors: (n, 2, 256) float16, of the whole picture and of its middle, each of length 1 (0 where it is flat):
            an inner product of two is a correlation.
    """

    digests: Bytes
    descriptors: NDArray[np.float16]


def fingerprint(image: NDArray[np.float32]) -> Fingerprint:
    """Compute the fingerprint of one picture.

    The digest is the same whatever the file format, for 8 and for 16 bits a value, and for a grey picture stored as
    RGB. The descriptors stay nearly the same when a picture is resized, stretched, saved as JPEG or changed in
    brightness and contrast: the picture is averaged down to 16 x 16, the local mean (3 x 3) is taken off, because the
    coarse brightness of all chest X-rays is alike, and the result is scaled to length 1. The second one is that of the
    middle, two thirds of each side: all fundus photographs have the same outline, which there is out of sight.

    Args:
        image: (1 or 3, rows, columns) float32, values 0..1.

    Returns:
        digest (16 bytes) and descriptors (2, 256) float16, of the whole and of the middle.
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


def dataset_fingerprints(
    folder: str | Path,
    paths: Sequence[str],
    names: Sequence[str],
    workers: int | None = None,
    progress: bool = True,
    cache_dir: str | Path | None = None,
    drop_others: bool = True,
) -> Fingerprints:
    """Return the fingerprints of a dataset folder's images; only new and changed files are read.

    What was read is kept even when the reading is interrupted, so that a second call goes on from there.

    Args:
        folder: the dataset folder: names the store, as a hash.
        paths: the image files.
        names: what to call them in an error.
        workers: reading threads; None means one a usable processor.
        progress: show a progress bar if anything has to be read.
        cache_dir: folder of the stores; None means ``user_cache_dir()/fingerprints``.
        drop_others: ``paths`` are all images of the folder: what is kept of others is forgotten when something is read.

    Returns:
        the fingerprints in the order of ``paths``.

    Raises:
        DatasetError: files that cannot be read, by name and reason.
    """
    signatures, known, bad = _all(folder, paths, names, workers, progress, cache_dir, drop_others, _MAX_FAILURES)
    if bad:
        count = f"{len(bad)} image(s)" if len(bad) < _MAX_FAILURES else f"{_MAX_FAILURES} or more images"
        some = "\n  ".join(f"{names[position]}: {reason}" for position, reason in list(bad.items())[:5])
        raise DatasetError(f"{count} cannot be read; repair them or take them out of the datalist:\n  {some}")
    return Fingerprints(
        digests=np.array([np.frombuffer(known[signature][0], np.uint8) for signature in signatures]),
        descriptors=np.array([known[signature][1] for signature in signatures]),
    )


def unreadable_images(
    folder: str | Path,
    paths: Sequence[str],
    names: Sequence[str],
    progress: bool = True,
    cache_dir: str | Path | None = None,
) -> dict[int, str]:
    """Return which of a dataset folder's images have no fingerprint because they cannot be read.

    The others' fingerprints are kept, so that :func:`dataset_fingerprints` does not read them again.

    Args:
        folder, paths, names, progress, cache_dir: as for :func:`dataset_fingerprints`; not all images need be named.

    Returns:
        the reason, by position in ``paths``.

    Raises:
        DatasetError: a file is not there.
    """
    return _all(folder, paths, names, None, progress, cache_dir, False, len(paths))[2]


def keep_fingerprints(
    folder: str | Path,
    prints: Mapping[bytes, Fingerprint],
    cache_dir: str | Path | None = None,
) -> None:
    """Keep fingerprints of a dataset folder's images that are known already: the files are then not read for them.

    Args:
        folder, cache_dir: as for :func:`dataset_fingerprints`.
        prints: what :func:`fingerprint` gives of the picture that :func:`~monai_mocoi.transforms.read_image` makes of a
            file, by the file's :func:`~monai_mocoi.files.file_signature.file_signature`.
    """
    if prints:
        with _opened(folder, cache_dir) as store:
            _save(store, {**_load(store), **prints})


_Known = dict[bytes, Fingerprint]


@contextmanager
def _opened(folder: str | Path, cache_dir: str | Path | None) -> Iterator[Path]:
    """Give the file of a folder's store while no other process has it."""
    root = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "fingerprints"
    source = json.dumps([_FORMAT, str(Path(folder).absolute()), sorted(decoder_versions().items())])
    key = hashlib.sha256(source.encode(errors="surrogateescape")).hexdigest()
    with file_lock(root / f"{key}.lock"):
        yield root / f"{key}.npz"


def _all(
    folder: str | Path,
    paths: Sequence[str],
    names: Sequence[str],
    workers: int | None,
    progress: bool,
    cache_dir: str | Path | None,
    drop_others: bool,
    most_failures: int,
) -> tuple[list[bytes], _Known, dict[int, str]]:
    """Each file's signature, what is known by signature, and by position why there is nothing."""
    bad: dict[int, str] = {}
    with _opened(folder, cache_dir) as store:
        signatures = [_signature(path, name) for path, name in zip(paths, names, strict=True)]
        known = _load(store)
        todo = [position for position, signature in enumerate(signatures) if signature not in known]
        if todo:
            try:
                bad = _read(todo, signatures, paths, known, workers, progress, most_failures)
            finally:
                # What no longer belongs to the data set is dropped here, so that the store does not grow for ever.
                kept = {s: known[s] for s in signatures if s in known} if drop_others else known
                _save(store, kept)
    return signatures, known, bad


def _signature(path: str, name: str) -> bytes:
    try:
        return file_signature(path)
    except OSError as error:
        raise DatasetError(
            f"{name} cannot be read ({error.strerror}); copy it into the dataset folder again."
        ) from None


def _read(
    todo: Sequence[int],
    signatures: Sequence[bytes],
    paths: Sequence[str],
    known: _Known,
    workers: int | None,
    progress: bool,
    most_failures: int,
) -> dict[int, str]:
    def one(position: int) -> Fingerprint | str:
        try:
            return fingerprint(read_image(paths[position]))
        except OSError as error:
            return error.strerror or str(error)
        except ValueError as error:
            return str(error)

    bad: dict[int, str] = {}
    with closing(map_in_threads(one, todo, len(todo), workers, "fingerprints", progress)) as results:
        for place, result in results:
            if not isinstance(result, str):
                known[signatures[todo[place]]] = result
                continue
            bad[todo[place]] = result
            if len(bad) == most_failures:
                break
    return bad


def _load(store: Path) -> _Known:
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


def _save(store: Path, known: _Known) -> None:
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
