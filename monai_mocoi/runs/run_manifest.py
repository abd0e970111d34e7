"""Run manifest (``manifest.json`` of a run folder): what ran, on what, and how it ended."""

from typing import Any, ClassVar

from monai_mocoi.errors import MocoiError, RunFolderError
from monai_mocoi.files.record import Record
from monai_mocoi.networks.known_images import RUN_MANIFEST_NAME


class RunManifest(Record):
    """What a run folder says of its run. A dataset folder has a file of the same name, which has no ``status``.

    ``status`` is "running" (also of a killed process), "finished", "stopped" (ended early, by a signal for example) or
    "failed"; ``results`` is what the run started from, such as ``pretrained_sha256``; ``commit`` is None for an
    installed package; ``continued`` has an entry a continuation; ``seconds`` is the time of all parts.
    """

    FILE = RUN_MANIFEST_NAME
    ERROR: ClassVar[type[MocoiError]] = RunFolderError
    REMEDY = "it says whether the run came to its end. Bring back the original, or run it again."

    status: str | None = None
    started: str | None = None
    dataset_sha256: str | None = None
    results: dict[str, Any] | None = None
    identified: bool | None = None
    epoch_length: int | None = None
    seed: Any = None
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
