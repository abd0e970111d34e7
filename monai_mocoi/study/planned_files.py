"""Checksums of what a plan was made for: a data set, or weights, that changed since is refused before a step begins."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from monai_mocoi.data.datalist_form import DATALIST_NAME
from monai_mocoi.study.plan_record import Node, StudyPlan


def dataset_sha256(folder: str | os.PathLike[str] | None) -> str | None:
    """SHA-256 of a dataset folder's datalist; None: there is no folder, or it is "demo", which is drawn by a run."""
    return file_sha256(os.path.join(folder, DATALIST_NAME)) if folder and os.path.isabs(folder) else None


def file_sha256(path: str | os.PathLike[str] | None) -> str | None:
    """SHA-256 of a file's bytes; None: it is none, or cannot be read."""
    try:
        found = None if path is None else os.stat(path)
        return found and _sha256(os.fspath(path), found.st_size, found.st_mtime_ns)  # type: ignore[arg-type]
    except OSError:
        return None


@lru_cache(maxsize=256)
def _sha256(path: str, size: int, written: int) -> str:
    """Of a file as it is now: many steps ask for the same weights."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def changed_since(plan: StudyPlan, node: Node) -> str:
    """What a node would use that is other than planned, with both hashes and what to do; empty: nothing.

    What is missing now is left to the node's command, which refuses it by name.
    """
    for dataset in plan.datasets:
        if dataset.id == node.dataset:
            now = dataset_sha256(dataset.dataset_dir)
            if _differ(dataset.dataset_sha256, now):
                return _in_words(f"the data set {dataset.id}", DATALIST_NAME, dataset.dataset_sha256, now)
            now = dataset_sha256(dataset.external_dir)
            if _differ(dataset.external_sha256, now):
                return _in_words(f"the external data set of {dataset.id}", DATALIST_NAME, dataset.external_sha256, now)
    for arm in plan.arms:
        if arm.id == node.arm and _differ(arm.weights_sha256, now := file_sha256(arm.weights)):
            return _in_words(f"the arm {arm.id}", "file of weights", arm.weights_sha256, now)
    return ""


def _differ(planned: str | None, now: str | None) -> bool:
    return None not in (planned, now) and planned != now


def _in_words(what: str, file: str, planned: str | None, now: str | None) -> str:
    return (
        f"{what} changed since the study was planned: its {file} had the SHA-256 {planned}, and has {now} now. Bring "
        "back the one that was planned, or plan the study again with another output_dir"
    )
