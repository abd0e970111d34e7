"""Comparison: an arm less another, with its interval, and of which runs it is made."""

from dataclasses import dataclass

from monai_mocoi.metrics import CrossedMean
from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.tested_run import TestedRun

LEVEL = 0.95
SEEDS_FOR_A_CLAIM = 5
"""Pretrainings of each arm, at least, for a sentence about the method instead of about these encoders."""
Key = tuple[str, str, float, str, str]


@dataclass(frozen=True)
class Difference:
    """A paired difference, in the metric's own units, with its 95 % interval and p-value; ``p_holm``: corrected.

    ``varies``: False where its standard error is 0, so that interval and p-value say nothing.
    """

    value: float
    low: float
    high: float
    p_value: float
    p_holm: float | None = None
    varies: bool = True

    @classmethod
    def of(cls, mean: CrossedMean) -> "Difference":
        """Of a mean of differences."""
        return cls(mean.value, *mean.interval(LEVEL), mean.p_value(), varies=mean.varies)


@dataclass(frozen=True)
class Comparison:
    """An arm less another, ``against``, at one label fraction; ``trouble``: why there is no number.

    ``draws``: label draws that both have; ``encoders``: pretrainings of each that are in it, 0 for an arm without any.
    ``across``: the difference over pretrainings, from five on. ``few``: names of classes with too few patients, with
    the counts. ``corrected_for``: number of p-values that Holm's correction is for. ``runs``: that are in it, of
    ``asked`` runs that were planned or, without a plan, found (0: not known). ``planned``: by a plan.
    """

    dataset: str
    evaluation: str
    fraction: float
    stage: str
    arm: str
    against: str
    metric: Metric
    difference: Difference | None
    draws: int = 0
    patients: int = 0
    encoders: tuple[int, int] = (0, 0)
    across: Difference | None = None
    few: tuple[str, ...] = ()
    trouble: str | None = None
    primary: bool = False
    corrected_for: int = 0
    runs: tuple[TestedRun, ...] = ()
    asked: int = 0
    planned: bool = False

    @property
    def keys(self) -> tuple[Key, Key]:
        """Of the two cells."""
        at = self.dataset, self.evaluation, self.fraction, self.stage
        return (*at, self.arm), (*at, self.against)

    @property
    def lacks(self) -> bool:
        """Whether runs that there should be are not in it."""
        return len(self.runs) < self.asked

    @property
    def incomplete(self) -> bool:
        """Whether runs that were planned are not in it: what it shows is told when all are."""
        return self.planned and self.lacks
