"""Plan of a study (``plan.json``): what is compared, on what, and the commands that do it.

Written before anything runs, it is the pre-registration: its hash says that nothing in it was changed later. Paths are
relative to the study folder, except those of data sets, bundles and given weights, which are absolute.
"""

import hashlib
import json
import os
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict

from monai_mocoi.errors import MocoiError, StudyError
from monai_mocoi.files.record import Record

PLAN_NAME = "plan.json"
Evaluation = Literal["linear", "finetune"]
ArmKind = Literal["random", "supervised", "weights", "pretrain", "continued", "baseline"]
NodeKind = Literal["pretrain", "linear", "finetune", "probing", "reuse", "ks", "baselines", "external"]


class _Part(BaseModel):
    """Keys that a class does not know are kept, so that the hash holds."""

    model_config = ConfigDict(frozen=True, extra="allow")


class PlannedMetric(_Part):
    """What is compared: "auc", of one class, ``label``, or the mean over them (None)."""

    name: str
    label: str | None = None


class Primary(_Part):
    """The one comparison that the study is for: an arm against another on one data set at one label fraction."""

    dataset: str
    evaluation: Evaluation
    fraction: float
    arm: str
    against: str


class PlannedDataset(_Part):
    """A data set: ``modality`` names its bundles; a folder is absolute, or "demo"; its hash that of the datalist."""

    id: str
    modality: str
    dataset_dir: str
    external_dir: str | None = None
    dataset_sha256: str | None = None
    external_sha256: str | None = None


class PlannedArm(_Part):
    """One way to an encoder, or a ``baseline``. ``settings``, ``overlay``: of its pretraining; hash: of the file."""

    id: str
    kind: ArmKind
    method: Literal["moco", "mse", "barlow"] | None = None
    overlay: str | None = None
    architecture: str | None = None
    weights: str | None = None
    weights_sha256: str | None = None
    settings: dict[str, Any] = {}


class Resources(_Part):
    """What a node needs: GPUs, threads, minutes and megabytes of memory."""

    gpu: int
    cores: int
    minutes: int
    memory_mb: int


class Cell(_Part):
    """One number of the report: ``folder`` has ``predictions.csv`` and ``metrics.json`` of one tested classifier."""

    folder: str
    evaluation: Evaluation | None = None
    fraction: float | None = None
    label_seed: int | None = None
    stage: int | None = None


class Node(_Part):
    """One step: ``commands`` (words, without ``mocoi``'s own path) run one after the other in the study folder.

    It is finished when its marker ``done`` is there; it can begin when those of all ``inputs`` are. ``pretrain_seed``
    of an arm without pretraining is the seed of its random weights and of what is trained from them, or None.
    """

    id: str
    kind: NodeKind
    dataset: str
    arm: str | None = None
    pretrain_seed: int | None = None
    inputs: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...]
    run_dir: str
    done: str
    resources: Resources
    cells: tuple[Cell, ...] = ()


class StudyPlan(Record):
    """The plan; make one by :meth:`made`, which adds the hash."""

    FILE = PLAN_NAME
    ERROR: ClassVar[type[MocoiError]] = StudyError
    REMEDY = "it is the plan of a study. Bring back the original, or plan the study again."

    format: int
    name: str
    hash: str
    metric: PlannedMetric
    primary: Primary
    datasets: tuple[PlannedDataset, ...]
    arms: tuple[PlannedArm, ...]
    fractions: tuple[float, ...]
    label_seeds: tuple[int, ...]
    pretrain_seeds: tuple[int, ...]
    nodes: tuple[Node, ...]

    @classmethod
    def made(cls, **content: Any) -> Self:
        """A plan of everything but the hash."""
        plan = cls.model_validate({"format": cls.FORMAT, **content, "hash": ""})
        return plan.model_copy(update={"hash": plan.own_hash()})

    @classmethod
    def of(cls, content: Any, name: str = "") -> Self:
        """As of every record; a plan whose hash does not fit is refused as well."""
        plan = super().of(content, name)
        if plan.hash != plan.own_hash():
            raise StudyError(
                f"{name or cls.FILE} was changed after it was planned: it gives the hash {plan.hash[:12]}..., but its "
                f"content has {plan.own_hash()[:12]}.... Bring back the original, or plan the study again in another "
                "folder."
            )
        return plan

    def own_hash(self) -> str:
        """SHA-256 of the canonical JSON of everything but the hash."""
        content = self.model_dump(mode="json", exclude_unset=True, exclude={"hash"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def text(self) -> str:
        """Content of the file."""
        content = self.model_dump(mode="json", exclude_unset=True)
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_plan(study: str | os.PathLike[str]) -> StudyPlan:
    """The plan in a study folder. Raises StudyError."""
    return StudyPlan.read(os.path.join(study, PLAN_NAME))
