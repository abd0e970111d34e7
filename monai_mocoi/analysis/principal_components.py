"""Principal components of features, and how well columns of the images can be predicted from them.

What an encoder varies by most need not be the disease: it may be the view, the scanner, or how bright a picture is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from monai_mocoi.data.levels import few_numbers
from monai_mocoi.metrics import roc_auc

COMPONENTS = 10
FOLDS = 5
FEWEST = 10  # images, and as many others, of a level that is told from the others


@dataclass(frozen=True)
class PrincipalComponents:
    """The first components of features, centred but not scaled.

    ``scores``: ``(images, components)`` float64; ``explained``: ``(components,)`` share of the whole variance, falling.
    """

    scores: NDArray[np.float64]
    explained: NDArray[np.float64]


def principal_components(features: NDArray[np.floating[Any]], count: int = COMPONENTS) -> PrincipalComponents:
    """Project features ``(images, width)``, two images or more, on the directions of largest variance.

    ValueError: fewer than two images, or features that are not finite.
    """
    values = np.asarray(features, dtype=np.float64)
    if values.ndim != 2 or len(values) < 2:
        raise ValueError(f"features of shape {values.shape}: principal components need two images or more")
    count = min(count, len(values) - 1, values.shape[1])
    if np.ptp(values, axis=0).max() == 0:  # collapsed: there is no direction
        return PrincipalComponents(np.zeros((len(values), count)), np.zeros(count))
    found = PCA(count, svd_solver="covariance_eigh" if len(values) > values.shape[1] else "full")  # both exact
    return PrincipalComponents(found.fit_transform(values), found.explained_variance_ratio_)


def how_well_told(
    scores: NDArray[np.float64], values: Sequence[str | float | None], patients: Sequence[str], name: str = ""
) -> dict[str, Any]:
    """How well a linear model predicts a column of the images from their components, on patients it has not seen.

    Five folds of patients. Each level of texts, and of at most 8 different numbers that may be codes, is predicted
    against all others (logistic regression); the AUC is the mean over the folds and the levels, 0.5 by chance. Within a
    fold, because decisions of several models on one scale are below 0.5 by chance. Of other numbers it is R2 (ridge), 0
    by chance.

    ``scores``: ``(images, components)``. ``values``: of the column, texts or numbers; None: not known, and left out.
    ``name``: of the column, which shows whether it holds ages. Returns ``{"measure": "auc" or "r2", "value", "chance",
    "images"}``; for texts also ``"levels"``: the AUC of each that has 10 images, and 10 others, of 5 patients or more.
    ``value`` is None with a ``"reason"`` where there is none.
    """
    known = [i for i, value in enumerate(values) if value is not None]
    own = [values[i] for i in known]
    inputs, groups = scores[known], np.unique(np.array(patients, dtype=str)[known], return_inverse=True)[1]
    numbers = np.zeros(0)
    if own and all(isinstance(value, int | float) for value in own):
        numbers = np.array(own, dtype=np.float64)
        if (codes := few_numbers(name, numbers)) is not None and len(codes) > 1:
            own, numbers = [f"{value:g}" for value in numbers], numbers[:0]
    numeric = bool(len(numbers))
    kind = {"measure": "r2" if numeric else "auc", "value": None, "chance": 0.0 if numeric else 0.5}
    result: dict[str, Any] = {**kind, "images": len(known)}
    if len(set(groups.tolist())) < FOLDS or len(known) < 2 * FEWEST:
        return {**result, "reason": f"fewer than {2 * FEWEST} images or {FOLDS} patients"}
    if numeric:
        if np.ptp(numbers) == 0:
            return {**result, "reason": "all images have one value"}
        model = make_pipeline(StandardScaler(), Ridge())
        said = cross_val_predict(model, inputs, numbers, groups=groups, cv=GroupKFold(FOLDS))
        return {**result, "value": float(r2_score(numbers, said))}
    texts = np.array([str(value) for value in own])
    levels = {}
    for level in sorted(set(texts.tolist())):
        is_level = texts == level
        sides = [len(set(groups[side].tolist())) for side in (is_level, ~is_level)]
        if min(is_level.sum(), (~is_level).sum()) < FEWEST or min(sides) < FOLDS:
            continue
        areas = []
        for train, test in StratifiedGroupKFold(FOLDS).split(inputs, is_level, groups):
            if min(len(set(is_level[part].tolist())) for part in (train, test)) == 2:
                model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
                said = model.fit(inputs[train], is_level[train]).decision_function(inputs[test])
                areas.append(float(roc_auc(is_level[test], said)))
        if areas:
            levels[level] = float(np.mean(areas))
    if not levels:
        reason = f"no level has {FEWEST} images, and {FEWEST} others, of {FOLDS} patients"
        return {**result, "reason": reason, "levels": {}}
    return {**result, "value": float(np.mean(list(levels.values()))), "levels": levels}
