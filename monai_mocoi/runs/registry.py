"""Registry of runs: what run folders say of themselves, without a server or a data base. It does not import torch."""

import datetime
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.errors import RunFolderError
from monai_mocoi.files.file_clock import FileClocks
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.runs.key_metric import KeyMetric, key_metric, read_json, tested_metric
from monai_mocoi.runs.product_names import METRICS_NAME, PREDICTIONS_NAME, TENSORBOARD
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.run_status import RunStatus, run_status

_NOT_LOOKED_INTO = {TENSORBOARD, "checkpoints", "figures"}
_DATASET = "datalist.json"


@dataclass(frozen=True)
class RegisteredRun:
    """One run. ``kind``: "pretraining", "fine-tuning", "linear evaluation", or "evaluation" without a run's folder.

    ``folder`` is relative to where it was looked for; what is not known, or does not apply, is None.
    """

    folder: str
    kind: str
    method: str | None
    architecture: str | None
    data: str | None
    fraction: float | None
    label_seed: int | None
    seed: int | None
    metric: KeyMetric | None
    status: RunStatus
    started: str | None
    ended: str | None
    age_seconds: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def registered_runs(top: str | os.PathLike[str], clocks: FileClocks | None = None) -> list[RegisteredRun]:
    """The runs in a folder and below it, in the order of their folders. A link is not followed."""
    clocks = clocks or FileClocks()
    clocks.now(top)  # asked there, and not in a run's folder
    return [_registered(Path(top), folder, clocks) for folder in sorted(_run_folders(Path(top)))]


def _run_folders(top: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(top):
        found = set(files)
        is_run = {"config.json", RunManifest.FILE} <= found or {METRICS_NAME, PREDICTIONS_NAME} <= found
        if is_run and _DATASET not in found:
            yield Path(place)
        if is_run or _DATASET in found:
            folders.clear()
        folders[:] = [name for name in folders if name not in _NOT_LOOKED_INTO and not name.startswith(".")]


def _registered(top: Path, folder: Path, clocks: FileClocks) -> RegisteredRun:
    where = folder.relative_to(top).as_posix()
    if not (folder / RunManifest.FILE).exists():
        return _evaluation(where, folder, clocks)
    try:
        manifest = RunManifest.read(folder / RunManifest.FILE)
        status = run_status(folder, manifest, clocks)
    except RunFolderError as error:
        manifest, status = RunManifest.of({}), RunStatus("unreadable", str(error))
    config, weights = read_json(folder / "config.json"), read_json(folder / CLASSIFIER_NAME.replace(".pt", ".json"))
    card = weights or read_json(folder / "encoder.json")
    said = {**config, **{name: value for name, value in card.items() if value is not None}}
    fraction = said.get("label_fraction")
    tuned = "fine-tuning" if config.get("trainable") == "all" else "linear evaluation"
    return RegisteredRun(
        folder=where,
        kind="pretraining" if fraction is None else tuned,
        method=said.get("method") or ("supervised" if "-scratch-" in folder.name else config.get("pretraining")),
        architecture=said.get("architecture"),
        data=said.get("dataset") or _data(config, manifest),
        fraction=fraction,
        label_seed=said.get("label_seed"),
        seed=config.get("seed"),
        metric=key_metric(folder, weights, card, config),
        status=status,
        started=manifest.started,
        ended=manifest.ended,
        age_seconds=_age(manifest.ended or manifest.started, clocks.now(folder)),
    )


def _evaluation(where: str, folder: Path, clocks: FileClocks) -> RegisteredRun:
    """A tested classifier that was not kept: predictions and metrics alone."""
    content = read_json(folder / METRICS_NAME)
    tested = content.get("tested") or {}
    sha256, written = content.get("dataset_sha256"), (folder / METRICS_NAME).stat().st_mtime
    status = RunStatus("finished") if content else RunStatus("unreadable", f"{METRICS_NAME} cannot be read")
    described = {name: tested.get(name) for name in ("method", "architecture", "label_seed", "seed")}
    return RegisteredRun(
        folder=where,
        kind="evaluation",
        data=f"data set {sha256[:8]}" if sha256 else None,
        fraction=tested.get("label_fraction"),
        metric=tested_metric(content),
        status=status,
        started=None,
        ended=datetime.datetime.fromtimestamp(int(written), datetime.UTC).isoformat(),
        age_seconds=max(0.0, clocks.now(folder) - written),
        **described,
    )


def _data(config: Mapping[str, Any], manifest: RunManifest) -> str | None:
    """What is known of the data before the product names them."""
    what = "phantoms" if config.get("demo") else f"data set {(manifest.dataset_sha256 or 'unknown')[:8]}"
    return f"{config['modality']}, {what}" if config.get("modality") else what


def _age(time: str | None, now: float) -> float | None:
    try:
        return None if time is None else max(0.0, now - datetime.datetime.fromisoformat(time).timestamp())
    except ValueError:
        return None
