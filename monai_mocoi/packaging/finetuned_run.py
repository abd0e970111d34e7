"""What a fine-tuning run says of itself that may be told to everybody: no place, no machine, no image, no patient."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.data.label_fraction import LABELLED_NAME
from monai_mocoi.errors import PackageError
from monai_mocoi.networks.classifier_file import read_classifier_sidecar
from monai_mocoi.networks.identified import WHY_NOT, is_identified
from monai_mocoi.networks.pretraining_record import final_relative_loss
from monai_mocoi.runs.product_names import METRICS_NAME, OWN_TEST_NAME

# What is handed on is listed, so that nothing comes along that somebody adds to a sidecar.
_HANDED_ON = (
    *("kind", "labels", "stage", "trainable", "thresholds", "thresholds_without_choice", "selected", "validation"),
    *("epochs", "iterations", "method", "architecture", "modality", "image_size", "decode_size", "decode_fit"),
    *(
        "channels",
        "channel_rule",
        "value_range",
        "intensity",
        "cache_bits",
        "mean",
        "std",
        "dataset",
        "dataset_sha256",
        "label_fraction",
    ),
    *("label_seed", "validation_labels", "pretrained_sha256", "labelled_images"),
    *("recalibration", "operating_points"),
    *("typical_features", "input_statistics"),
)
# Settings of the machine; and what stands elsewhere, or would name a pretraining that a baseline never had.
_NO_SETTINGS = ("device", "num_workers", "labelled_sha256", "pretraining", "pretrained_sha256")
_PLAIN_WORD = re.compile(r"[\w.+-]{1,80}")
_OF_THE_DRAW = ("ids", "counts", "selection", "selection_reason", "warnings")


@dataclass(frozen=True)
class FinetunedRun:
    """A finished run of ``finetune.json``.

    Attributes:
        sidecar: of the classifier, without what is of the machine; ``pretrained`` is "none" or "encoder" (not the
            name of its file), ``settings`` holds numbers and plain words only. ``training_counts`` (``images``,
            ``positives`` by class, and ``unknown`` where some are not known) comes from ``labelled.json``: a test
            elsewhere sets its prevalences beside them.
        drawn: how the images with labels were drawn, from ``labelled.json`` without its names: ``ids``, ``counts`` by
            split, ``selection``, ``selection_reason``, ``warnings``.
        metrics: of its test split, as ``metrics.json`` has them, but without ``tested``, and ``skipped_images`` is
            their number. None: it was not evaluated.
        versions: of the packages that it ran with, by name.
        commit: of the project's checkout; None: it was installed.
        date: on which it ended, such as "2026-11-23"; None: unknown.
    """

    sidecar: dict[str, Any]
    drawn: dict[str, Any]
    metrics: dict[str, Any] | None
    versions: dict[str, str]
    commit: str | None
    date: str | None

    @property
    def is_demo(self) -> bool:
        """Trained on generated phantoms."""
        return self.sidecar["settings"].get("demo") is True


def read_finetuned_run(folder: Path) -> FinetunedRun:
    """Read a run folder of ``finetune.json``, and the ``evaluation-test/metrics.json`` in it if there is one.

    Raises:
        PackageError: it is no such folder, the run has not come to its end, the metrics are of another
            classifier, or it was trained on identified data.
        WeightsError: its classifier or sidecar is missing or cannot be read.
    """
    manifest = _manifest(folder)
    sidecar = read_classifier_sidecar(folder)
    if is_identified(folder / "classifier.pt"):
        raise PackageError(f"the classifier {WHY_NOT}")
    labelled = _read(folder / LABELLED_NAME, "it says which images had labels")
    if missing := [name for name in ("settings", "modality", "dataset_sha256") if sidecar.get(name) is None]:
        raise PackageError(
            f"classifier.json of {folder} lacks {', '.join(missing)}, so it cannot be told what the classifier is: was "
            "it written by finetune.json?"
        )
    if labelled.get("dataset_sha256") != sidecar["dataset_sha256"] or "counts" not in labelled:
        raise PackageError(f"{LABELLED_NAME} of {folder} is of another run: bring back the original.")
    return FinetunedRun(
        sidecar={**_public(sidecar), **_training_counts(labelled["counts"], sidecar["labels"])},
        drawn={name: labelled[name] for name in _OF_THE_DRAW if name in labelled},
        metrics=_metrics(folder, sidecar),
        versions={name: version for name, version in manifest.get("versions", {}).items() if version},
        commit=manifest.get("commit"),
        date=str(manifest["ended"])[:10] if manifest.get("ended") else None,
    )


def _manifest(folder: Path) -> dict[str, Any]:
    if not (folder / "manifest.json").is_file():
        below = sorted({file.parent for at in ("*", "*/*") for file in folder.glob(f"{at}/classifier.json")})
        names = ", ".join(map(str, below[:3])) + (f" and {len(below) - 3} more" if len(below) > 3 else "")
        raise PackageError(
            f"{folder} is no run folder (it has no manifest.json): give --run the folder that finetune.json wrote, "
            + (f"of those below it: {names}." if below else "such as runs/nih_mse/finetune-pretrained-all-s4-f1-l1.")
        )
    if (folder / "encoder.pt").is_file() and not (folder / "classifier.pt").is_file():
        raise PackageError(
            f"{folder} is a pretraining run: a package holds a classifier. Run finetune.json first, and give --run "
            "the folder that it writes."
        )
    manifest = _read(folder / "manifest.json", "it says whether the run came to its end")
    if manifest.get("status") != "finished":
        raise PackageError(
            f"the run in {folder} has not come to its end (its manifest.json says {manifest.get('status')!r}). "
            "Continue it by its own command with --resume true."
        )
    return manifest


def _read(path: Path, what_for: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(content)
    except (OSError, ValueError, TypeError) as error:
        raise PackageError(
            f"{path} cannot be read ({type(error).__name__}): {what_for}. Bring back the original, or run it again."
        ) from error


def _public(sidecar: Mapping[str, Any]) -> dict[str, Any]:
    settings = {
        name: value
        for name, value in sidecar["settings"].items()
        if name not in _NO_SETTINGS and all(map(_is_plain, value if isinstance(value, list) else [value]))
    }
    return {
        "format": 1,
        **{name: sidecar[name] for name in _HANDED_ON if name in sidecar},
        "pretrained": "none" if sidecar.get("pretrained") == "none" else "encoder",
        **({"start": _start(sidecar["start"])} if isinstance(sidecar.get("start"), dict) else {}),
        "settings": settings,
    }


def _training_counts(counts: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
    """For a package, which has no ``labelled.json``; nothing where they are not whole."""
    own = counts.get("training") or {}
    positives = {name: own.get("positives", {}).get(name) for name in labels}
    if not all(isinstance(count, int) for count in (own.get("images"), *positives.values())):
        return {}
    unknown = {name: own["unknown"][name] for name in labels if name in own.get("unknown", {})}
    return {
        "training_counts": {
            "images": own["images"],
            "positives": positives,
            **({"unknown": unknown} if unknown else {}),
        }
    }


def _start(start: Mapping[str, Any]) -> dict[str, Any]:
    """What the encoder started from; of a sidecar that anybody may have written."""
    kind, seen = start.get("kind"), start.get("labelled_images")
    recorded: dict[str, Any] = {n: start[n] for n in ("epochs", "iterations") if isinstance(start.get(n), int)}
    if (value := final_relative_loss(start)) is not None:
        recorded["relative_loss"] = {"training": value}
    if kind == "classifier":
        return {"kind": kind, "labelled_images": seen if isinstance(seen, int) else None, **recorded}
    return {"kind": kind, **recorded} if kind in ("none", "pretraining") else {"kind": "unknown"}


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or bool(_PLAIN_WORD.fullmatch(str(value)))


def _metrics(folder: Path, sidecar: Mapping[str, Any]) -> dict[str, Any] | None:
    path = folder / OWN_TEST_NAME / METRICS_NAME
    if not path.exists():
        return None
    metrics = _read(path, "it holds the figures of the model card")
    again = "Evaluate it again by evaluate.json with --overwrite true."
    tested = metrics.get("tested") or {}
    others = [name for name, value in tested.items() if sidecar.get(name) != value]
    if not tested or others or metrics.get("thresholds") != sidecar["thresholds"]:
        differing = f" (it differs in {', '.join(others)})" if others else ""
        raise PackageError(f"{path} is of another classifier than the run's{differing}. {again}")
    if metrics.get("split") != "test":
        raise PackageError(f"{path} is of the split {metrics.get('split')!r}, not of the test split. {again}")
    metrics["skipped_images"] = len(metrics.get("skipped_images", []))
    return {name: value for name, value in metrics.items() if name != "tested"}  # which has the name of a file
