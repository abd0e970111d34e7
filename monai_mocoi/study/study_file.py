"""The study as its author writes it (``study.yaml``): what is to be compared, on what, in a few fields."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from monai_mocoi.networks.architectures import DEFAULT_ARCHITECTURE, Architecture
from monai_mocoi.study.plan_record import ArmKind, Evaluation, NodeKind
from monai_mocoi.study.settings_by_name import Settings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$", max_length=40)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=0, strict=True)]
Method = Literal["moco", "mse", "barlow"]
Modality = Literal["nih", "bch", "dr"]
ShortArm = Literal["random", "supervised", "moco", "mse", "barlow", "baselines"]
Config = Literal["train", "finetune", "evaluate", "analyze"]
SHORT_ARMS: dict[str, dict[str, Any]] = {
    **{method: {"kind": "pretrain", "method": method} for method in ("moco", "mse", "barlow")},
    **{kind: {"kind": kind} for kind in ("random", "supervised")},
    "baselines": {"kind": "baseline"},
}
"""Arms that are written as one word."""
MINUTES: dict[NodeKind, int] = {"pretrain": 1440, "finetune": 240, "linear": 120}
"""What a node is given unless the study says otherwise; of other kinds 60."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StudyDataset(_Part):
    """A dataset folder, and the kind of its images, which names its bundles: ``nih_moco`` and so on."""

    id: Name
    modality: Modality = Field(description="nih: chest X-rays, bch: tissue patches, dr: fundus photographs.")
    dataset_dir: str = Field(min_length=1, description='The folder, or "demo": generated phantoms.')
    external_dir: str | None = Field(None, description="Another folder, for the external test.")
    bundles: dict[Method, str] = Field({}, description="Bundles made by mocoi adapt, in the place of the nine.")


def _long_form(arm: Any) -> Any:
    if isinstance(arm, str):
        if arm not in SHORT_ARMS:
            raise ValueError(f"{arm!r} is no arm: write one of {', '.join(SHORT_ARMS)}, or an object with id and kind")
        return {"id": arm, **SHORT_ARMS[arm]}
    return arm


class Arm(_Part):
    """One way to an encoder; ``baseline``: the shortcut baselines, which have none.

    ``random``: frozen random weights (linear evaluation only). ``supervised``: trained from random weights with the
    labels (fine-tuning only). ``weights``: of a file. ``pretrain``: by ``method``. ``continued``: pretrained by
    ``method``, beginning with ``weights``.
    """

    id: Name
    kind: ArmKind
    method: Method | None = None
    overlay: Literal["paper"] | None = Field(None, description="Of train.json: pretrained by paper.json over it.")
    architecture: Architecture = Field(DEFAULT_ARCHITECTURE, description="Of the encoder; by default the study's.")
    weights: str | None = Field(None, min_length=1, description="A file, for the kinds weights and continued.")
    settings: Settings = Field({}, description="Of its pretraining: names and values of train.json.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        needs_method, needs_weights = self.kind in ("pretrain", "continued"), self.kind in ("weights", "continued")
        for name, needed, example in (("method", needs_method, "mse"), ("weights", needs_weights, "FILE")):
            if needed != (getattr(self, name) is not None):
                what = f"needs {name}: write {name}: {example}" if needed else f"has no {name}: leave it out"
                raise ValueError(f"the arm {self.id} is of the kind {self.kind}, which {what}")
        if self.overlay and not needs_method:
            raise ValueError(f"the arm {self.id} is of the kind {self.kind}, which has no overlay: leave it out")
        kept = {"zero_init_residual"} if self.kind in ("random", "supervised") else set()
        if not needs_method and (unused := sorted(self.settings.keys() - kept)):
            raise ValueError(
                f"the arm {self.id} is of the kind {self.kind}, which is not pretrained, so leave these "
                f"settings out: {', '.join(unused)}"
            )
        return self


def evaluations_of(arm: Arm) -> tuple[str, ...]:
    """How the encoder of an arm can be evaluated."""
    only: dict[str, tuple[str, ...]] = {"random": ("linear",), "supervised": ("finetune",), "baseline": ()}
    return only.get(arm.kind, ("linear", "finetune"))


class PrimaryComparison(_Part):
    """The one comparison that the study is for; all others are secondary."""

    dataset: str
    evaluation: Evaluation = "linear"
    fraction: Fraction
    arm: str
    against: str


class Metric(_Part):
    """Area under the ROC curve, average precision or F1 (the paper's, of histopathology) of one class, or their mean.

    ``label``: the class; F1 is at the thresholds that were chosen on validation.
    """

    name: Literal["auc", "average_precision", "f1"] = "auc"
    label: str | None = None


class StudyResources(_Part):
    """What a node is given."""

    gpu: Annotated[int, Field(ge=0, le=1, strict=True)] = 0
    cores: Annotated[int, Field(ge=1, strict=True)] = 2
    memory_mb: Annotated[int, Field(ge=500, strict=True)] = 8000
    minutes: dict[NodeKind, Annotated[int, Field(ge=1, strict=True)]] = {}


class Study(_Part):
    """The whole file."""

    name: Name
    output_dir: str = Field("study", min_length=1, description="The study folder, beside this file.")
    datasets: Annotated[tuple[StudyDataset, ...], Field(min_length=1)]
    architecture: Architecture = Field(DEFAULT_ARCHITECTURE, description="Of the arms that name none.")
    arms: Annotated[
        tuple[Annotated[Arm, BeforeValidator(_long_form, json_schema_input_type=Arm | ShortArm)], ...],
        Field(min_length=1),
    ]
    primary: PrimaryComparison
    metric: Metric = Metric()
    evaluations: Annotated[tuple[Evaluation, ...], Field(min_length=1)] = ("linear", "finetune")
    analyses: tuple[Literal["probing", "reuse", "ks"], ...] = ("probing", "reuse", "ks")
    fractions: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (1.0, 0.1, 0.06, 0.01)
    finetune_fractions: Annotated[tuple[Fraction, ...], Field(min_length=1)] | None = Field(
        None, description="Those of them at which all weights are fine-tuned; all, unless given."
    )
    label_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (1, 2, 3)
    pretrain_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (1,)
    settings: dict[Config, Settings] = Field({}, description="Of every run of a config, by its name.")
    resources: StudyResources = StudyResources()

    def fractions_of(self, evaluation: Evaluation) -> tuple[float, ...]:
        """At which an arm is evaluated in this way."""
        return self.finetune_fractions or self.fractions if evaluation == "finetune" else self.fractions

    @field_validator("arms", mode="before")
    @classmethod
    def _of_the_study(cls, arms: Any, info: ValidationInfo) -> Any:
        own = info.data.get("architecture", DEFAULT_ARCHITECTURE)
        if own == DEFAULT_ARCHITECTURE or not isinstance(arms, list):
            return arms
        long = [_long_form(arm) if isinstance(arm, str) and arm in SHORT_ARMS else arm for arm in arms]
        return [{"architecture": own, **arm} if isinstance(arm, dict) else arm for arm in long]
