"""Card of a new classifier: what is chosen on its validation predictions, and what is known of its run."""

from collections.abc import Mapping
from typing import Any

from monai_mocoi.analysis import choose_operating_points, fit_recalibration
from monai_mocoi.analysis.decision_thresholds import chosen_thresholds
from monai_mocoi.data import Predictions
from monai_mocoi.networks import ClassifierCard


def made_card(
    validation: Predictions,
    stage: int | str,
    trainable: str,
    selected: Mapping[str, Any],
    metrics: Mapping[str, float],
    **facts: Any,
) -> ClassifierCard:
    """The card: thresholds, recalibration and operating points are chosen on ``validation``.

    ``selected`` says which epoch or penalty was taken and why, ``metrics`` are those of validation, and ``facts`` are
    other fields: those of :meth:`~monai_mocoi.runs.classifier_origin.ClassifierOrigin.facts`, epochs and iterations.
    """
    thresholds, without = chosen_thresholds(validation)
    return ClassifierCard(
        kind=validation.kind,
        labels=list(validation.classes),
        stage=stage,
        trainable=trainable,
        thresholds=thresholds,
        thresholds_without_choice=without,
        recalibration=fit_recalibration(validation),
        operating_points=choose_operating_points(validation),
        selected=dict(selected),
        validation=dict(metrics),
        **facts,
    )
