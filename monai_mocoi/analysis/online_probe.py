"""Online probe of an encoder: k-nearest-neighbour and ridge AUC of its features, exact and cheap."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from monai_mocoi.analysis.stage_features import Features, pooled_features
from monai_mocoi.data import ImageDataset
from monai_mocoi.data.probe_images import ProbeImages
from monai_mocoi.metrics import is_known, nearest_neighbour_scores, over_known, roc_auc
from monai_mocoi.networks import StageEncoder

RIDGE_PENALTY = 1.0
"""Of the mean squared error: a direction of the standardised features counts by half where its variance is this."""
GUESSING = 0.5
FEW_IMAGES = 100  # of fewer validation images an AUC moves by a tenth by chance alone: no conclusion is drawn
_JUDGED = {"knn_auc": "nearest neighbours", "ridge_auc_stage4": "linear classifier"}


def probe_encoder(
    encoder: StageEncoder,
    splits: tuple[ImageDataset, ImageDataset],
    chosen: ProbeImages,
    transform: Callable[[dict[str, Any]], Any],
    autocast: torch.dtype | None,
    **how: Any,
) -> dict[str, float]:
    """Score the ``chosen`` validation images by the chosen training images, see :func:`probed_aucs`.

    ``encoder``: in eval mode. ``splits``: training and validation. ``transform``: sample to sample, deterministic: what
    the encoder sees of an image. ``autocast``, ``how``: see :func:`~monai_mocoi.analysis.pooled_features`.
    FeatureError: features that are not finite.
    """
    training, validation = (
        pooled_features(
            *(encoder, split.part(images, transform)),
            device=next(encoder.parameters()).device,
            autocast=autocast,
            cache=False,
            progress=False,
            **how,
        )
        for split, images in zip(splits, (chosen.training, chosen.validation), strict=True)
    )
    return probed_aucs(training, chosen.training_labels, validation, chosen.validation_labels, chosen.columns)


def probe_in_words(before: Mapping[str, float], values: Mapping[str, float], images: int) -> str:
    """The AUC of the nearest neighbours, with that ``before`` the first epoch beside it; empty: it is not known."""
    if "knn_auc" not in values:
        return ""
    notes = [f"before the first epoch {before['knn_auc']:.3f}"] if "knn_auc" in before else []
    if images < FEW_IMAGES:
        notes.append(f"{images} validation images: means little")
    return f"k-NN AUC {values['knn_auc']:.3f}" + (f" ({'; '.join(notes)})" if notes else "")


def no_gain_in_words(untrained: Mapping[str, float], values: Mapping[str, float], images: int) -> str:
    """A hint where stage 4 tells the labels no better than before the first epoch; empty: it does, or few images."""
    if images < FEW_IMAGES or any(values[name] > max(untrained[name], GUESSING) for name in _JUDGED):
        return ""
    both = ", ".join(f"{text} {values[n]:.3f} and {untrained[n]:.3f}" for n, text in _JUDGED.items())
    return (
        f"stage 4 of the encoder does not tell the labels better than before the first (AUC now and then: {both}; 0.5 "
        f"is guessing; {images} validation images). The run goes on. Look at loss / guessing and at the view pairs; "
        "docs/pretraining.md, 'Is it learning?', says what it may mean."
    )


def probed_aucs(
    training: Features,
    training_labels: NDArray[np.int64],
    validation: Features,
    validation_labels: NDArray[np.int64],
    columns: Sequence[int],
) -> dict[str, float]:
    """Score validation images by training images, with the features of an encoder's stages.

    Features are by stage, (images, channels); labels (images, classes): 1, 0 or ``UNKNOWN``. ``columns``: classes over
    which the AUC is averaged, each with positives and negatives in both. Returns macro AUCs, 0..1, 0.5 is guessing:
    ``knn_auc`` with the features of the last stage; ``ridge_auc_stage1`` and so on of a ridge regression on each
    stage's standardised features, with :data:`RIDGE_PENALTY`, solved exactly.
    """
    wanted, truth = training_labels[:, list(columns)], validation_labels[:, list(columns)]
    known = is_known(wanted)

    def macro_auc(score: Callable[[Any, NDArray[np.int64]], NDArray[Any]]) -> float:
        if known.all():
            scores = score(slice(None), wanted)
        else:
            scores = np.stack([score(own, wanted[own, i]).reshape(-1) for i, own in enumerate(known.T)], axis=1)
        return float(over_known(roc_auc, truth, scores.reshape(truth.shape)).mean())

    last = max(training)
    values = {
        "knn_auc": macro_auc(
            lambda images, labels: nearest_neighbour_scores(training[last][images], labels, validation[last])
        )
    }
    for stage in sorted(training):
        values[f"ridge_auc_stage{stage}"] = macro_auc(partial(_ridge_scores, training[stage], validation[stage]))
    return values


def _ridge_scores(
    training: NDArray[Any], validation: NDArray[Any], images: Any, labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    scaler = StandardScaler().fit(training[images].astype(np.float64))
    ridge = Ridge(alpha=RIDGE_PENALTY * len(labels), solver="cholesky")
    ridge.fit(scaler.transform(training[images].astype(np.float64)), labels.astype(np.float64))
    return ridge.predict(scaler.transform(validation.astype(np.float64)))
