"""A finished fine-tuning run, as far as it may be told to everybody: no place, no machine, no image, no patient."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.errors import MocoiError, PackageError
from monai_mocoi.files.record import Record
from monai_mocoi.networks import ClassifierCard, is_identified, read_classifier_card
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.networks.encoder_card import ENCODER_NAME
from monai_mocoi.networks.known_images import WHY_NOT
from monai_mocoi.packaging.config_values import json_object
from monai_mocoi.runs.product_names import METRICS_NAME, OWN_TEST_NAME
from monai_mocoi.runs.run_manifest import RunManifest

_Record = TypeVar("_Record", bound=Record)


@dataclass(frozen=True)
class FinetunedRun:
    """A finished run of ``finetune.json``.

    ``card`` is its public part, with ``training_counts`` from ``labelled.json``: a test elsewhere sets its prevalences
    beside them. ``drawn`` is the public part of ``labelled.json``. ``metrics`` are those of the test split, as
    ``metrics.json`` has them, but without ``tested``, and ``skipped_images`` is their number; None: not evaluated.
    """

    card: dict[str, Any]
    drawn: dict[str, Any]
    metrics: dict[str, Any] | None
    versions: dict[str, str]  # of the packages that it ran with, by name
    commit: str | None  # of the project's checkout; None: it was installed
    date: str | None  # on which it ended, such as "2026-11-23"; None: unknown

    @property
    def is_demo(self) -> bool:
        """Trained on generated phantoms."""
        return self.card["settings"].get("demo") is True


def read_finetuned_run(folder: Path) -> FinetunedRun:
    """Read a run folder of ``finetune.json``, and the ``evaluation-test/metrics.json`` in it if there is one.

    A PackageError: it is no such folder, the run has not come to its end (code "unfinished"), the metrics are of
    another classifier, or it was trained on identified data. A WeightsError: its classifier or card is not there.
    """
    manifest = _finished(folder)
    card = read_classifier_card(folder)
    if is_identified(folder / CLASSIFIER_NAME):
        raise PackageError(f"the classifier {WHY_NOT}")
    labelled = _read(LabelledImages, folder)
    if missing := [name for name in ("settings", "modality", "dataset_sha256") if card.get(name) is None]:
        raise PackageError(
            f"{card.FILE} of {folder} lacks {', '.join(missing)}, so it cannot be told what the classifier is: was "
            "it written by finetune.json?"
        )
    if labelled.dataset_sha256 != card.dataset_sha256 or labelled.counts is None:
        raise PackageError(f"{labelled.FILE} of {folder} is of another run: bring back the original.")
    counts = labelled.training_counts(card.labels)
    return FinetunedRun(
        card={**card.public(), **({"training_counts": counts} if counts else {})},
        drawn=labelled.public(),
        metrics=_metrics(folder, card),
        **manifest.public(),
    )


def _finished(folder: Path) -> RunManifest:
    if not (folder / RunManifest.FILE).is_file():
        below = sorted({file.parent for at in ("*", "*/*") for file in folder.glob(f"{at}/{ClassifierCard.FILE}")})
        names = ", ".join(map(str, below[:3])) + (f" and {len(below) - 3} more" if len(below) > 3 else "")
        raise PackageError(
            f"{folder} is no run folder (it has no {RunManifest.FILE}): give the folder that finetune.json wrote, "
            + (f"of those below it: {names}." if below else "such as runs/nih_mse/finetune-pretrained-all-s4-f1-l1.")
        )
    if (folder / ENCODER_NAME).is_file() and not (folder / CLASSIFIER_NAME).is_file():
        raise PackageError(
            f"{folder} is a pretraining run, but a package holds a classifier: run finetune.json first, and give the "
            "folder that it writes."
        )
    manifest = _read(RunManifest, folder)
    if manifest.status != "finished":
        raise PackageError(
            f"the run in {folder} has not come to its end (its {RunManifest.FILE} says {manifest.status!r}): continue "
            "it.",
            code="unfinished",
        )
    return manifest


def _read(record: type[_Record], folder: Path) -> _Record:
    try:
        return record.read(folder / record.FILE)
    except MocoiError as error:
        raise PackageError(f"{folder}: {error}") from error


def _metrics(folder: Path, card: ClassifierCard) -> dict[str, Any] | None:
    path = folder / OWN_TEST_NAME / METRICS_NAME
    again = "evaluate it again by evaluate.json, and let it overwrite that."
    if not path.exists():
        return None
    metrics = json_object(path, str(path), PackageError, again)
    tested = metrics.get("tested") or {}
    others = [name for name, value in tested.items() if card.get(name) != value]
    if not tested or others or metrics.get("thresholds") != card.thresholds:
        differing = f" (it differs in {', '.join(others)})" if others else ""
        raise PackageError(f"{path} is of another classifier than the run's{differing}: {again}")
    if metrics.get("split") != "test":
        raise PackageError(f"{path} is of the split {metrics.get('split')!r}, not of the test split: {again}")
    metrics["skipped_images"] = len(metrics.get("skipped_images", []))
    return {name: value for name, value in metrics.items() if name != "tested"}  # which has the name of a file
