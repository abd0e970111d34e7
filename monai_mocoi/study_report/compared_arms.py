"""Compared arms: paired differences on the same patients and label draws, the primary one first, others by Holm."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from monai_mocoi.metrics import CrossedMean, holm
from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.measured_cells import Cell, TestSet, mean_of
from monai_mocoi.study_report.study_arms import Arm, references

LEVEL = 0.95
SEEDS_FOR_A_CLAIM = 5
"""Pretrainings of each arm, at least, for a sentence about the method instead of about these encoders."""
Key = tuple[str, str, float, str, str]


@dataclass(frozen=True)
class Difference:
    """A paired difference, in the metric's own units, with its 95 % interval and p-value; ``p_holm``: corrected."""

    value: float
    low: float
    high: float
    p_value: float
    p_holm: float | None = None

    @classmethod
    def of(cls, mean: CrossedMean) -> "Difference":
        """Of a mean of differences."""
        return cls(mean.value, *mean.interval(LEVEL), mean.p_value())


@dataclass(frozen=True)
class Comparison:
    """An arm less another, ``against``, at one label fraction; ``trouble``: why there is no number.

    ``draws``: label draws that both have; ``encoders``: pretrainings of each, 0 for an arm without any. ``across``: the
    difference over pretrainings, of those that both have, from five on. ``few``: names of classes with too few
    patients, with the counts. ``corrected_for``: number of p-values that Holm's correction is for.
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

    @property
    def keys(self) -> tuple[Key, Key]:
        """Of the two cells."""
        at = self.dataset, self.evaluation, self.fraction, self.stage
        return (*at, self.arm), (*at, self.against)


def compare_cells(first: Cell, second: Cell, test: TestSet | None, metric: Metric) -> Comparison:
    """``first`` less ``second``: over the label draws that both have, each the mean of its pretrainings."""
    dataset, evaluation, fraction, stage, arm = first.key
    made = Comparison(dataset, evaluation, fraction, stage, arm, second.key[-1], metric, None)
    if trouble := first.trouble or second.trouble:
        return replace(made, trouble=trouble)
    common = sorted(set(first.draws) & set(second.draws))
    if not common or test is None:
        return replace(made, trouble="The two arms have no label draw in common.")
    one, other = first.by("label_seed"), second.by("label_seed")
    pairs = [(one[d][0] - other[d][0], one[d][1] - other[d][1]) for d in common]
    try:
        difference = Difference.of(mean_of(pairs))
    except ValueError as error:
        return replace(made, trouble=f"There is no interval: {error}.")
    few = [
        f"{own['class']}: positives of {own['positive_patients']}, negatives of {own['negative_patients']}"
        for own in test.few_patients
    ]
    return replace(
        made,
        difference=difference,
        draws=len(common),
        patients=test.patients,
        encoders=(_pretrainings(first), _pretrainings(second)),
        across=_across(first, second),
        few=tuple(few),
    )


def _pretrainings(cell: Cell) -> int:
    return len([name for name in cell.encoders if name])


def _across(first: Cell, second: Cell) -> Difference | None:
    """Over pretrainings as the crossed factor; an arm without pretraining is the same for all of them."""
    one, other = first.by("encoder"), second.by("encoder")
    if "" in one and "" in other:
        return None
    names = sorted(set(one) & set(other)) if "" not in one and "" not in other else sorted(set(one) ^ set(other))
    names = [name for name in names if name]
    if len(names) < SEEDS_FOR_A_CLAIM:
        return None
    pairs = [(one.get(name, one.get("")), other.get(name, other.get(""))) for name in names]
    return Difference.of(mean_of([(a[0] - b[0], a[1] - b[1]) for a, b in pairs if a and b]))


def compare_arms(
    cells: Mapping[Key, Cell],
    sets: Mapping[str, TestSet],
    metric: Metric,
    arms: Mapping[str, Arm],
    primary: tuple[str, str, float, str, str] | None,
) -> list[Comparison]:
    """The primary comparison first, if one was planned; then each arm against its references, corrected by Holm.

    ``primary``: data set, evaluation, fraction, arm, and the arm that it is compared with. All p-values but the primary
    one's are corrected together for their number.
    """
    there: dict[tuple[str, str, float, str], dict[str, Cell]] = {}
    for key, cell in cells.items():
        there.setdefault(key[:4], {})[key[4]] = cell
    found = [
        compare_cells(cell, own[name], sets.get(at[0]), metric)
        for at, own in sorted(there.items(), key=lambda one: (one[0][0], one[0][1], one[0][2], one[0][3]))
        for arm, cell in sorted(own.items(), key=lambda one: list(arms).index(one[0]) if one[0] in arms else len(arms))
        for name in references(arms, arm, own)
    ]
    if primary is None:
        return _corrected(found)
    of, names = primary[:3], primary[3:]
    found = [own for own in found if (*own.keys[0][:3], own.arm, own.against) != primary]
    at = next((at for at, own in there.items() if at[:3] == of and own.keys() & set(names)), (*of, "4"))
    trouble = "The plan names this comparison, but not both of its arms were tested."
    arm, against = (there.get(at, {}).get(name) or Cell((*at, name), trouble=trouble) for name in names)
    main = compare_cells(arm, against, sets.get(of[0]), metric)
    return [replace(main, primary=True), *_corrected(found)]


def _corrected(found: list[Comparison]) -> list[Comparison]:
    tested = [own.difference for own in found if own.difference is not None]
    adjusted = iter(holm([own.p_value for own in tested]).tolist())
    return [
        replace(own, corrected_for=len(tested))
        if own.difference is None
        else replace(own, difference=replace(own.difference, p_holm=next(adjusted)), corrected_for=len(tested))
        for own in found
    ]
