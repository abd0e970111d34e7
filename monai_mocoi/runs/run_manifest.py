"""Run manifest (``manifest.json`` of a run folder): what ran, on what, and how it ended."""

from __future__ import annotations

from typing import Any, ClassVar

from monai_mocoi.errors import MocoiError, RunFolderError
from monai_mocoi.files.record import Record


class RunManifest(Record):
    """What a run folder says of its run. A dataset folder has a file of the same name, which has no ``status``.

    Attributes:
        status: "running", "finished", "stopped" (ended early, by a signal for example) or "failed"; a process that was
            killed leaves "running".
        started, ended: times, with their zone.
        dataset_sha256: hash of the data set's ``datalist.json``.
        results: what the run started from, such as ``pretrained_sha256``.
        identified: true where images or weights were of patients with their identity.
        epoch_length: iterations an epoch.
        seed, device, threads, processes: how it ran.
        commit: of the checkout; None: an installed package.
        python, versions: of Python and of the packages, by name.
        continued: one entry for each time that the run was continued.
        seconds: how long it took, over all its parts.
        epochs, iterations: how far it came.
        error: kind of the error that ended it.
    """

    FILE = "manifest.json"
    ERROR: ClassVar[type[MocoiError]] = RunFolderError
    REMEDY = "it says whether the run came to its end. Bring back the original, or run it again."

    status: str | None = None
    started: str | None = None
    dataset_sha256: str | None = None
    results: dict[str, Any] | None = None
    identified: bool | None = None
    epoch_length: int | None = None
    seed: int | None = None
    device: str | None = None
    threads: int | None = None
    processes: int | None = None
    commit: str | None = None
    python: str | None = None
    versions: dict[str, str | None] | None = None
    continued: list[dict[str, Any]] | None = None
    ended: str | None = None
    seconds: int | float | None = None
    epochs: int | None = None
    iterations: int | None = None
    error: str | None = None

    def public(self) -> dict[str, Any]:
        """What may be told to everybody: ``versions``, ``commit`` and ``date``, on which it ended."""
        versions = {name: version for name, version in (self.versions or {}).items() if version}
        return {"versions": versions, "commit": self.commit, "date": self.ended[:10] if self.ended else None}
