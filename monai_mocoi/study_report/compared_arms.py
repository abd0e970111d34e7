"""Compared arms: paired differences on the same patients and label draws, the primary one first, others by Holm."""

from collections.abc import Mapping
from dataclasses import replace

from monai_mocoi.metrics import holm
from monai_mocoi.study_report.compared_cells import compare_cells
from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.comparison import Comparison, Key
from monai_mocoi.study_report.measured_cells import Cell, TestSet
from monai_mocoi.study_report.study_arms import Arm, references


def compare_arms(
    cells: Mapping[Key, Cell],
    sets: Mapping[str, TestSet],
    metric: Metric,
    arms: Mapping[str, Arm],
    primary: tuple[str, str, float, str, str] | None,
) -> list[Comparison]:
    """The primary comparison first, if one was planned; then each arm against its references, corrected by Holm.

    ``primary``: data set, evaluation, fraction, arm, and the arm that it is compared with. All comparisons but the
    primary one are one family, in both directions: their p-values are corrected together for the number of comparisons,
    those without a number included (as if their p-values were 1).
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
    found = [own for own in found if own.keys[0][:3] != of or {own.arm, own.against} != set(names)]
    at = next((at for at, own in there.items() if at[:3] == of and own.keys() & set(names)), (*of, "4"))
    trouble = "The plan names this comparison, but not both of its arms were tested."
    arm, against = (there.get(at, {}).get(name) or Cell((*at, name), trouble=trouble) for name in names)
    main = compare_cells(arm, against, sets.get(of[0]), metric)
    return [replace(main, primary=True), *_corrected(found)]


def _corrected(found: list[Comparison]) -> list[Comparison]:
    adjusted = holm([1.0 if own.difference is None else own.difference.p_value for own in found]).tolist()
    return [
        replace(own, difference=own.difference and replace(own.difference, p_holm=p), corrected_for=len(found))
        for own, p in zip(found, adjusted, strict=True)
    ]
