"""Feature reuse: how similar two encoders' features of the same images are, stage by stage."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.interval_settings import FEW_PATIENTS
from monai_mocoi.analysis.matched import choose_by_patient
from monai_mocoi.analysis.stage_features import Features
from monai_mocoi.errors import FeatureReuseError
from monai_mocoi.metrics import CKA, KERNELS, cka_matrix, jackknife_interval, permuted_cka_sd
from monai_mocoi.metrics.inputs import patient_index

MOST_IMAGES_RBF = 4000  # its kernel matrices are held: five to seven of n x n float64, 0.9 GB


def feature_reuse(
    first: Features,
    second: Features,
    first_images: Sequence[str],
    second_images: Sequence[str],
    patients: Sequence[str],
    kernel: str = "linear",
    pooling: str = "vector",
    level: float = 0.95,
    seed: int = 0,
    most_images: int | None = None,
) -> dict[str, Any]:
    """Compare every stage of one encoder with every stage of another by debiased CKA (:mod:`monai_mocoi.metrics.cka`).

    Features are paired by image id, in any order of the two sides (fault A20). Intervals are over patients, by
    jackknife: resamples with repeated rows would add the similarity of an image with itself, which debiasing removes.

    Args:
        first, second: by stage ``(images, features)``, of the two encoders; widths may differ.
        first_images, second_images: ids of the rows, each once, of the same images.
        patients: the patient of each row of ``first``.
        kernel, pooling: "linear" or "rbf" (:func:`~monai_mocoi.metrics.cka_matrix`); "vector" or "map", for the record.
        level: of the intervals, above 0 and below 1.
        seed: of the images that are drawn, and of the random orders of the null.
        most_images: compare so many at most, drawn by :func:`choose_by_patient`; None: all, and with "rbf" 4,000.

    Returns:
        plain values, without NaN, as JSON takes them::

            {"kernel", "pooling", "images", "patients", "images_given", "seed",
             "intervals": {"method": "jackknife", "over": "patients", "level"},  # "note" where patients are few
             "stages": [1, 2, 3, 4],
             "matrix": [[NUMBER, ...], ...],       # row: the first's stage, column: the second's
             "same_stage": {"1": NUMBER, ...}}     # its diagonal

        A NUMBER is ``{"value", "interval": [low, high], "null": {"mean": 0.0, "sd", "permuted", "exchanged"}}``, the
        null being the value of unrelated features: mean and sd over all orders of one side's images; ``permuted``: one
        such order; ``exchanged``: whole patients exchanged, so that only the similarity within a patient remains (None
        where too few can be exchanged). ``"interval"`` is None with a ``"reason"`` where there is none.

    Raises:
        FeatureReuseError: ids that are repeated or do not match, other stages, constant or not finite features, too few
            images, an unknown kernel.
    """
    if kernel not in KERNELS:
        raise FeatureReuseError(f"kernel is {kernel!r}; choose one of {', '.join(KERNELS)}.")
    stages = sorted(first)
    if stages != sorted(second) or not stages:
        raise FeatureReuseError(
            f"the first encoder has features of the stages {stages}, the second of {sorted(second)}; give the same."
        )
    for features, images in ((first, first_images), (second, second_images)):
        for stage, values in features.items():
            if len(values) != len(images):
                raise FeatureReuseError(
                    f"there are {len(images)} ids but {len(values)} rows of features of stage {stage}; give one each."
                )
    if not 0 < level < 1:
        raise FeatureReuseError(f"level is {level}; expected above 0 and below 1, such as 0.95.")
    partner = _paired(first_images, second_images)
    if len(patients) != len(partner):
        raise FeatureReuseError(f"there are {len(partner)} images but {len(patients)} patients; give one per image.")
    if most_images is None and kernel == "rbf":
        most_images = MOST_IMAGES_RBF
    rows = np.arange(len(partner)) if most_images is None else choose_by_patient(patients, most_images, seed)
    index, count = patient_index(np.asarray(patients, dtype=str)[rows])
    try:
        sides = _rows_of(first, stages, rows), _rows_of(second, stages, partner[rows])
        found = cka_matrix(*sides, index, kernel=kernel, seed=seed)
    except ValueError as error:
        raise FeatureReuseError(f"the features cannot be compared: {error}.") from None
    for i, j in np.argwhere(np.isnan(found.value)):
        raise FeatureReuseError(
            f"the features of stage {stages[i]} of the first encoder, or of stage {stages[j]} of the second, are the "
            "same for all images: the encoder has collapsed, or its weights are not those of a trained one."
        )
    numbers = _numbers(found, len(rows), level)
    note = f"Only {count} patients: with fewer than {FEW_PATIENTS} the intervals are too narrow. Do not rely on them."
    return {
        "kernel": kernel,
        "pooling": pooling,
        "images": len(rows),
        "patients": count,
        "images_given": len(partner),
        "seed": seed,
        "intervals": {"method": "jackknife", "over": "patients", "level": level}
        | ({"note": note} if count < FEW_PATIENTS else {}),
        "stages": stages,
        "matrix": numbers,
        "same_stage": {str(stage): numbers[i][i] for i, stage in enumerate(stages)},
    }


def _paired(first: Sequence[str], second: Sequence[str]) -> NDArray[np.int64]:
    """Row of the second side for each row of the first."""
    place = {image: row for row, image in enumerate(second)}
    for name, images, distinct in (("first", first, len(set(first))), ("second", second, len(place))):
        if distinct != len(images):
            raise FeatureReuseError(
                f"{len(images) - distinct} of {len(images)} image ids of the {name} features are repeated; each "
                "image may occur once, because a repeated one is always like itself."
            )
    missing = sum(image not in place for image in first)
    if missing or len(first) != len(second):
        raise FeatureReuseError(
            f"the two sides are of different images: {missing} of {len(first)} of the first are not in the second, "
            f"{len(second) - (len(first) - missing)} of {len(second)} of the second are not in the first. Compute both "
            "from the same split of one dataset folder."
        )
    return np.array([place[image] for image in first], dtype=np.int64)


def _rows_of(features: Features, stages: Sequence[int], rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    if np.array_equal(rows, np.arange(len(features[stages[0]]))):
        return [features[stage] for stage in stages]  # all of them in order: no copy of what may be hundreds of MB
    return [features[stage][rows] for stage in stages]


def _numbers(found: CKA, images: int, level: float) -> list[list[dict[str, Any]]]:
    limits, reason = None, None
    try:
        limits = jackknife_interval(found.value, found.left_out, level)
    except ValueError as error:
        reason = f"{error}."
    sd = permuted_cka_sd(images)

    def number(i: int, j: int) -> dict[str, Any]:
        exchanged = None if found.exchanged is None or np.isnan(found.exchanged[i, j]) else float(found.exchanged[i, j])
        own = {"interval": None, "reason": reason} if limits is None else {"interval": limits[:, i, j].tolist()}
        null = {"mean": 0.0, "sd": sd, "permuted": float(found.permuted[i, j]), "exchanged": exchanged}
        return {"value": float(found.value[i, j]), **own, "null": null}

    return [[number(i, j) for j in range(found.value.shape[1])] for i in range(found.value.shape[0])]
