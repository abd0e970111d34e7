"""Input shift: image statistics of a data set, and how far those of another one are from them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.metrics import statistics_of_picture

MOST_PICTURES = 2_000  # that are looked at: of more, so many, evenly over the list
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LARGE_SHIFT = 0.5  # in standard deviations of the training images: beyond it a statistic is warned of


def summarise_inputs(dataset: ImageDataset) -> dict[str, Any]:
    """The :func:`~monai_mocoi.metrics.statistics_of_picture` of decoded pictures, before any normalisation.

    Plain values: ``{"images": count, "statistics": {name: {"mean", "sd", "quantiles": {"0.05": ...}}}}``.
    """
    looked_at = dataset.spread(MOST_PICTURES)
    rows = [statistics_of_picture(looked_at.picture(place).numpy()) for place in range(len(looked_at))]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {
        "images": len(rows),
        "statistics": {
            name: {
                "mean": float(values.mean()),
                "sd": float(values.std()),
                "quantiles": {f"{share:g}": float(np.quantile(values, share)) for share in QUANTILES},
            }
            for name, values in columns.items()
        },
    }


def input_shift(own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """How far the pictures of another data set are from the training's, both from :func:`summarise_inputs`.

    By statistic: the means, and their difference in standard deviations of the training images; None: they have none.
    """
    shifts: dict[str, dict[str, float | None]] = {}
    for name, found in other["statistics"].items():
        if (trained := own["statistics"].get(name)) is None:
            continue
        sd, difference = trained["sd"], found["mean"] - trained["mean"]
        shifts[name] = {
            "training": trained["mean"],
            "here": found["mean"],
            "shift": difference / sd if sd > 0 else (0.0 if difference == 0 else None),
        }
    return shifts
