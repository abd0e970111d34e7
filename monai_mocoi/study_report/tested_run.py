"""Tested run: one classifier's predictions on the test split, and which arm, label draw and pretraining it is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.networks.architectures import DEFAULT_ARCHITECTURE, is_named
from monai_mocoi.study import Node
from monai_mocoi.study_report.planned_cells import Planned

METHODS = {"moco": "MoCo", "mse": "MSE", "barlow": "Barlow Twins"}
EVALUATIONS = {"linear": "linear evaluation", "finetune": "fine-tuning"}
SUPERVISED, RANDOM = "supervised", "random"


@dataclass(frozen=True)
class TestedRun:
    """One folder with ``predictions.csv`` and ``metrics.json``.

    ``place``: relative to the runs. ``role``: "test", "external", "baseline", or "other" (of another split).
    ``evaluation``: "linear" or "finetune". ``encoder``: the pretraining that it started from: its seed, or the first
    digits of its hash; empty: none, as of an arm that is not pretrained here; ``training`` is then its training seed,
    else empty. ``labelled``: hash of the names of its labelled images. ``known``: of ``metrics.json``, what is short.
    """

    __test__ = False  # not one of pytest's

    place: str
    folder: Path
    role: str
    dataset: str
    arm: str
    evaluation: str
    fraction: float
    label_seed: int
    encoder: str
    stage: str
    known: Mapping[str, Any]
    node: Node | None = None
    training: str = ""
    labelled: str | None = None

    @property
    def repeat(self) -> str:
        """The pretraining, or the training of an arm without any."""
        return self.encoder or self.training

    @property
    def key(self) -> tuple[str, str, float, str, str]:
        """The cell that it belongs to: data set, evaluation, fraction, stage, arm."""
        return self.dataset, self.evaluation, self.fraction, self.stage, self.arm

    @property
    def tested(self) -> Mapping[str, Any]:
        """What is known of the classifier."""
        tested: Mapping[str, Any] = self.known["tested"]
        return tested


_SHORT: tuple[str, ...] = ("split", "dataset_sha256", "tested", "kind", "images", "patients")
_SHORT += ("min_positives", "min_negatives", "thresholds", "unlabelled_images")


def tested_run(
    place: str,
    folder: Path,
    metrics: Mapping[str, Any],
    cells: Mapping[str, Planned],
    labelled: str | None,
) -> TestedRun:
    """Of its place, folder and ``metrics.json``; what the plan says of it (``cells``) comes first."""
    tested = metrics.get("tested") or {}
    known = {name: metrics[name] for name in _SHORT if name in metrics} | {"tested": tested}
    known["skipped_images"] = len(metrics.get("skipped_images") or ())
    known["counts"] = {
        name: {side: own[side] for side in ("positives", "negatives", "unknown") if side in own}
        for name, own in metrics.get("classes", {}).items()
    }
    role = "test" if metrics.get("split", "test") == "test" else "other"
    if "external" in metrics:
        role = "external"
    if "baseline" in tested:
        role = "baseline"
    planned = cells.get(place)
    node, cell = (planned.node, planned.cell) if planned else (None, None)
    if node is not None and node.kind == "external":
        role = "external"
    frozen = tested.get("trainable") == "head"
    shas = [str(own.get("dataset_sha256") or "") for own in (metrics, tested)]
    own_data = next(filter(None, reversed(shas) if role == "external" else shas), "unknown")
    encoder, training = (
        (planned.repeat, "") if planned and planned.pretrained else ("", planned.repeat) if planned else _repeat(tested)
    )
    fraction = cell.fraction if cell and cell.fraction is not None else tested.get("label_fraction")
    draw = cell.label_seed if cell and cell.label_seed is not None else tested.get("label_seed")
    stage = cell.stage if cell and cell.stage is not None else tested.get("stage")
    return TestedRun(
        place,
        folder,
        role,
        node.dataset if node else own_data,
        (node.arm if node else None) or with_architecture(_arm(tested, frozen), tested.get("architecture")),
        (cell.evaluation if cell else None) or ("linear" if frozen else "finetune"),
        1.0 if fraction is None else float(fraction),
        0 if draw is None else int(draw),
        encoder,
        str(4 if stage is None else stage),
        known,
        node,
        training,
        labelled,
    )


def _arm(tested: Mapping[str, Any], frozen: bool) -> str:
    if "baseline" in tested:
        return str(tested["baseline"])
    kind = (tested.get("start") or {}).get("kind")
    if kind == "none" or tested.get("pretrained") == "none":
        return RANDOM if frozen else SUPERVISED
    method = tested.get("method")
    return str(method) if kind == "pretraining" and method else "weights"


def with_architecture(arm: str, architecture: object) -> str:
    """Name of an arm without a plan; one of another architecture than the usual is another arm."""
    return f"{arm}-{architecture}" if is_named(architecture) and architecture != DEFAULT_ARCHITECTURE else arm


def without_architecture(arm: str) -> str:
    """The kind that the name of an arm without a plan begins with."""
    kind, _, architecture = arm.rpartition("-")
    return kind if is_named(architecture) else arm


def _repeat(tested: Mapping[str, Any]) -> tuple[str, str]:
    """Of a run without a plan: its pretraining, or its training."""
    seed = "" if tested.get("seed") is None else str(tested["seed"])
    if (tested.get("start") or {}).get("kind") == "none" or tested.get("pretrained") == "none":
        return "", seed
    own = str(tested.get("pretrained_sha256") or "")[:8]
    return ("", f"{own} {seed}") if _arm(tested, False) == "weights" else (own, "")


def arm_in_words(arm: str) -> str:
    """What to call an arm in a table or a sentence; an arm of a plan that has another name keeps it."""
    return METHODS.get(arm, arm)


def fraction_in_short(fraction: float) -> str:
    """``6 %``, below a heading that says of what."""
    return f"{100 * fraction:g} %"


def fraction_in_words(fraction: float) -> str:
    """``6 %``, or ``all labels``."""
    return "all labels" if fraction == 1 else f"{100 * fraction:g} % of the labels"
