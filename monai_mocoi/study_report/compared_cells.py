"""Two cells compared: on the same patients, label draws and, where they have the same names, seeds."""

from collections import defaultdict
from dataclasses import replace

import numpy as np

from monai_mocoi.metrics import CrossedMean
from monai_mocoi.metrics.crossed_difference import crossed_difference
from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.comparison import SEEDS_FOR_A_CLAIM, Comparison, Difference
from monai_mocoi.study_report.measured_cells import Cell, Measured, TestSet, mean_of

Side = dict[int, list[Measured]]
"""Runs by label draw."""


def compare_cells(first: Cell, second: Cell, test: TestSet | None, metric: Metric) -> Comparison:
    """``first`` less ``second``: over the label draws that both have, each the mean of its seeds."""
    dataset, evaluation, fraction, stage, arm = first.key
    asked = len(first.expected) + len(second.expected)
    at, planned = (dataset, evaluation, fraction, stage, arm, second.key[-1]), first.planned or second.planned
    made = Comparison(*at, metric, None, asked=asked, planned=planned)
    if trouble := first.trouble or second.trouble:
        return replace(made, trouble=trouble)
    one, other = paired_runs(first, second)
    if not one or test is None:
        return replace(
            made,
            trouble="The two arms have no label draw in common that is complete and has the same labelled images.",
        )
    try:
        difference = Difference.of(mean_of([_less(_mean(one[draw]), _mean(other[draw])) for draw in one]))
    except ValueError as error:
        return replace(made, trouble=f"There is no interval: {error}.")
    few = [
        f"{own['class']}: positives of {own['positive_patients']}, negatives of {own['negative_patients']}"
        for own in test.few_patients
    ]
    return replace(
        made,
        difference=difference,
        draws=len(one),
        patients=test.patients,
        encoders=(_pretrainings(one), _pretrainings(other)),
        across=_across(one, other),
        few=tuple(few),
        runs=tuple(own.run for side in (one, other) for part in side.values() for own in part),
    )


def paired_runs(first: Cell, second: Cell) -> tuple[Side, Side]:
    """Runs of each label draw that are compared: those of seeds that both have there.

    Where no seed of one arm has the name of one of the other (given weights, which are there once; encoders that are
    known by their hashes): all runs of the draws that are complete in both. A draw whose labelled images are not the
    same ones is left out.
    """
    one, other = _by_draw(first), _by_draw(second)
    names = [{name for _, name in cell.expected} for cell in (first, second)]
    sides: tuple[Side, Side] = {}, {}
    for draw in sorted(one.keys() & other.keys()):
        if names[0] & names[1]:
            common = sorted(one[draw].keys() & other[draw].keys())
            parts = [[side[draw][name] for name in common] for side in (one, other)]
        elif {""} in names or (_is_complete(first, draw) and _is_complete(second, draw)):
            parts = [list(one[draw].values()), list(other[draw].values())]
        else:
            continue
        hashes = {own.run.labelled for part in parts for own in part} - {None}
        if parts[0] and len(hashes) <= 1:
            sides[0][draw], sides[1][draw] = parts
    return sides


def _by_draw(cell: Cell) -> dict[int, dict[str, Measured]]:
    found: dict[int, dict[str, Measured]] = defaultdict(dict)
    for own in sorted(cell.runs, key=lambda own: own.run.repeat):
        found[own.run.label_seed][own.run.repeat] = own
    return found


def _is_complete(cell: Cell, draw: int) -> bool:
    """Whether a draw has all pretrainings; of an arm without any all runs that were asked for."""
    there = {own.run.repeat for own in cell.runs if own.run.label_seed == draw}
    return there >= {name for of, name in cell.expected if of == draw or cell.encoders}


def _mean(runs: list[Measured]) -> tuple[float, np.ndarray]:
    return float(np.mean([own.value for own in runs])), np.mean([own.left_out for own in runs], axis=0)


def _less(one: tuple[float, np.ndarray], other: tuple[float, np.ndarray]) -> tuple[float, np.ndarray]:
    return one[0] - other[0], one[1] - other[1]


def _pretrainings(side: Side) -> int:
    return len({own.run.encoder for part in side.values() for own in part} - {""})


def _by_seed(side: Side) -> dict[str, tuple[float, np.ndarray]]:
    """The mean over the draws of each seed that has all of them; of an arm without such a seed, of all its runs."""
    found: dict[str, list[Measured]] = defaultdict(list)
    for part in side.values():
        for own in part:
            found[own.run.repeat].append(own)
    whole = {name: _mean(runs) for name, runs in sorted(found.items()) if len(runs) == len(side)}
    if not whole and not _pretrainings(side):
        whole = {"": _mean([own for part in side.values() for own in part])}
    return whole


def _across(one: Side, other: Side) -> Difference | None:
    """For other pretrainings, at these draws of the labels: paired where both have the same names, else unpaired."""
    pretrained = [bool(_pretrainings(side)) for side in (one, other)]
    first, second = _by_seed(one), _by_seed(other)
    enough = [len(own) >= SEEDS_FOR_A_CLAIM for own, made in zip((first, second), pretrained, strict=True) if made]
    if not enough or not all(enough) or not first or not second:
        return None
    common = sorted(first.keys() & second.keys())
    mean: CrossedMean
    if all(pretrained) and len(common) >= SEEDS_FOR_A_CLAIM:
        mean = mean_of([_less(first[name], second[name]) for name in common])
    else:
        mean = crossed_difference(*zip(*first.values(), strict=True), *zip(*second.values(), strict=True))
    return Difference.of(mean)
