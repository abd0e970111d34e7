"""Subgroup evaluation: whether a classifier serves all groups of patients alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from monai_mocoi.analysis.comparison import add_holm
from monai_mocoi.analysis.decision_thresholds import decisions
from monai_mocoi.analysis.interval_settings import FEW_PATIENTS, IntervalSettings, describe_intervals
from monai_mocoi.analysis.subgroup_images import LEAST_PATIENTS, counts_of
from monai_mocoi.analysis.subgroup_measures import SUBGROUP_MEASURES, SubgroupMeasures
from monai_mocoi.data import AGE_BANDS, Columns, Levels, NoLevels, Predictions, check_age_bands, column_levels


def evaluate_subgroups(
    predictions: Predictions,
    columns: Columns,
    thresholds: Mapping[str, float] | None = None,
    age_bands: Sequence[float] = AGE_BANDS,
    **settings: Any,
) -> dict[str, Any]:
    """Measure a classifier in each group of images by a column, and the gaps to the column's largest group.

    An evaluable class is measured in a group with ``min_positives`` positive and ``min_negatives`` negative images of
    it, of at least 10 patients each. A group's measures are means over its classes, so that two groups can be compared
    only by their *gap*: the group less the largest group, over the classes that are measured in both, on the same
    resamples of the patients. The p-values of all gaps of one measure are corrected together by Holm's method.

    Args:
        predictions, columns: of a split, each image once, in the same order.
        thresholds: of each finding; None: no sensitivity and specificity of findings.
        age_bands: see :func:`~monai_mocoi.data.column_levels`.
        settings: of :class:`~monai_mocoi.analysis.IntervalSettings`, by name.

    Returns:
        plain values, without NaN::

            {"source", "images_without_row", "unused_rows", "intervals", "min_positives", "min_negatives",
             "min_patients", "min_patients_of_class", "corrected_for": {measure: number of gaps},
             "left_out_columns": [{"column", "reason"}],
             "columns": {name: {"kind", "age_bands" (of ages), "unknown": COUNTS, "reference": group or None,
                                "groups": {group: GROUP}}}}

        COUNTS are ``{"images", "patients"}``, both None where they are 1 to 4 patients. A GROUP has its COUNTS,
        ``"scored_classes"``, a NUMBER for each measure, and ``"classes"``: counts and NUMBERs of each; or a
        ``"reason"``. Every measured group except the reference also has ``"gaps"``: for each measure a NUMBER with
        ``"reference"`` and ``"group"`` (the two values), ``"p_value"``, ``"p_value_holm"`` and ``"classes"``; or a
        reason in ``"gap_reason"``.

    Raises:
        EvaluationError: a setting out of range, or a threshold missing.
        RefusedError: bands of ages that do not rise.
        ValueError: a column of another number of images.
    """
    made = IntervalSettings(**settings)
    check_age_bands(age_bands)
    grouped: dict[str, Levels] = {}
    left_out = []
    for name, values in columns.values.items():
        if len(values) != len(predictions.images):
            raise ValueError(f"column {name} has {len(values)} values, but there are {len(predictions.images)} images")
        try:
            grouped[name] = column_levels(name, values, age_bands)
        except NoLevels as reason:
            left_out.append({"column": name, "reason": str(reason)})
    report: dict[str, Any] = {
        "source": columns.source,
        "images_without_row": columns.without_row,
        "unused_rows": columns.unused_rows,
        "min_positives": made.min_positives,
        "min_negatives": made.min_negatives,
        "min_patients": LEAST_PATIENTS,
        "min_patients_of_class": FEW_PATIENTS,
        "left_out_columns": left_out,
    }
    measured = SubgroupMeasures(predictions, decisions(predictions, thresholds), made)
    plan = {name: measured.classes_of(levels) for name, levels in grouped.items()}
    draw = measured.draw(grouped, plan)
    report["intervals"] = describe_intervals(made, predictions, draw)
    report["columns"] = {}
    for name, levels in grouped.items():
        bands = {"age_bands": [float(own) for own in age_bands]} if levels.kind == "ages" else {}
        unknown = counts_of(levels.index == -1, measured.patients)
        column = {"kind": levels.kind, **bands, "unknown": unknown, **measured.column(levels, plan[name], draw)}
        report["columns"][name] = column
    report["corrected_for"] = {}
    for measure in SUBGROUP_MEASURES:
        gaps = [gap for _, _, _, gap in gaps_of(report, measure)]
        add_holm(gaps)
        if gaps:
            report["corrected_for"][measure] = len(gaps)
    return report


def gaps_of(report: Mapping[str, Any], measure: str = "auc") -> list[tuple[str, str, str, dict[str, Any]]]:
    """All gaps of a measure: column, group, reference, gap; the smallest p-value first, then the largest gap."""
    found = [
        (name, group, column["reference"], own["gaps"][measure])
        for name, column in report["columns"].items()
        for group, own in column["groups"].items()
        if measure in own.get("gaps", {})
    ]
    return sorted(found, key=lambda gap: (gap[3]["p_value"], -abs(gap[3]["value"])))


def _grouped(
    predictions: Predictions, columns: Columns, age_bands: Sequence[float]
) -> tuple[dict[str, Levels], list[dict[str, str]]]:
    """The groups of each column, and the columns that make none."""
    grouped: dict[str, Levels] = {}
    left_out = []
    for name, values in columns.values.items():
        if len(values) != len(predictions.images):
            raise ValueError(f"column {name} has {len(values)} values, but there are {len(predictions.images)} images")
        try:
            grouped[name] = column_levels(name, values, age_bands)
        except NoLevels as reason:
            left_out.append({"column": name, "reason": str(reason)})
    return grouped, left_out


def _correct(columns: Mapping[str, Any]) -> dict[str, int]:
    """Write Holm's p-values beside those of each measure; how many gaps each measure has."""
    count = {}
    for measure in SUBGROUP_MEASURES:
        gaps = [gap for _, _, _, gap in gaps_of({"columns": columns}, measure)]
        add_holm(gaps)
        if gaps:
            count[measure] = len(gaps)
    return count
