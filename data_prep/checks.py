"""What every preparation checks: where it may write, that numbers are in range, how much may be left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.home_folder import expand_home


def checked_out(out: str, folders: Sequence[str]) -> Path:
    """Return ``--out`` as an absolute path.

    Raises:
        RefusedError: it lies inside one of the folders with the images, or one of them inside it; or there is no place
            for the audit's cache.
    """
    user_cache_dir()  # needed at the end: better to know now
    target = expand_home(out).resolve()
    for folder in folders:
        source = expand_home(folder).resolve()
        if target == source or source in target.parents or target in source.parents:
            raise RefusedError(
                f"--out '{out}' and --images '{folder}' lie inside one another; name a folder elsewhere."
            )
    return target


def check_share_option(option: str, value: float | None, top: float = 1.0) -> None:
    """Refuse a share outside 0 to ``top``; None, not given, is fine.

    Raises:
        RefusedError: it is outside.
    """
    if value is not None and not 0 <= value <= top:
        raise RefusedError(f"{option} is {value}; it is a share from 0 to {top:g}.")


def check_seed_and_workers(seed: int, workers: int | None) -> None:
    """Refuse a negative seed, and fewer than one thread; None, not given, is one a processor.

    Raises:
        RefusedError: either is out of range.
    """
    if seed < 0:
        raise RefusedError(f"--seed is {seed}; it must be 0 or more.")
    if workers is not None and workers < 1:
        raise RefusedError(f"--workers is {workers}; at least 1 thread is needed.")


def check_left_out(left_out: Mapping[str, Sequence[str]], total: int, limit: float, advice: str) -> None:
    """Stop once more images than allowed cannot be used.

    Args:
        left_out: names by reason.
        total: of how many images.
        limit: share that is allowed.
        advice: the next step, as sentences.

    Raises:
        DatasetError: there are more; the text has the reasons with counts and examples.
    """
    bad = sum(map(len, left_out.values()))
    if bad > limit * total:
        reasons = "\n".join(
            f"  {reason}: {len(names)} (such as {', '.join(sorted(names)[:3])})" for reason, names in left_out.items()
        )
        raise DatasetError(
            f"{bad} of {total} images cannot be used, {bad / total:.1%}; the limit is {limit:.1%}:\n{reasons}\n{advice}"
        )
