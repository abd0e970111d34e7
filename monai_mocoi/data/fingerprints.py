"""Fingerprints of a dataset folder's images: read from its store, or made; entries of changed files do not count."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data.fingerprint import Bytes, Fingerprint, Known, fingerprint, load_store, opened_store, save_store
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.file_signature import file_signature
from monai_mocoi.transforms.reader import read_image

_MAX_FAILURES = 20


@dataclass
class Fingerprints:
    """Fingerprints of n images: ``digests`` (n, 16) uint8, equal exactly when the decoded pictures are.

    ``descriptors`` (n, 2, 256) float16, of the whole picture and of its middle, each of length 1 (0 where it is flat):
    an inner product of two is a correlation.
    """

    digests: Bytes
    descriptors: NDArray[np.float16]


def dataset_fingerprints(
    folder: str | Path,
    paths: Sequence[str],
    names: Sequence[str],
    workers: int | None = None,
    progress: bool = True,
    drop_others: bool = True,
) -> Fingerprints:
    """Return the fingerprints of a dataset folder's images; only new and changed files are read.

    What was read is kept even when the reading is interrupted, so that a second call goes on from there. The dataset
    folder names the store, as a hash; ``names`` are what to call the files in an error. ``workers`` None means one
    thread a usable processor. With ``drop_others``, ``paths`` are all images of the folder: what is kept of others is
    forgotten when something is read. Raises DatasetError: files that cannot be read, by name and reason.
    """
    signatures, known, bad = _all(folder, paths, names, workers, progress, drop_others, _MAX_FAILURES)
    if bad:
        count = f"{len(bad)} image(s)" if len(bad) < _MAX_FAILURES else f"{_MAX_FAILURES} or more images"
        some = "\n  ".join(f"{names[position]}: {reason}" for position, reason in list(bad.items())[:5])
        raise DatasetError(f"{count} cannot be read; repair them or take them out of the datalist:\n  {some}")
    return Fingerprints(
        digests=np.array([np.frombuffer(known[signature][0], np.uint8) for signature in signatures]),
        descriptors=np.array([known[signature][1] for signature in signatures]),
    )


def unreadable_images(folder: str | Path, paths: Sequence[str], names: Sequence[str]) -> dict[int, str]:
    """Return why images have no fingerprint, by position in ``paths``: they cannot be read.

    The others' fingerprints are kept, so that :func:`dataset_fingerprints` does not read them again. Raises
    DatasetError: a file is not there.
    """
    return _all(folder, paths, names, None, True, False, len(paths))[2]


def keep_fingerprints(folder: str | Path, prints: Mapping[bytes, Fingerprint]) -> None:
    """Keep fingerprints that are known already, by the files' signatures: the files are then not read for them."""
    if prints:
        with opened_store(folder) as store:
            save_store(store, {**load_store(store), **prints})


def _all(
    folder: str | Path,
    paths: Sequence[str],
    names: Sequence[str],
    workers: int | None,
    progress: bool,
    drop_others: bool,
    most_failures: int,
) -> tuple[list[bytes], Known, dict[int, str]]:
    """Each file's signature, what is known by signature, and by position why there is nothing."""

    def one(position: int) -> Fingerprint | str:
        try:
            return fingerprint(read_image(paths[position]))
        except OSError as error:
            return error.strerror or str(error)
        except ValueError as error:
            return str(error)

    bad: dict[int, str] = {}
    with opened_store(folder) as store:
        signatures = [_signature(path, name) for path, name in zip(paths, names, strict=True)]
        known = load_store(store)
        todo = [position for position, signature in enumerate(signatures) if signature not in known]
        if not todo:
            return signatures, known, bad
        try:
            with closing(map_in_threads(one, todo, len(todo), workers, "fingerprints", progress)) as results:
                for place, result in results:
                    if not isinstance(result, str):
                        known[signatures[todo[place]]] = result
                        continue
                    bad[todo[place]] = result
                    if len(bad) == most_failures:
                        break
        finally:
            # What no longer belongs to the data set is dropped here, so that the store does not grow for ever.
            kept = {s: known[s] for s in signatures if s in known} if drop_others else known
            save_store(store, kept)
    return signatures, known, bad


def _signature(path: str, name: str) -> bytes:
    try:
        return file_signature(path)
    except OSError as error:
        raise DatasetError(
            f"{name} cannot be read ({error.strerror}); copy it into the dataset folder again."
        ) from None
